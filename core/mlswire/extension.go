package mlswire

import "conclave/core/tlsenc"

// An ExtensionType is the kind of an [Extension], RFC 9420, Section 17.3.
type ExtensionType uint16

// The extension types of RFC 9420, Section 17.3.
const (
	ExtensionTypeApplicationID        ExtensionType = 1
	ExtensionTypeRatchetTree          ExtensionType = 2
	ExtensionTypeRequiredCapabilities ExtensionType = 3
	ExtensionTypeExternalPub          ExtensionType = 4
	ExtensionTypeExternalSenders      ExtensionType = 5
)

// An Extension is a typed value that a version of MLS need not know, RFC 9420,
// Section 13.
type Extension struct {
	Type ExtensionType
	Data []byte
}

// Extensions is a list of extensions with at most one of each type.
type Extensions []Extension

// RequiredCapabilities is what every member must support, RFC 9420, Section 11.1.
type RequiredCapabilities struct {
	ExtensionTypes  []ExtensionType
	ProposalTypes   []ProposalType
	CredentialTypes []CredentialType
}

// An ExternalSender may send proposals from outside the group, RFC 9420,
// Section 12.1.8.1.
type ExternalSender struct {
	SignatureKey []byte
	Credential   Credential
}

// ExternalSenders is the content of the external_senders extension, RFC 9420,
// Section 12.1.8.1.
type ExternalSenders []ExternalSender

// Find returns the data of the extension of type t and whether there is one.
func (e Extensions) Find(t ExtensionType) (data []byte, ok bool) {
	for i := range e {
		if e[i].Type == t {
			return e[i].Data, true
		}
	}
	return nil, false
}

// Encode appends an extension.
func (e *Extension) Encode(w *tlsenc.Writer) {
	w.Uint16(uint16(e.Type))
	w.Vector(e.Data)
}

func decodeExtension(d *decoder) Extension {
	return Extension{Type: ExtensionType(d.r.Uint16()), Data: d.bytes()}
}

// Encode appends a list of extensions.
func (e Extensions) Encode(w *tlsenc.Writer) { encodeList(w, e) }

// decodeExtensions refuses two extensions of one type, RFC 9420, Section 13.
func decodeExtensions(d *decoder) Extensions {
	e := Extensions(list(d, costExtension, decodeExtension))
	if e.hasDuplicate() {
		d.fail(ErrDuplicateExtension)
	}
	return e
}

// hasDuplicate takes time in proportion to the length of the list.
func (e Extensions) hasDuplicate() bool {
	const few = 16
	if len(e) <= few {
		for i := range e {
			if _, found := e[:i].Find(e[i].Type); found {
				return true
			}
		}
		return false
	}
	var seen [1 << 16 / 64]uint64
	for i := range e {
		word, bit := e[i].Type/64, uint64(1)<<(e[i].Type%64)
		if seen[word]&bit != 0 {
			return true
		}
		seen[word] |= bit
	}
	return false
}

// Encode appends the required_capabilities extension's content.
func (c *RequiredCapabilities) Encode(w *tlsenc.Writer) {
	encodeUint16s(w, c.ExtensionTypes)
	encodeUint16s(w, c.ProposalTypes)
	encodeUint16s(w, c.CredentialTypes)
}

func decodeRequiredCapabilities(d *decoder) RequiredCapabilities {
	return RequiredCapabilities{
		ExtensionTypes:  uint16s[ExtensionType](d),
		ProposalTypes:   uint16s[ProposalType](d),
		CredentialTypes: uint16s[CredentialType](d),
	}
}

// Encode appends an external sender.
func (s *ExternalSender) Encode(w *tlsenc.Writer) {
	w.Vector(s.SignatureKey)
	s.Credential.Encode(w)
}

func decodeExternalSender(d *decoder) ExternalSender {
	return ExternalSender{SignatureKey: d.bytes(), Credential: decodeCredential(d)}
}

// Encode appends the external_senders extension's content.
func (s ExternalSenders) Encode(w *tlsenc.Writer) { encodeList(w, s) }

func decodeExternalSenders(d *decoder) ExternalSenders {
	return list(d, costExternalSender, decodeExternalSender)
}
