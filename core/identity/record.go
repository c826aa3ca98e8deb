package identity

import (
	"crypto/ed25519"
	"fmt"

	"conclave/core/tlsenc"
)

// formatRecord is the only format of records.
const formatRecord = 1

// A Record is one version of what an account says about itself. It is public,
// signed by the identity key, and names the record before by its hash.
//
// The fields may be set by who makes a record; nothing is cached, so Encode
// always says what the fields say. A Record may be read concurrently.
type Record struct {
	User     UserID
	Version  uint32   // from 0
	Previous [32]byte // Hash of the record before; zeros for version 0
	Handle   string   // normalised: see NormalizeHandle
	Name     string   // display name
	Time     uint64   // milliseconds since 1970, by the clock of the device that signed
	// IdentityKey is the user identity key, Ed25519.
	IdentityKey [keySize]byte
	Devices     []Device  // 1 to MaxDevices
	Removed     []Removal // at most MaxRemoved, oldest first
	// Recovery is the SHA-256 of the public half of the recovery key; zeros: none.
	Recovery   [32]byte
	Backup     uint64   // counter of the newest backup; 0: none
	BackupHash [32]byte // SHA-256 of that backup; zeros: none
	MinSuite   uint16   // the lowest MLS cipher suite that the account accepts
	// Reset says that this record replaces the identity key without the consent
	// of the one before.
	Reset     bool
	Signature [signatureSize]byte // by IdentityKey over SigningInput
}

// Bounds of the vectors, in bytes.
const (
	maxHandleBytes  = 4 * MaxHandle
	maxDevicesBytes = MaxDevices * maxDevice
	maxRemovedBytes = MaxRemoved * maxRemoval
)

// ParseRecord reads an encoded record. It accepts exactly what Encode writes,
// with its vectors in their bounds; it checks no rule and no signature: see
// [Record.Verify]. Errors wrap ErrRecord. The record does not alias b.
func ParseRecord(b []byte) (*Record, error) {
	if len(b) > MaxRecord {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrRecord, MaxRecord)
	}
	r := tlsenc.NewReader(b)
	if format := r.Uint16(); r.Err() == nil && format != formatRecord {
		return nil, fmt.Errorf("%w: unknown format", ErrRecord)
	}
	var rec Record
	copy(rec.User[:], r.Fixed(idSize))
	rec.Version = r.Uint32()
	copy(rec.Previous[:], r.Fixed(keySize))
	rec.Handle = string(r.Vector(maxHandleBytes))
	rec.Name = string(r.Vector(MaxName))
	rec.Time = r.Uint64()
	copy(rec.IdentityKey[:], r.Fixed(keySize))
	devices := r.Vector(maxDevicesBytes)
	removed := r.Vector(maxRemovedBytes)
	copy(rec.Recovery[:], r.Fixed(keySize))
	rec.Backup = r.Uint64()
	copy(rec.BackupHash[:], r.Fixed(keySize))
	rec.MinSuite = r.Uint16()
	reset := r.Uint8()
	copy(rec.Signature[:], r.Fixed(signatureSize))
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if reset > 1 {
		return nil, fmt.Errorf("%w: reset is neither 0 nor 1", ErrRecord)
	}
	rec.Reset = reset == 1
	if err := rec.decodeLists(devices, removed); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return &rec, nil
}

// decodeLists reads the insides of the two lists.
func (r *Record) decodeLists(devices, removed []byte) error {
	list := tlsenc.NewReader(devices)
	for list.Len() > 0 {
		if len(r.Devices) == MaxDevices {
			return tlsenc.ErrTooLong
		}
		var d Device
		d.decode(&list)
		r.Devices = append(r.Devices, d)
	}
	if err := list.Done(); err != nil {
		return err
	}
	list = tlsenc.NewReader(removed)
	for list.Len() > 0 {
		if len(r.Removed) == MaxRemoved {
			return tlsenc.ErrTooLong
		}
		var m Removal
		m.decode(&list)
		r.Removed = append(r.Removed, m)
	}
	return list.Done()
}

// Encode returns the record as it is stored, published and hashed.
func (r *Record) Encode() []byte {
	w := tlsenc.NewWriter(r.size())
	r.encode(w)
	w.Fixed(r.Signature[:])
	return w.Bytes()
}

// Hash returns the Hash of the encoded record.
func (r *Record) Hash() [32]byte { return Hash(r.Encode()) }

// SigningInput returns what Signature signs: a label and all fields before it.
func (r *Record) SigningInput() []byte {
	w := tlsenc.NewWriter(len(labelRecord) + r.size())
	w.Fixed([]byte(labelRecord))
	r.encode(w)
	return w.Bytes()
}

