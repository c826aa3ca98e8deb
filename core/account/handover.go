package account

import (
	"fmt"

	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

const (
	labelHandOver  = "Conclave 1.0 hand-over"
	formatHandOver = 1
	maxKEMOutput   = 2 << 10
)

// HandOver seals a bundle to a request. key is SASResult.HandOver of the
// verification that showed the request's fingerprint: the sealing key is derived
// from it and from an HPKE export (RFC 9180, Section 5.3) to the request's KEM
// key. So only the device that asked can open it, and only the device that was
// checked can have made it. The caller erases key.
func HandOver(r *Request, key secret.Value, b *Bundle) ([]byte, error) {
	if key.Len() != keySize {
		return nil, ErrKey
	}
	s, err := suite.Lookup(suite.Default)
	if err != nil {
		return nil, fmt.Errorf("account: handing over: %w", err)
	}
	plaintext, err := b.Encode()
	if err != nil {
		return nil, err
	}
	defer plaintext.Erase()
	output, exported, err := s.SendExport(r.KEMKey, labelHandOver, keySize)
	if err != nil {
		return nil, fmt.Errorf("account: handing over: %w", err)
	}
	defer exported.Erase()
	sealing := handOverSealer(r, key, exported, output)
	defer sealing.erase()
	w := tlsenc.NewWriter(len(output) + plaintext.Len() + sealOverhead + 16)
	w.Uint16(formatHandOver)
	w.Vector(output)
	w.Vector(sealing.seal(plaintext.Expose(), nil))
	return w.Bytes(), nil
}

// Receive opens what HandOver sealed to this request, with its private key and
// the key of the verification. It returns ErrMalformed, or ErrSignature if it is
// not from the device that was checked.
func (r *Request) Receive(private, key secret.Value, sealed []byte) (*Bundle, error) {
	if key.Len() != keySize {
		return nil, ErrKey
	}
	s, err := suite.Lookup(suite.Default)
	if err != nil {
		return nil, fmt.Errorf("account: receiving a hand-over: %w", err)
	}
	in := tlsenc.NewReader(sealed)
	format := in.Uint16()
	output := in.Vector(maxKEMOutput)
	ciphertext := in.Vector(maxBundle)
	if err := in.Done(); err != nil {
		return nil, fmt.Errorf("%w: hand-over: %w", ErrMalformed, err)
	}
	if format != formatHandOver {
		return nil, fmt.Errorf("%w: hand-over of an unknown format", ErrMalformed)
	}
	exported, err := s.ReceiveExport(private, output, labelHandOver, keySize)
	if err != nil {
		return nil, fmt.Errorf("%w: hand-over: %w", ErrMalformed, err)
	}
	defer exported.Erase()
	sealing := handOverSealer(r, key, exported, output)
	defer sealing.erase()
	plaintext, err := sealing.open(ciphertext, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: hand-over", ErrSignature)
	}
	defer plaintext.Erase()
	return ParseBundle(plaintext)
}

// handOverSealer returns the sealer for one hand-over: its key needs both
// secrets, and is used once.
func handOverSealer(r *Request, key, exported secret.Value, output []byte) sealer {
	fingerprint := r.Fingerprint()
	both := secret.Own(append(append(make([]byte, 0, 2*keySize), key.Expose()...), exported.Expose()...))
	defer both.Erase()
	return newSealer(both, labelHandOver, fingerprint[:], output)
}
