package mlswire

import "conclave/core/tlsenc"

// A ProposalType is the kind of a [Proposal], RFC 9420, Section 17.4.
type ProposalType uint16

// The proposal types of RFC 9420, Section 17.4.
const (
	ProposalTypeAdd                    ProposalType = 1
	ProposalTypeUpdate                 ProposalType = 2
	ProposalTypeRemove                 ProposalType = 3
	ProposalTypePreSharedKey           ProposalType = 4
	ProposalTypeReInit                 ProposalType = 5
	ProposalTypeExternalInit           ProposalType = 6
	ProposalTypeGroupContextExtensions ProposalType = 7
)

// A Proposal is a change to a group, RFC 9420, Section 12.1: one of [*Add],
// [*Update], [*Remove], [*PreSharedKey], [*ReInit], [*ExternalInit] and
// [*GroupContextExtensions]. Encode appends it with its type.
type Proposal interface {
	Encoder
	ProposalType() ProposalType
	encodeBody(w *tlsenc.Writer)
}

// Add adds a client, RFC 9420, Section 12.1.1.
type Add struct{ KeyPackage KeyPackage }

// Update replaces the sender's leaf, RFC 9420, Section 12.1.2.
type Update struct{ LeafNode LeafNode }

// Remove removes a member, RFC 9420, Section 12.1.3.
type Remove struct{ Removed uint32 }

// PreSharedKey mixes a pre-shared key into the key schedule, RFC 9420, Section 12.1.4.
type PreSharedKey struct{ PSK PreSharedKeyID }

// ReInit ends a group to begin it anew with other parameters, RFC 9420, Section 12.1.5.
type ReInit struct {
	GroupID     []byte
	Version     ProtocolVersion
	CipherSuite CipherSuite
	Extensions  Extensions
}

// ExternalInit carries the KEM output of an external commit, RFC 9420, Section 12.1.6.
type ExternalInit struct{ KEMOutput []byte }

// GroupContextExtensions replaces the group's extensions, RFC 9420, Section 12.1.7.
type GroupContextExtensions struct{ Extensions Extensions }

// A PSKType is the kind of a pre-shared key, RFC 9420, Section 8.4.
type PSKType uint8

// The PSK types of RFC 9420, Section 8.4.
const (
	PSKTypeExternal   PSKType = 1
	PSKTypeResumption PSKType = 2
)

// A ResumptionPSKUsage says what a resumption PSK is for, RFC 9420, Section 8.4.
type ResumptionPSKUsage uint8

// The usages of RFC 9420, Section 8.4.
const (
	ResumptionPSKUsageApplication ResumptionPSKUsage = 1
	ResumptionPSKUsageReInit      ResumptionPSKUsage = 2
	ResumptionPSKUsageBranch      ResumptionPSKUsage = 3
)

// A PreSharedKeyID names a pre-shared key, RFC 9420, Section 8.4.
type PreSharedKeyID struct {
	Type     PSKType
	PSKID    []byte             // of PSKTypeExternal
	Usage    ResumptionPSKUsage // of PSKTypeResumption
	GroupID  []byte             // of PSKTypeResumption: psk_group_id
	Epoch    uint64             // of PSKTypeResumption: psk_epoch
	PSKNonce []byte
}

// A ProposalOrRef is a proposal by value or, with Proposal nil, by reference,
// RFC 9420, Section 12.4.
type ProposalOrRef struct {
	Proposal  Proposal
	Reference []byte // ProposalRef
}

// A Commit applies proposals and begins an epoch, RFC 9420, Section 12.4.
type Commit struct {
	Proposals []ProposalOrRef
	Path      *UpdatePath // nil when absent
}

// An UpdatePathNode is one node of an [UpdatePath], RFC 9420, Section 7.6.
type UpdatePathNode struct {
	EncryptionKey       []byte
	EncryptedPathSecret []HPKECiphertext
}

// An UpdatePath gives new keys to the nodes above a leaf, RFC 9420, Section 7.6.
type UpdatePath struct {
	LeafNode LeafNode
	Nodes    []UpdatePathNode
}
