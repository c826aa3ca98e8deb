package sframe

import (
	"slices"
	"sync"
)

// MaxKeys bounds the keys of an Opener: two epochs of 1024 senders with five
// contexts each.
const MaxKeys = 2 * int(MaxSenderIndex+1) * contexts

// An Opener opens frames by their key id. It holds exactly one key for each key
// id, and for each a window of the counters it has accepted. It may be used
// concurrently; frames of different key ids are opened in parallel.
type Opener struct {
	// mu guards keys. It is not held while a frame is opened.
	mu   sync.RWMutex
	keys map[KID]*receiver
}

// A receiver is one key of an Opener with its replay window.
type receiver struct {
	// mu guards the fields below.
	mu     sync.Mutex
	cipher *frameCipher
	window window
}

// NewOpener returns an Opener without keys.
func NewOpener() *Opener { return &Opener{keys: make(map[KID]*receiver)} }

// Add adds a key. It returns ErrSuite or ErrKey if m is not complete,
// ErrTooManyKeys beyond MaxKeys, and ErrKeyExists if the key id has a key
// already: remove that first. Trying two keys would let a sender make frames
// that mean different things to different receivers.
func (o *Opener) Add(m KeyMaterial) error {
	c, err := newFrameCipher(m)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.keys[m.KID]; ok {
		return ErrKeyExists
	}
	if len(o.keys) >= MaxKeys {
		return ErrTooManyKeys
	}
	o.keys[m.KID] = &receiver{cipher: c}
	return nil
}

// Remove removes the key of kid with its replay window, if there is one.
func (o *Opener) Remove(kid KID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.keys, kid)
}

// Has reports whether there is a key for kid.
func (o *Opener) Has(kid KID) bool { return o.receiver(kid) != nil }

func (o *Opener) receiver(kid KID) *receiver {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.keys[kid]
}

// Open opens an SFrame ciphertext and appends the plaintext to dst. The metadata
// must be what the sender gave. dst must not overlap frame or metadata.
//
// It returns ErrMalformed if the header does not parse, ErrUnknownKey if there
// is no key (the header is returned then too, and the frame may be held until
// the key comes), ErrReplay for a counter that was accepted before or is older
// than the window, and ErrOpen if the frame is not authentic. On an error dst is
// returned as it was and no state has changed.
func (o *Opener) Open(dst, frame, metadata []byte) ([]byte, Header, error) {
	h, size, err := ParseHeader(frame)
	if err != nil {
		return dst, Header{}, err
	}
	r := o.receiver(h.KID)
	if r == nil {
		return dst, h, ErrUnknownKey
	}
	out, err := r.open(dst, frame, metadata, h, size)
	return out, h, err
}

// open implements decrypt of RFC 9605, Section 4.4.4.
func (r *receiver) open(dst, frame, metadata []byte, h Header, size int) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// An early answer only: the window moves after authentication.
	if !r.window.isFresh(h.Counter) {
		return dst, ErrReplay
	}
	aead := r.cipher.aead()
	ciphertext := frame[size:]
	if len(ciphertext) < aead.Overhead() {
		return dst, ErrMalformed
	}
	start := len(dst)
	aad, space := frame[:size], dst
	if len(metadata) > 0 {
		// The additional data is header || metadata in one piece. It borrows
		// the room behind the plaintext.
		room := len(ciphertext) - aead.Overhead()
		space = slices.Grow(dst, room+size+len(metadata))
		aad = append(space[start+room:start+room], frame[:size]...)
		aad = append(aad, metadata...)
		space = space[: start : start+room]
	}
	out, err := aead.Open(space, r.cipher.nonceFor(h.Counter), ciphertext, aad)
	if err != nil {
		return dst, ErrOpen
	}
	r.window.accept(h.Counter)
	return out, nil
}
