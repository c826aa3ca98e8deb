package account

import "conclave/core/identity"

// A Method says how somebody was verified.
type Method uint8

// The methods, from none to the strongest.
const (
	MethodNone   Method = 0 // a statement that takes an earlier one back
	MethodEmoji  Method = 1
	MethodNumber Method = 2
	MethodQR     Method = 3
)

// String returns "none", "emoji", "number" or "qr".
func (m Method) String() string {
	switch m {
	case MethodEmoji:
		return "emoji"
	case MethodNumber:
		return "number"
	case MethodQR:
		return "qr"
	default:
		return "none"
	}
}

// A Statement says that its signer verified that an identity key is a user's. It
// is kept by the signer's devices, sealed; it holds only for that key.
type Statement struct {
	Signer    identity.UserID
	Subject   identity.UserID
	Key       [32]byte // the identity key of Subject
	Method    Method
	Time      uint64 // milliseconds since 1970
	Signature [64]byte
}

// SignStatement fills in signer's part: Signer must be set, Signature is made.
func (k *IdentityKey) SignStatement(s *Statement) { panic("account: unfinished") }

// Verify returns ErrSignature unless signerKey signed the statement.
func (s *Statement) Verify(signerKey [32]byte) error { panic("account: unfinished") }

// Encode returns the statement as it is stored.
func (s *Statement) Encode() []byte { panic("account: unfinished") }

// ParseStatement reads what Encode wrote, or returns ErrMalformed. It checks no
// signature.
func ParseStatement(b []byte) (*Statement, error) { panic("account: unfinished") }
