package account

import (
	"crypto/ed25519"
	"fmt"

	"conclave/core/identity"
	"conclave/core/tlsenc"
)

const (
	labelStatement  = "Conclave 1.0 statement"
	formatStatement = 1
)

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

// SignStatement signs a statement whose other fields are set.
func (k *IdentityKey) SignStatement(s *Statement) {
	s.Signature = k.signer.sign(s.signingInput())
}

// Verify returns ErrSignature unless signerKey signed the statement: a device
// uses the identity key of its own account, so what others put into its store
// counts for nothing.
func (s *Statement) Verify(signerKey [32]byte) error {
	if !identity.ValidKey(signerKey) || !ed25519.Verify(signerKey[:], s.signingInput(), s.Signature[:]) {
		return fmt.Errorf("%w: statement about a contact", ErrSignature)
	}
	return nil
}

func (s *Statement) signingInput() []byte {
	w := tlsenc.NewWriter(len(labelStatement) + 128)
	w.Fixed([]byte(labelStatement))
	s.encode(w)
	return w.Bytes()
}

func (s *Statement) encode(w *tlsenc.Writer) {
	w.Uint16(formatStatement)
	w.Fixed(s.Signer[:])
	w.Fixed(s.Subject[:])
	w.Fixed(s.Key[:])
	w.Uint8(uint8(s.Method))
	w.Uint64(s.Time)
}

// Encode returns the statement as it is stored.
func (s *Statement) Encode() []byte {
	w := tlsenc.NewWriter(192)
	s.encode(w)
	w.Fixed(s.Signature[:])
	return w.Bytes()
}

// ParseStatement reads what Encode wrote, or returns ErrMalformed. It checks no
// signature.
func ParseStatement(b []byte) (*Statement, error) {
	r := tlsenc.NewReader(b)
	format := r.Uint16()
	var s Statement
	copy(s.Signer[:], r.Fixed(len(s.Signer)))
	copy(s.Subject[:], r.Fixed(len(s.Subject)))
	copy(s.Key[:], r.Fixed(len(s.Key)))
	s.Method = Method(r.Uint8())
	s.Time = r.Uint64()
	copy(s.Signature[:], r.Fixed(len(s.Signature)))
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: statement: %w", ErrMalformed, err)
	}
	if format != formatStatement || s.Method > MethodQR {
		return nil, fmt.Errorf("%w: statement of an unknown kind", ErrMalformed)
	}
	return &s, nil
}
