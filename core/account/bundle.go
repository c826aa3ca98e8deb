package account

import (
	"fmt"

	"conclave/core/identity"
	"conclave/core/secret"
	"conclave/core/tlsenc"
)

const formatBundle = 1

// Bounds of a bundle, in bytes where nothing else is said.
const (
	MaxStatements = 1024 // statements
	maxStatement  = 160  // one has 139
	MaxPins       = 160 << 10
	maxBundle     = MaxBackup
)

// A Bundle is what a device must know to be one of the account: what is handed
// over, and what a backup holds. A hand-over travels in one message of the
// mailbox (4 KiB): leave out Statements and Pins there, the backup has them.
type Bundle struct {
	IdentityKey secret.Value // seed of the identity key
	BackupKey   secret.Value // 32 bytes: opens every backup; empty: there is none
	Statements  [][]byte     // encoded statements, at most MaxStatements
	Pins        []byte       // of the directory, at most MaxPins bytes; opaque here
	// Approver is who hands over: the new device names it as AddedBy.
	Approver identity.DeviceID
	// Version and Record are the version and identity.Hash of the newest record
	// that the maker accepted: who receives the bundle accepts no older one.
	Version uint32
	Record  [32]byte
}

// Erase overwrites the bundle's keys.
func (b *Bundle) Erase() {
	b.IdentityKey.Erase()
	b.BackupKey.Erase()
}

// Encode returns the bundle as it is sealed, or ErrMalformed if it is out of
// bounds.
func (b *Bundle) Encode() (secret.Value, error) {
	if b.IdentityKey.Len() != SeedSize || b.BackupKey.Len() != 0 && b.BackupKey.Len() != keySize ||
		len(b.Statements) > MaxStatements || len(b.Pins) > MaxPins {
		return secret.Value{}, fmt.Errorf("%w: bundle", ErrMalformed)
	}
	for _, s := range b.Statements {
		if len(s) > maxStatement {
			return secret.Value{}, fmt.Errorf("%w: statement of a bundle", ErrMalformed)
		}
	}
	w := tlsenc.NewSecretWriter(256 + len(b.Pins) + len(b.Statements)*maxStatement)
	w.Uint16(formatBundle)
	w.Fixed(b.IdentityKey.Expose())
	w.Vector(b.BackupKey.Expose())
	w.Nested(func(w *tlsenc.Writer) {
		for _, s := range b.Statements {
			w.Vector(s)
		}
	})
	w.Vector(b.Pins)
	w.Fixed(b.Approver[:])
	w.Uint32(b.Version)
	w.Fixed(b.Record[:])
	return secret.Own(w.Bytes()), nil
}

// ParseBundle reads what Encode wrote, or returns ErrMalformed. The result holds
// copies.
func ParseBundle(encoded secret.Value) (*Bundle, error) {
	r := tlsenc.NewReader(encoded.Expose())
	format := r.Uint16()
	b := Bundle{IdentityKey: secret.New(r.Fixed(SeedSize)), BackupKey: secret.New(r.Vector(keySize))}
	statements := r.Vector(MaxStatements * (maxStatement + 2))
	b.Pins = append([]byte(nil), r.Vector(MaxPins)...)
	copy(b.Approver[:], r.Fixed(len(b.Approver)))
	b.Version = r.Uint32()
	copy(b.Record[:], r.Fixed(len(b.Record)))
	err := r.Done()
	list := tlsenc.NewReader(statements)
	for err == nil && list.Len() > 0 {
		b.Statements = append(b.Statements, append([]byte(nil), list.Vector(maxStatement)...))
		if err = list.Err(); err == nil && len(b.Statements) > MaxStatements {
			err = tlsenc.ErrTooLong
		}
	}
	if n := b.BackupKey.Len(); err == nil && (format != formatBundle || n != 0 && n != keySize) {
		err = tlsenc.ErrLength
	}
	if err != nil {
		b.Erase()
		return nil, fmt.Errorf("%w: bundle: %w", ErrMalformed, err)
	}
	return &b, nil
}
