package session

import (
	"crypto/ed25519"
	"crypto/hpke"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"conclave/core/secret"
	"conclave/core/sframe"
)

// A Device holds the private keys that one client made for one stay in one
// meeting, and the counters that must never run backwards while it stays. Make a
// new one for every join, also after a lost seat. It may be used concurrently.
type Device struct {
	// Constant after GenerateDevice. The keys sit behind types that fmt cannot
	// look inside.
	link         Link
	signingKey   secret.Value // Ed25519 private key
	kem          func() hpke.PrivateKey
	announcement []byte
	own          Announcement

	erased atomic.Bool

	// mu guards the fields below.
	mu      sync.Mutex
	joined  bool
	leased  map[sframe.Context]uint64 // the next media counter of each context
	counter uint64                    // the last counter of sealed data
}

// GenerateDevice makes a device's keys and its announcement. rand must be
// cryptographically secure. The name is cleaned as [CleanName] does, which also
// says when ErrName is returned; ErrMalformed is for an invalid class.
func GenerateDevice(rand io.Reader, link Link, class Class, name string) (*Device, error) {
	if !class.IsValid() {
		return nil, ErrMalformed
	}
	name, err := CleanName(name)
	if err != nil {
		return nil, err
	}
	var random struct {
		signing, kem [32]byte
		nonce        [nameNonceSize]byte
	}
	defer clear(random.signing[:])
	defer clear(random.kem[:])
	for _, b := range [][]byte{random.signing[:], random.kem[:], random.nonce[:]} {
		if _, err := io.ReadFull(rand, b); err != nil {
			return nil, fmt.Errorf("session: generating a device: %w", err)
		}
	}
	signing := ed25519.NewKeyFromSeed(random.signing[:])
	kem, err := hpke.MLKEM768X25519().NewPrivateKey(random.kem[:])
	if err != nil {
		return nil, fmt.Errorf("session: generating a device: %v", err)
	}
	f := announcementFields{
		class:        class,
		meeting:      link.meeting,
		signatureKey: signing[ed25519.SeedSize:],
		kemKey:       kem.PublicKey().Bytes(),
		nameNonce:    random.nonce[:],
	}
	aead, err := link.nameAEAD()
	if err != nil {
		return nil, err
	}
	f.sealedName = aead.Seal(nil, f.nameNonce, padName(name), f.signatureKey)
	signed := f.marshal()
	signature := ed25519.Sign(signing, join(announcementLabel, signed))
	proof := link.prove(announcementProofLabel, signed, signature)

	d := &Device{
		link:         link,
		signingKey:   secret.Own(signing),
		kem:          func() hpke.PrivateKey { return kem },
		announcement: join("", signed, signature, proof),
		leased:       make(map[sframe.Context]uint64),
	}
	// What we are about to publish must pass what others will check.
	if d.own, err = link.OpenAnnouncement(d.announcement); err != nil {
		return nil, fmt.Errorf("session: verifying our own announcement: %v", err)
	}
	return d, nil
}

// Announcement returns the bytes to send to the server. The caller must not
// change them.
func (d *Device) Announcement() []byte { return d.announcement }

// Hash returns the hash of the announcement, the device's name in rosters.
func (d *Device) Hash() AnnouncementHash { return d.own.Hash }

// Admission returns the signature by the link's admission key that shows the
// server that the maker of the announcement holds the link, docs/protocol.md,
// Section 6. It admits this announcement to this meeting only.
func (d *Device) Admission() []byte { return d.link.admit(d.own.Hash) }

// Link returns the link of the meeting that the device is for.
func (d *Device) Link() Link { return d.link }

// Lease hands out n counters for frames in context, from up to, but not
// including, to. A counter is never handed out twice, in whatever epoch, so a
// frame worker that starts again never seals two frames alike. It returns
// sframe.ErrExhausted when there are no n counters left, and sframe.ErrMalformed
// for an unknown context.
func (d *Device) Lease(c sframe.Context, n uint64) (from, to uint64, err error) {
	if !c.IsValid() {
		return 0, 0, sframe.ErrMalformed
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	from = d.leased[c]
	to = from + n
	if to < from {
		return 0, 0, sframe.ErrExhausted
	}
	d.leased[c] = to
	return from, to, nil
}

// nextCounter returns the next counter of sealed data, from 1.
func (d *Device) nextCounter() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counter++
	return d.counter
}

// sign signs label and parts.
func (d *Device) sign(label string, parts ...[]byte) []byte {
	return ed25519.Sign(ed25519.PrivateKey(d.signingKey.Expose()), join(label, parts...))
}

// hasJoined reports whether the device has entered a meeting.
func (d *Device) hasJoined() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.joined
}

// enter marks the device as used and reports whether it was not before.
func (d *Device) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := !d.joined
	d.joined = true
	return first
}

// Erase overwrites the signing key; the device signs nothing more (ErrErased). The
// library that holds the KEM key has no way to overwrite it, so that key is left
// to the garbage collector. Nothing may use the device at the same time or after.
func (d *Device) Erase() {
	d.erased.Store(true)
	d.signingKey.Erase()
}
