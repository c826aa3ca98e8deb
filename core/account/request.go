package account

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"conclave/core/identity"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

const (
	// MaxRequest is the most bytes of a device request.
	MaxRequest = 2 << 10

	labelRequest  = "Conclave 1.0 device request"
	formatRequest = 1
)

// A Request is what a new device asks the account's other devices. The server
// stores it; only its fingerprint, compared by people or scanned, makes it
// trusted. Its fields are not to be changed.
type Request struct {
	User         identity.UserID
	SignatureKey [32]byte
	Class        identity.Class
	Name         string
	Time         uint64   // milliseconds since 1970
	Endpoint     [16]byte // where the device's session takes mail
	KEMKey       []byte   // public key of suite.Default
	Signature    [64]byte // by SignatureKey
}

// NewRequest returns a request and the private key that opens the answer, for the
// sealed store.
func (k *DeviceKey) NewRequest(user identity.UserID, class identity.Class, name string, endpoint [16]byte, now uint64) (*Request, secret.Value, error) {
	s, err := suite.Lookup(suite.Default)
	if err != nil {
		return nil, secret.Value{}, fmt.Errorf("account: making a device request: %w", err)
	}
	pair := s.GenerateKeyPair()
	r := &Request{
		User: user, SignatureKey: k.Public(), Class: class, Name: name,
		Time: now, Endpoint: endpoint, KEMKey: pair.Public,
	}
	r.Signature = k.signer.sign(r.signingInput())
	if err := r.check(s); err != nil {
		pair.Private.Erase()
		return nil, secret.Value{}, err
	}
	return r, pair.Private, nil
}

// ParseRequest reads a request and checks its fields and its signature. It
// returns ErrMalformed or ErrSignature.
func ParseRequest(b []byte) (*Request, error) {
	if len(b) > MaxRequest {
		return nil, fmt.Errorf("%w: device request is too long", ErrMalformed)
	}
	r := tlsenc.NewReader(b)
	format := r.Uint16()
	var q Request
	copy(q.User[:], r.Fixed(len(q.User)))
	copy(q.SignatureKey[:], r.Fixed(len(q.SignatureKey)))
	q.Class = identity.Class(r.Uint8())
	q.Name = string(r.Vector(identity.MaxName))
	q.Time = r.Uint64()
	copy(q.Endpoint[:], r.Fixed(len(q.Endpoint)))
	q.KEMKey = append([]byte(nil), r.Vector(MaxRequest)...)
	copy(q.Signature[:], r.Fixed(len(q.Signature)))
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: device request: %w", ErrMalformed, err)
	}
	if format != formatRequest {
		return nil, fmt.Errorf("%w: device request of an unknown format", ErrMalformed)
	}
	s, err := suite.Lookup(suite.Default)
	if err != nil {
		return nil, fmt.Errorf("account: reading a device request: %w", err)
	}
	if err := q.check(s); err != nil {
		return nil, err
	}
	return &q, nil
}

func (r *Request) check(s *suite.Suite) error {
	switch {
	case r.User.IsZero(), r.Class < identity.Native, r.Class > identity.CommandLine,
		identity.CheckName(r.Name) != nil, s.CheckPublicKey(r.KEMKey) != nil:
		return fmt.Errorf("%w: device request", ErrMalformed)
	case !identity.ValidKey(r.SignatureKey),
		!ed25519.Verify(r.SignatureKey[:], r.signingInput(), r.Signature[:]):
		return fmt.Errorf("%w: device request", ErrSignature)
	default:
		return nil
	}
}

// Device returns the name that the device will have.
func (r *Request) Device() identity.DeviceID { return identity.NewDeviceID(r.SignatureKey) }

// Encode returns the request as it travels.
func (r *Request) Encode() []byte {
	w := tlsenc.NewWriter(MaxRequest)
	r.encode(w)
	w.Fixed(r.Signature[:])
	return w.Bytes()
}

// Fingerprint returns what stands for the request in a SAS or QR code: the
// SHA-256 of a label and the encoded request.
func (r *Request) Fingerprint() Fingerprint {
	return sha256.Sum256(append([]byte(labelRequest+" fingerprint"), r.Encode()...))
}

func (r *Request) signingInput() []byte {
	w := tlsenc.NewWriter(len(labelRequest) + MaxRequest)
	w.Fixed([]byte(labelRequest))
	r.encode(w)
	return w.Bytes()
}

func (r *Request) encode(w *tlsenc.Writer) {
	w.Uint16(formatRequest)
	w.Fixed(r.User[:])
	w.Fixed(r.SignatureKey[:])
	w.Uint8(uint8(r.Class))
	w.Vector([]byte(r.Name))
	w.Uint64(r.Time)
	w.Fixed(r.Endpoint[:])
	w.Vector(r.KEMKey)
}
