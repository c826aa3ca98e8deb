package suite

import "conclave/core/tlsenc"

// A Check is one signature to be verified with [Suite.VerifyAll]: the arguments
// of [Suite.VerifyWithLabel].
type Check struct {
	PublicKey []byte
	Label     string
	Content   []byte
	Signature []byte
}

// A RawCheck is one signature for a [Verifier]: Message has its label.
type RawCheck struct {
	PublicKey []byte
	Message   []byte
	Signature []byte
}

// A Verifier verifies many signatures at once, with whatever the platform has.
// Who joins a group of 1000 checks 1000 signatures; in a browser that takes half
// a second in Go and a tenth of it in WebCrypto.
//
// VerifyAll returns one answer a check, in the same order. All members of a
// group must agree on which signatures are valid, so an implementation accepts
// exactly those that [Suite.VerifyWithLabel] does: see there for Ed25519. What
// is malformed in ways that implementations are known to differ over is refused
// before a Verifier sees it.
type Verifier interface {
	VerifyAll(id ID, checks []RawCheck) []bool
}

// VerifyAll returns nil if every signature is valid, and otherwise an error that
// wraps ErrSignature and names the index of the first that is not.
func (s *Suite) VerifyAll(checks []Check) error {
	for i, c := range checks {
		if err := s.VerifyWithLabel(c.PublicKey, c.Label, c.Content, c.Signature); err != nil {
			return numberedError{err, i}
		}
	}
	return nil
}

// VerifyAllWith is VerifyAll with the signatures verified by v, or, if v is nil,
// one by one in Go.
func (s *Suite) VerifyAllWith(v Verifier, checks []Check) error {
	if v == nil {
		return s.VerifyAll(checks)
	}
	raw := make([]RawCheck, len(checks))
	for i, c := range checks {
		if len(c.Content) > tlsenc.MaxVector || !s.row.Scheme.Check(c.PublicKey) || !s.row.Scheme.PreCheck(c.Signature) {
			return numberedError{ErrSignature, i}
		}
		raw[i] = RawCheck{c.PublicKey, labelled(c.Label, c.Content), c.Signature}
	}
	answers := v.VerifyAll(s.row.ID, raw)
	for i := range checks {
		if i >= len(answers) || !answers[i] {
			return numberedError{ErrSignature, i}
		}
	}
	return nil
}
