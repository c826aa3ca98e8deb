package mlswire

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
