package identity

import (
	"crypto/ed25519"
	"fmt"

	"conclave/core/tlsenc"
)

// A Class says what kind of program a device is. Contacts see it: code that a
// server delivers each time (Web) is worth less trust than code that was
// installed.
type Class uint8

// The classes of devices.
const (
	Native      Class = 1
	Web         Class = 2
	CommandLine Class = 3
)

// String returns "native", "web" or "command line".
func (c Class) String() string {
	switch c {
	case Native:
		return "native"
	case Web:
		return "web"
	case CommandLine:
		return "command line"
	default:
		return "unknown"
	}
}

// A Device is one entry of an account's list of devices.
type Device struct {
	ID           DeviceID // NewDeviceID(SignatureKey)
	SignatureKey [keySize]byte
	Class        Class
	Added        uint64   // milliseconds since 1970
	Expires      uint64   // milliseconds since 1970; 0: never
	AddedBy      DeviceID // who approved it; its own ID: the first device; zero: the recovery code
	Name         string
	// Proof is the signature of SignatureKey over [Device.SigningInput]: nobody
	// can list a key that is not theirs.
	Proof [signatureSize]byte
}

// SigningInput returns what Proof signs for the account of user.
func (d *Device) SigningInput(user UserID) []byte {
	w := tlsenc.NewWriter(len(labelDevice) + maxDevice)
	w.Fixed([]byte(labelDevice))
	w.Fixed(user[:])
	d.encodeFields(w)
	return w.Bytes()
}

// Verify checks the device as an entry of the record of user. Errors wrap
// ErrRecord.
func (d *Device) Verify(user UserID) error {
	if err := d.check(); err != nil {
		return err
	}
	if !ed25519.Verify(d.SignatureKey[:], d.SigningInput(user), d.Proof[:]) {
		return fmt.Errorf("%w: proof of a device", ErrRecord)
	}
	return nil
}

// check verifies everything but the proof.
func (d *Device) check() error {
	switch {
	case !ValidKey(d.SignatureKey):
		return fmt.Errorf("%w: key of a device", ErrRecord)
	case d.ID != NewDeviceID(d.SignatureKey):
		return fmt.Errorf("%w: id of a device", ErrRecord)
	case d.Class < Native || d.Class > CommandLine:
		return fmt.Errorf("%w: class of a device", ErrRecord)
	case d.Expires != 0 && d.Expires <= d.Added:
		return fmt.Errorf("%w: a device expires before it is added", ErrRecord)
	case CheckName(d.Name) != nil:
		return fmt.Errorf("%w: name of a device", ErrRecord)
	default:
		return nil
	}
}

// maxDevice and maxRemoval are the most bytes of an encoded entry.
const (
	maxDevice  = idSize + keySize + 1 + 8 + 8 + idSize + 2 + MaxName + signatureSize
	maxRemoval = idSize + keySize + 8 + idSize + 2 + MaxName
)

func (d *Device) encode(w *tlsenc.Writer) {
	d.encodeFields(w)
	w.Fixed(d.Proof[:])
}

// encodeFields writes what comes before the proof.
func (d *Device) encodeFields(w *tlsenc.Writer) {
	w.Fixed(d.ID[:])
	w.Fixed(d.SignatureKey[:])
	w.Uint8(uint8(d.Class))
	w.Uint64(d.Added)
	w.Uint64(d.Expires)
	w.Fixed(d.AddedBy[:])
	w.Vector([]byte(d.Name))
}

func (d *Device) decode(r *tlsenc.Reader) {
	copy(d.ID[:], r.Fixed(idSize))
	copy(d.SignatureKey[:], r.Fixed(keySize))
	d.Class = Class(r.Uint8())
	d.Added = r.Uint64()
	d.Expires = r.Uint64()
	copy(d.AddedBy[:], r.Fixed(idSize))
	d.Name = string(r.Vector(MaxName))
	copy(d.Proof[:], r.Fixed(signatureSize))
}

// A Removal is what a record remembers of a device that was removed.
type Removal struct {
	ID           DeviceID
	SignatureKey [keySize]byte
	Removed      uint64   // milliseconds since 1970
	By           DeviceID // who removed it; zero: the recovery code or a reset
	Name         string
}

func (m *Removal) check() error {
	if m.ID != NewDeviceID(m.SignatureKey) || CheckName(m.Name) != nil {
		return fmt.Errorf("%w: entry of a removed device", ErrRecord)
	}
	return nil
}

func (m *Removal) encode(w *tlsenc.Writer) {
	w.Fixed(m.ID[:])
	w.Fixed(m.SignatureKey[:])
	w.Uint64(m.Removed)
	w.Fixed(m.By[:])
	w.Vector([]byte(m.Name))
}

func (m *Removal) decode(r *tlsenc.Reader) {
	copy(m.ID[:], r.Fixed(idSize))
	copy(m.SignatureKey[:], r.Fixed(keySize))
	m.Removed = r.Uint64()
	copy(m.By[:], r.Fixed(idSize))
	m.Name = string(r.Vector(MaxName))
}
