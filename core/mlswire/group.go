package mlswire

// A CipherSuite is the number of a cipher suite, RFC 9420, Section 17.1.
// Package suite implements them.
type CipherSuite uint16

// A GroupContext is what all members of an epoch agree on, RFC 9420, Section 8.1.
type GroupContext struct {
	Version                 ProtocolVersion
	CipherSuite             CipherSuite
	GroupID                 []byte
	Epoch                   uint64
	TreeHash                []byte
	ConfirmedTranscriptHash []byte
	Extensions              Extensions
}

// A GroupInfo describes an epoch to those who join it, RFC 9420, Section 12.4.3.
type GroupInfo struct {
	GroupContext    GroupContext
	Extensions      Extensions
	ConfirmationTag []byte
	Signer          uint32 // leaf index
	Signature       []byte
}

// An HPKECiphertext is the result of EncryptWithLabel, RFC 9420, Section 5.1.3.
type HPKECiphertext struct {
	KEMOutput  []byte
	Ciphertext []byte
}

// EncryptedGroupSecrets are the secrets of an epoch for one new member,
// RFC 9420, Section 12.4.3.1.
type EncryptedGroupSecrets struct {
	NewMember             []byte // KeyPackageRef
	EncryptedGroupSecrets HPKECiphertext
}

// A Welcome lets new members into a group, RFC 9420, Section 12.4.3.1.
type Welcome struct {
	CipherSuite        CipherSuite
	Secrets            []EncryptedGroupSecrets
	EncryptedGroupInfo []byte
}
