package account

import (
	"fmt"
	"slices"

	"conclave/core/identity"
)

// MinSuite is the least MLS cipher suite that new accounts accept: the
// post-quantum suite 0xF001.
const MinSuite = 0xF001

// FirstRecord returns version 0 for a user, not yet signed: see
// [IdentityKey.Sign].
func FirstRecord(user identity.UserID, handle, name string, now uint64, first identity.Device) *identity.Record {
	return &identity.Record{
		User: user, Handle: handle, Name: name, Time: now,
		Devices: []identity.Device{first}, MinSuite: MinSuite,
	}
}

// NextRecord returns the version after prev with nothing changed, not yet
// signed. Its time is now, or that of prev where this device's clock is behind.
func NextRecord(prev *identity.Record, now uint64) *identity.Record {
	next := *prev
	next.Version++
	next.Previous = prev.Hash()
	next.Time = max(now, prev.Time)
	next.Reset = false
	next.Signature = [64]byte{}
	next.Devices = slices.Clone(prev.Devices)
	next.Removed = slices.Clone(prev.Removed)
	return &next
}

// ResetRecord returns the version after prev for a user who lost all devices and
// the recovery code: another identity key (of who signs it), first as the only
// device, no recovery key. Contacts see it, and verify again.
func ResetRecord(prev *identity.Record, now uint64, first identity.Device) *identity.Record {
	next := NextRecord(prev, now)
	next.Reset = true
	next.Recovery = [32]byte{}
	for _, d := range prev.Devices {
		remove(next, d, identity.DeviceID{})
	}
	next.Devices = []identity.Device{first}
	return next
}

// RemoveDevice moves a device of a record that is being made to those removed. by
// is the device that asks; zero: the recovery code. It returns an error if the
// device is not listed or is the last.
func RemoveDevice(next *identity.Record, id, by identity.DeviceID) error {
	d := next.Device(id)
	if d == nil {
		return fmt.Errorf("%w: no such device: list the devices and use an id from there", identity.ErrRecord)
	}
	if len(next.Devices) == 1 {
		return fmt.Errorf("%w: it is the last device: add another first", identity.ErrRecord)
	}
	remove(next, *d, by)
	next.Devices = slices.DeleteFunc(next.Devices, func(d identity.Device) bool { return d.ID == id })
	return nil
}

// remove notes a removal and drops the oldest where there is no room.
func remove(next *identity.Record, d identity.Device, by identity.DeviceID) {
	next.Removed = append(next.Removed, identity.Removal{
		ID: d.ID, SignatureKey: d.SignatureKey, Removed: next.Time, By: by, Name: d.Name,
	})
	if extra := len(next.Removed) - identity.MaxRemoved; extra > 0 {
		next.Removed = slices.Delete(next.Removed, 0, extra)
	}
}

// Sign sets the record's identity key and signature and verifies the result.
// Errors wrap identity.ErrRecord and say which rule the record breaks.
func (k *IdentityKey) Sign(r *identity.Record) error {
	r.IdentityKey = k.Public()
	r.Signature = k.signer.sign(r.SigningInput())
	return r.Verify()
}
