package mlswire

// A CredentialType is the kind of a [Credential], RFC 9420, Section 17.5.
type CredentialType uint16

// The credential types of RFC 9420, Section 17.5.
const (
	CredentialTypeBasic CredentialType = 1
	CredentialTypeX509  CredentialType = 2
)

// A Credential binds a signature key to an identity, RFC 9420, Section 5.3.
type Credential struct {
	Type         CredentialType
	Identity     []byte   // of basic
	Certificates [][]byte // of x509: DER, the end entity first
}

// Capabilities are what a member supports, RFC 9420, Section 7.2.
type Capabilities struct {
	Versions     []ProtocolVersion
	CipherSuites []CipherSuite
	Extensions   []ExtensionType
	Proposals    []ProposalType
	Credentials  []CredentialType
}

// A LeafNodeSource is where a leaf node came from, RFC 9420, Section 7.2.
type LeafNodeSource uint8

// The leaf node sources of RFC 9420, Section 7.2.
const (
	LeafNodeSourceKeyPackage LeafNodeSource = 1
	LeafNodeSourceUpdate     LeafNodeSource = 2
	LeafNodeSourceCommit     LeafNodeSource = 3
)

// A Lifetime is when a KeyPackage's leaf is valid, in seconds since 1970,
// RFC 9420, Section 7.2.
type Lifetime struct {
	NotBefore uint64
	NotAfter  uint64
}

// A LeafNode is a member as the tree shows it, RFC 9420, Section 7.2.
type LeafNode struct {
	EncryptionKey []byte
	SignatureKey  []byte
	Credential    Credential
	Capabilities  Capabilities
	Source        LeafNodeSource
	Lifetime      Lifetime // of LeafNodeSourceKeyPackage
	ParentHash    []byte   // of LeafNodeSourceCommit
	Extensions    Extensions
	Signature     []byte
}

// A KeyPackage lets others add a client to a group, RFC 9420, Section 10.
type KeyPackage struct {
	Version     ProtocolVersion
	CipherSuite CipherSuite
	InitKey     []byte
	LeafNode    LeafNode
	Extensions  Extensions
	Signature   []byte
}
