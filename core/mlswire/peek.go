package mlswire

import (
	"iter"

	"conclave/core/tlsenc"
)

// A Header is what a delivery service needs to know of a message. It aliases
// the message.
type Header struct {
	WireFormat WireFormat
	// GroupID and Epoch are of messages and GroupInfos.
	GroupID []byte
	Epoch   uint64
	// ContentType is of messages.
	ContentType ContentType
	// Sender is of PublicMessages. A PrivateMessage hides it.
	Sender Sender
	// CipherSuite is of Welcomes, GroupInfos and KeyPackages.
	CipherSuite CipherSuite

	secrets []byte // of a Welcome: the inside of its secrets
}

// NewMembers returns the KeyPackageRefs of those whom a Welcome is for,
// RFC 9420, Section 12.4.3.1. They alias the message.
func (h *Header) NewMembers() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for r := tlsenc.NewReader(h.secrets); r.Len() > 0; {
			ref := peekSecret(&r)
			if r.Err() != nil || !yield(ref) {
				return
			}
		}
	}
}

// Peek returns the header of an MLSMessage, RFC 9420, Section 6, without
// parsing the rest or allocating. For every message that [ParseMessage]
// accepts it returns the same values; it also returns a header for some that
// are malformed further on.
func Peek(b []byte) (Header, error) {
	r := tlsenc.NewReader(b)
	version, format := ProtocolVersion(r.Uint16()), WireFormat(r.Uint16())
	if err := r.Err(); err != nil {
		return Header{}, err
	}
	if version != MLS10 {
		return Header{}, ErrVersion
	}
	h := Header{WireFormat: format}
	var err error
	switch format {
	case WireFormatPublicMessage:
		err = h.peekPublic(&r)
	case WireFormatPrivateMessage:
		err = h.peekPrivate(&r)
	case WireFormatWelcome:
		err = h.peekWelcome(&r)
	case WireFormatGroupInfo:
		err = h.peekGroupInfo(&r)
	case WireFormatKeyPackage:
		err = h.peekKeyPackage(&r)
	default:
		err = ErrWireFormat
	}
	if err != nil {
		return Header{}, err
	}
	return h, nil
}

func (h *Header) peekPublic(r *tlsenc.Reader) error {
	h.GroupID, h.Epoch = r.Vector(tlsenc.MaxVector), r.Uint64()
	h.Sender.Type = SenderType(r.Uint8())
	switch h.Sender.Type {
	case SenderTypeMember, SenderTypeExternal:
		h.Sender.Index = r.Uint32()
	case SenderTypeNewMemberProposal, SenderTypeNewMemberCommit:
	default:
		return first(r.Err(), ErrSenderType)
	}
	r.Vector(tlsenc.MaxVector) // authenticated data
	return h.peekContentType(r)
}

func (h *Header) peekPrivate(r *tlsenc.Reader) error {
	h.GroupID, h.Epoch = r.Vector(tlsenc.MaxVector), r.Uint64()
	return h.peekContentType(r)
}

func (h *Header) peekContentType(r *tlsenc.Reader) error {
	h.ContentType = ContentType(r.Uint8())
	switch h.ContentType {
	case ContentTypeApplication, ContentTypeProposal, ContentTypeCommit:
		return r.Err()
	default:
		return first(r.Err(), ErrContentType)
	}
}

func (h *Header) peekWelcome(r *tlsenc.Reader) error {
	h.CipherSuite = CipherSuite(r.Uint16())
	h.secrets = r.Vector(tlsenc.MaxVector)
	r.Vector(tlsenc.MaxVector) // encrypted group info
	if err := r.Done(); err != nil {
		return err
	}
	secrets := tlsenc.NewReader(h.secrets)
	for secrets.Len() > 0 {
		peekSecret(&secrets)
	}
	return secrets.Err()
}

// peekSecret takes EncryptedGroupSecrets and returns its new_member.
func peekSecret(r *tlsenc.Reader) []byte {
	ref := r.Vector(tlsenc.MaxVector)
	r.Vector(tlsenc.MaxVector) // KEM output
	r.Vector(tlsenc.MaxVector) // ciphertext
	return ref
}

func (h *Header) peekGroupInfo(r *tlsenc.Reader) error {
	version := ProtocolVersion(r.Uint16())
	h.CipherSuite = CipherSuite(r.Uint16())
	h.GroupID, h.Epoch = r.Vector(tlsenc.MaxVector), r.Uint64()
	if version != MLS10 {
		return first(r.Err(), ErrVersion)
	}
	return r.Err()
}

func (h *Header) peekKeyPackage(r *tlsenc.Reader) error {
	version := ProtocolVersion(r.Uint16())
	h.CipherSuite = CipherSuite(r.Uint16())
	if version != MLS10 {
		return first(r.Err(), ErrVersion)
	}
	return r.Err()
}

// first returns the first of two errors that is not nil.
func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