// size returns about how many bytes the encoded record has, never less.
func (r *Record) size() int {
	const fixed = 512 // 303 bytes and the longest handle and name fit
	return fixed + len(r.Devices)*maxDevice + len(r.Removed)*maxRemoval
}

func (r *Record) encode(w *tlsenc.Writer) {
	w.Uint16(formatRecord)
	w.Fixed(r.User[:])
	w.Uint32(r.Version)
	w.Fixed(r.Previous[:])
	w.Vector([]byte(r.Handle))
	w.Vector([]byte(r.Name))
	w.Uint64(r.Time)
	w.Fixed(r.IdentityKey[:])
	w.Nested(func(w *tlsenc.Writer) {
		for i := range r.Devices {
			r.Devices[i].encode(w)
		}
	})
	w.Nested(func(w *tlsenc.Writer) {
		for i := range r.Removed {
			r.Removed[i].encode(w)
		}
	})
	w.Fixed(r.Recovery[:])
	w.Uint64(r.Backup)
	w.Fixed(r.BackupHash[:])
	w.Uint16(r.MinSuite)
	reset := uint8(0)
	if r.Reset {
		reset = 1
	}
	w.Uint8(reset)
}

// Device returns the listed device with an id, or nil.
func (r *Record) Device(id DeviceID) *Device {
	for i := range r.Devices {
		if r.Devices[i].ID == id {
			return &r.Devices[i]
		}
	}
	return nil
}

// WasRemoved reports whether the record remembers that a device was removed.
func (r *Record) WasRemoved(id DeviceID) bool {
	for i := range r.Removed {
		if r.Removed[i].ID == id {
			return true
		}
	}
	return false
}

// Verify checks all that one record can show: bounds, names, keys, that no
// device is listed twice or also removed, each device's proof, and the signature
// of the identity key. Errors wrap ErrRecord.
func (r *Record) Verify() error { return r.verify(nil) }

// verify is Verify; the proofs of devices that are the same in known, which was
// verified, are not checked again.
func (r *Record) verify(known *Record) error {
	if err := r.checkFields(); err != nil {
		return err
	}
	if err := r.checkLists(known); err != nil {
		return err
	}
	if !ed25519.Verify(r.IdentityKey[:], r.SigningInput(), r.Signature[:]) {
		return fmt.Errorf("%w: signature of the identity key", ErrRecord)
	}
	return nil
}

func (r *Record) checkFields() error {
	first := r.Version == 0
	handle, err := NormalizeHandle(r.Handle)
	switch {
	case r.User.IsZero():
		return fmt.Errorf("%w: no user", ErrRecord)
	case first != (r.Previous == [32]byte{}):
		return fmt.Errorf("%w: only the first version has no record before", ErrRecord)
	case first && (r.Reset || len(r.Removed) > 0):
		return fmt.Errorf("%w: the first version removes nothing", ErrRecord)
	case err != nil || handle != r.Handle:
		return fmt.Errorf("%w: handle", ErrRecord)
	case CheckName(r.Name) != nil:
		return fmt.Errorf("%w: name", ErrRecord)
	case !ValidKey(r.IdentityKey):
		return fmt.Errorf("%w: identity key", ErrRecord)
	case (r.Backup == 0) != (r.BackupHash == [32]byte{}):
		return fmt.Errorf("%w: backup without its hash, or a hash without its backup", ErrRecord)
	case r.MinSuite == 0:
		return fmt.Errorf("%w: no least cipher suite", ErrRecord)
	case len(r.Devices) == 0 || len(r.Devices) > MaxDevices || len(r.Removed) > MaxRemoved:
		return fmt.Errorf("%w: number of devices", ErrRecord)
	default:
		return nil
	}
}

func (r *Record) checkLists(known *Record) error {
	seen := make(map[DeviceID]bool, len(r.Devices)+len(r.Removed))
	for i := range r.Devices {
		d := &r.Devices[i]
		if seen[d.ID] {
			return fmt.Errorf("%w: a device is listed twice", ErrRecord)
		}
		seen[d.ID] = true
		if d.SignatureKey == r.IdentityKey {
			return fmt.Errorf("%w: a device uses the identity key", ErrRecord)
		}
		if known != nil && known.User == r.User {
			if before := known.Device(d.ID); before != nil && *before == *d {
				continue
			}
		}
		if err := d.Verify(r.User); err != nil {
			return err
		}
	}
	for i := range r.Removed {
		m := &r.Removed[i]
		if seen[m.ID] {
			return fmt.Errorf("%w: a device is removed twice, or listed and removed", ErrRecord)
		}
		seen[m.ID] = true
		if err := m.check(); err != nil {
			return err
		}
	}
	return nil
}
