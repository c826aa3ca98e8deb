package mlswire

// A ProtocolVersion is the version of MLS, RFC 9420, Section 6.
type ProtocolVersion uint16

// MLS10 is the one version that RFC 9420 defines.
const MLS10 ProtocolVersion = 1

// A WireFormat says what an [Message] holds, RFC 9420, Section 6.
type WireFormat uint16

// The wire formats of RFC 9420, Section 17.2.
const (
	WireFormatPublicMessage  WireFormat = 1
	WireFormatPrivateMessage WireFormat = 2
	WireFormatWelcome        WireFormat = 3
	WireFormatGroupInfo      WireFormat = 4
	WireFormatKeyPackage     WireFormat = 5
)

// A ContentType says what a [FramedContent] holds, RFC 9420, Section 6.
type ContentType uint8

// The content types of RFC 9420, Section 6.
const (
	ContentTypeApplication ContentType = 1
	ContentTypeProposal    ContentType = 2
	ContentTypeCommit      ContentType = 3
)

// A SenderType says who sent a message, RFC 9420, Section 6.
type SenderType uint8

// The sender types of RFC 9420, Section 6.
const (
	SenderTypeMember            SenderType = 1
	SenderTypeExternal          SenderType = 2
	SenderTypeNewMemberProposal SenderType = 3
	SenderTypeNewMemberCommit   SenderType = 4
)

// A Sender is who a message claims to be from, RFC 9420, Section 6.
type Sender struct {
	Type SenderType
	// Index is the leaf index of a member, or the index of an external sender
	// in the external_senders extension. Other senders have none.
	Index uint32
}

// A FramedContent is the content of a message and what it is bound to,
// RFC 9420, Section 6. One of ApplicationData, Proposal and Commit is set, as
// ContentType says.
type FramedContent struct {
	GroupID           []byte
	Epoch             uint64
	Sender            Sender
	AuthenticatedData []byte
	ContentType       ContentType
	ApplicationData   []byte
	Proposal          Proposal
	Commit            *Commit
}

// FramedContentAuthData authenticates a [FramedContent], RFC 9420, Section 6.1.
type FramedContentAuthData struct {
	Signature       []byte
	ConfirmationTag []byte // of a commit only
}

// An AuthenticatedContent is a content with its authentication, RFC 9420,
// Section 6. Its hash is what a proposal reference is made of (Section 5.2).
type AuthenticatedContent struct {
	WireFormat WireFormat
	Content    FramedContent
	Auth       FramedContentAuthData
}

// A PublicMessage is a signed, not encrypted message, RFC 9420, Section 6.2.
type PublicMessage struct {
	Content       FramedContent
	Auth          FramedContentAuthData
	MembershipTag []byte // of a member only
}

// A PrivateMessage is a signed and encrypted message, RFC 9420, Section 6.3.
type PrivateMessage struct {
	GroupID             []byte
	Epoch               uint64
	ContentType         ContentType
	AuthenticatedData   []byte
	EncryptedSenderData []byte
	Ciphertext          []byte
}

// A Message is the RFC's MLSMessage, RFC 9420, Section 6: what travels. One of
// the pointers is set, as WireFormat says.
type Message struct {
	Version        ProtocolVersion
	WireFormat     WireFormat
	PublicMessage  *PublicMessage
	PrivateMessage *PrivateMessage
	Welcome        *Welcome
	GroupInfo      *GroupInfo
	KeyPackage     *KeyPackage
}
