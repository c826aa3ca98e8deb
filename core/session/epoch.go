package session

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"

	"conclave/core/secret"
	"conclave/core/sframe"
	"conclave/core/tlsenc"
)

const (
	sessionKeySize   = 32
	confirmationSize = 32
	rosterEntrySize  = 4 + 32
	maxRosterSize    = MaxMembers * rosterEntrySize
	sealedKeySize    = 1120 + sessionKeySize + 16 // KEM ciphertext, then AES-GCM

	// MaxHeader is the most bytes of an epoch header.
	MaxHeader = 2 + 1 + meetingSize + 8 + 32 + 4 + 4 + maxRosterSize +
		confirmationSize + ed25519.SignatureSize + proofSize

	// maxEpoch is the last epoch of a meeting: at ten a second after 13 years.
	// Numbers of JavaScript are exact only up to 2^53, and browsers get epochs
	// as numbers; nobody can make one that two clients read differently.
	maxEpoch Epoch = 1 << 32

	epochLabel      = "Conclave 1.0 epoch"
	epochProofLabel = "Conclave 1.0 epoch proof"
	transcriptLabel = "Conclave 1.0 transcript"
	sealedKeyLabel  = "Conclave 1.0 session key"
)

// A rosterEntry is a Member of docs/protocol.md, Section 3:
//
//	index (4) | announcement hash (32)
type rosterEntry struct {
	index SenderIndex
	hash  AnnouncementHash
}

// An epochContext is the EpochContext of docs/protocol.md, Section 3:
//
//	version (2) | meeting <V> | epoch (8) | previous (32) | committer (4) | roster <V>
type epochContext struct {
	meeting   string
	epoch     Epoch
	previous  [32]byte
	committer SenderIndex
	roster    []rosterEntry
}

func (c epochContext) marshal() []byte {
	roster := tlsenc.NewWriter(len(c.roster) * rosterEntrySize)
	for _, e := range c.roster {
		roster.Uint32(uint32(e.index))
		roster.Fixed(e.hash[:])
	}
	w := tlsenc.NewWriter(MaxHeader - maxRosterSize + len(roster.Bytes()))
	w.Uint16(version)
	w.Vector([]byte(c.meeting))
	w.Uint64(uint64(c.epoch))
	w.Fixed(c.previous[:])
	w.Uint32(uint32(c.committer))
	w.Vector(roster.Bytes())
	return w.Bytes()
}

// An epochHeader is a parsed EpochHeader. Its byte slices alias the input.
//
//	context | confirmation (32) | signature (64) | proof (32)
type epochHeader struct {
	epochContext
	raw          []byte // all of it
	context      []byte // the encoded context
	confirmation []byte
	signature    []byte
	proof        []byte
}

// parseHeader returns ErrMalformed or ErrVersion. It checks the form only.
func parseHeader(b []byte) (epochHeader, error) {
	if len(b) > MaxHeader {
		return epochHeader{}, ErrMalformed
	}
	h := epochHeader{raw: b}
	r := tlsenc.NewReader(b)
	if v := r.Uint16(); r.Err() == nil && v != version {
		return epochHeader{}, ErrVersion
	}
	h.meeting = string(r.Vector(meetingSize))
	h.epoch = Epoch(r.Uint64())
	copy(h.previous[:], r.Fixed(len(h.previous)))
	h.committer = SenderIndex(r.Uint32())
	roster := r.Vector(maxRosterSize)
	h.context = b[:len(b)-r.Len()]
	h.confirmation = r.Fixed(confirmationSize)
	h.signature = r.Fixed(ed25519.SignatureSize)
	h.proof = r.Fixed(proofSize)
	if r.Done() != nil || len(roster) == 0 || len(roster)%rosterEntrySize != 0 {
		return epochHeader{}, ErrMalformed
	}
	h.roster = make([]rosterEntry, len(roster)/rosterEntrySize)
	entries := tlsenc.NewReader(roster)
	for i := range h.roster {
		h.roster[i].index = SenderIndex(entries.Uint32())
		copy(h.roster[i].hash[:], entries.Fixed(32))
	}
	if h.committer > sframe.MaxSenderIndex || h.epoch > maxEpoch {
		return epochHeader{}, ErrMalformed
	}
	return h, nil
}

// entry returns the roster entry with index i.
func (c epochContext) entry(i SenderIndex) (rosterEntry, bool) {
	for _, e := range c.roster {
		if e.index == i {
			return e, true
		}
	}
	return rosterEntry{}, false
}

// find returns the roster entry of a device.
func (c epochContext) find(h AnnouncementHash) (rosterEntry, bool) {
	for _, e := range c.roster {
		if e.hash == h {
			return e, true
		}
	}
	return rosterEntry{}, false
}

// epochKeys are what follows from a session key in its context.
type epochKeys struct {
	base         secret.Value
	confirmation []byte
}

// deriveEpoch implements the key schedule of docs/protocol.md, Section 3. The
// session key belongs to the caller, who erases it.
func deriveEpoch(sessionKey, context []byte) (epochKeys, error) {
	contextHash := sha256.Sum256(context)
	prk, err := hkdf.Extract(sha512.New, sessionKey, contextHash[:])
	if err != nil {
		return epochKeys{}, fmt.Errorf("session: deriving an epoch: %v", err)
	}
	defer clear(prk)
	confirmation, err := hkdf.Expand(sha512.New, prk, "confirmation", confirmationSize)
	if err != nil {
		return epochKeys{}, fmt.Errorf("session: deriving a confirmation: %v", err)
	}
	base, err := hkdf.Expand(sha512.New, prk, "SFrame 1.0 Base Key", 32)
	if err != nil {
		return epochKeys{}, fmt.Errorf("session: deriving a base key: %v", err)
	}
	return epochKeys{base: secret.Own(base), confirmation: confirmation}, nil
}

// transcriptHash returns the hash of the history that ends with header.
func transcriptHash(previous [32]byte, header []byte) [32]byte {
	return sha256.Sum256(join(transcriptLabel, previous[:], header))
}

// sealedKeyInfo binds a sealed session key to one member of one epoch.
func sealedKeyInfo(context []byte, i SenderIndex) []byte {
	contextHash := sha256.Sum256(context)
	return binary.BigEndian.AppendUint32(join(sealedKeyLabel, contextHash[:]), uint32(i))
}

// sealKey encrypts the session key to one member.
func sealKey(to hpke.PublicKey, sessionKey, context []byte, i SenderIndex) ([]byte, error) {
	return hpke.Seal(to, hpke.HKDFSHA384(), hpke.AES256GCM(), sealedKeyInfo(context, i), sessionKey)
}

// openKey decrypts the session key, which the caller erases. It returns
// ErrSealedKey, whatever the cause.
func openKey(k hpke.PrivateKey, sealed, context []byte, i SenderIndex) ([]byte, error) {
	if len(sealed) != sealedKeySize {
		return nil, ErrSealedKey
	}
	key, err := hpke.Open(k, hpke.HKDFSHA384(), hpke.AES256GCM(), sealedKeyInfo(context, i), sealed)
	if err != nil || len(key) != sessionKeySize {
		return nil, ErrSealedKey
	}
	return key, nil
}
