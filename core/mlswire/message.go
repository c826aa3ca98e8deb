package mlswire

import "conclave/core/tlsenc"

// Marshal returns the encoding of m.
func (m *Message) Marshal() []byte { return Marshal(m) }

// Encode appends a message. It panics if the part that WireFormat names is nil.
func (m *Message) Encode(w *tlsenc.Writer) {
	w.Uint16(uint16(m.Version))
	w.Uint16(uint16(m.WireFormat))
	switch m.WireFormat {
	case WireFormatPublicMessage:
		m.PublicMessage.Encode(w)
	case WireFormatPrivateMessage:
		m.PrivateMessage.Encode(w)
	case WireFormatWelcome:
		m.Welcome.Encode(w)
	case WireFormatGroupInfo:
		m.GroupInfo.Encode(w)
	case WireFormatKeyPackage:
		m.KeyPackage.Encode(w)
	default:
		panic("mlswire: internal error: encoding a message of unknown wire format")
	}
}

func decodeMessage(d *decoder) Message {
	m := Message{Version: d.version(), WireFormat: WireFormat(d.r.Uint16())}
	switch m.WireFormat {
	case WireFormatPublicMessage:
		v := decodePublicMessage(d)
		m.PublicMessage = &v
	case WireFormatPrivateMessage:
		v := decodePrivateMessage(d)
		m.PrivateMessage = &v
	case WireFormatWelcome:
		v := decodeWelcome(d)
		m.Welcome = &v
	case WireFormatGroupInfo:
		v := decodeGroupInfo(d)
		m.GroupInfo = &v
	case WireFormatKeyPackage:
		v := decodeKeyPackage(d)
		m.KeyPackage = &v
	default:
		d.failUnlessShort(ErrWireFormat)
	}
	return m
}
