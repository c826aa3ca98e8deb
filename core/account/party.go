package account

import (
	"fmt"

	"conclave/core/identity"
	"conclave/core/secret"
	"conclave/core/tlsenc"
)

// A Party is one side of a verification.
type Party struct {
	User   identity.UserID
	Device identity.DeviceID
	// Fingerprint is what the other side shall be sure of: IdentityFingerprint,
	// or for a new device Request.Fingerprint. That of the peer comes from the
	// directory or the stored request, not from the peer.
	Fingerprint Fingerprint
}

func (p *Party) encode(w *tlsenc.Writer) {
	w.Fixed(p.User[:])
	w.Fixed(p.Device[:])
	w.Fixed(p.Fingerprint[:])
}

func (p *Party) decode(r *tlsenc.Reader) {
	copy(p.User[:], r.Fixed(len(p.User)))
	copy(p.Device[:], r.Fixed(len(p.Device)))
	copy(p.Fingerprint[:], r.Fixed(len(p.Fingerprint)))
}

// A Mode says what a verification is for.
type Mode uint8

// The modes.
const (
	ModeContact   Mode = 1 // two users
	ModeNewDevice Mode = 2 // a new device starts or shows; one that holds the identity key answers or scans
	ModeOldDevice Mode = 3 // one that holds the identity key shows, a new device scans (QR only)
)

// check returns ErrMalformed unless the parties can be verified in the mode.
func (m Mode) check(own, peer Party) error {
	if m < ModeContact || m > ModeOldDevice {
		return fmt.Errorf("%w: unknown mode of verification", ErrMalformed)
	}
	if (m == ModeContact) == (own.User == peer.User) || own.User.IsZero() || peer.User.IsZero() || own.Device.IsZero() {
		return fmt.Errorf("%w: these two do not verify each other in this way", ErrMalformed)
	}
	return nil
}

// A Verified is what two sides have proven to each other.
type Verified struct {
	Peer       Party // with the peer's device
	Method     Method
	Checkpoint Checkpoint // the peer's newest: compare it with your own
	// HandOver is a key that only the two have: see HandOver and Request.Receive.
	HandOver secret.Value
}
