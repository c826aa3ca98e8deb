package identity_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"testing"

	"conclave/core/identity"
)

// An owner holds the private keys of an account, so that tests can sign what an
// honest program would refuse to.
type owner struct {
	user     identity.UserID
	identity ed25519.PrivateKey
	devices  map[identity.DeviceID]ed25519.PrivateKey
	made     uint32
}

func keyFrom(label string, n uint32) ed25519.PrivateKey {
	seed := sha256.Sum256(binary.BigEndian.AppendUint32([]byte(label), n))
	return ed25519.NewKeyFromSeed(seed[:])
}

func newOwner() *owner {
	return &owner{
		user: identity.UserID{1, 2, 3}, identity: keyFrom("identity", 0),
		devices: make(map[identity.DeviceID]ed25519.PrivateKey),
	}
}

func public(k ed25519.PrivateKey) [32]byte { return [32]byte(k[32:]) }

// device returns a new device; by zero: added by the recovery code.
func (o *owner) device(name string, by identity.DeviceID) identity.Device {
	o.made++
	k := keyFrom("device", o.made)
	d := identity.Device{
		ID: identity.NewDeviceID(public(k)), SignatureKey: public(k), Class: identity.Native,
		Added: 1000 + uint64(o.made), AddedBy: by, Name: name,
	}
	o.devices[d.ID] = k
	o.prove(&d)
	return d
}

func (o *owner) prove(d *identity.Device) {
	d.Proof = [64]byte(ed25519.Sign(o.devices[d.ID], d.SigningInput(o.user)))
}

// sign signs r with the owner's present identity key, whatever r says.
func (o *owner) sign(r *identity.Record) *identity.Record {
	r.Signature = [64]byte(ed25519.Sign(o.identity, r.SigningInput()))
	return r
}

// first returns version 0 with one device.
func (o *owner) first() *identity.Record {
	d := o.device("phone", identity.DeviceID{})
	d.AddedBy = d.ID
	o.prove(&d)
	return o.sign(&identity.Record{
		User: o.user, Handle: "grace", Name: "Grace Hopper", Time: 5000, IdentityKey: public(o.identity),
		Devices: []identity.Device{d}, Recovery: [32]byte{7}, Backup: 1, BackupHash: [32]byte{8}, MinSuite: 0xF001,
	})
}

// next returns what follows prev, changed by change and signed.
func (o *owner) next(prev *identity.Record, change func(r *identity.Record)) *identity.Record {
	r := *prev
	r.Version++
	r.Previous = prev.Hash()
	r.Time++
	r.Reset = false
	r.Devices = slices.Clone(prev.Devices)
	r.Removed = slices.Clone(prev.Removed)
	if change != nil {
		change(&r)
	}
	return o.sign(&r)
}

// remove moves the device at i of r to those removed.
func remove(r *identity.Record, i int, by identity.DeviceID) {
	d := r.Devices[i]
	r.Devices = slices.Delete(r.Devices, i, i+1)
	r.Removed = append(r.Removed, identity.Removal{ID: d.ID, SignatureKey: d.SignatureKey, Removed: r.Time, By: by, Name: d.Name})
	if extra := len(r.Removed) - identity.MaxRemoved; extra > 0 {
		r.Removed = slices.Delete(r.Removed, 0, extra)
	}
}

// reset makes r a reset by a new identity key with a new device. by goes to the
// removals; honest is zero.
func (o *owner) reset(r *identity.Record) {
	o.identity = keyFrom("identity", r.Version)
	r.IdentityKey = public(o.identity)
	r.Reset = true
	for len(r.Devices) > 0 {
		remove(r, 0, identity.DeviceID{})
	}
	d := o.device("new phone", identity.DeviceID{})
	d.AddedBy = d.ID
	o.prove(&d)
	r.Devices = []identity.Device{d}
}

// pair returns an account's versions 1 and 2 of honest make: in version 1 there
// are a phone and a laptop, and a tablet was removed.
func pair(t testing.TB) (o *owner, prev, next *identity.Record) {
	t.Helper()
	o = newOwner()
	zero := o.first()
	phone := zero.Devices[0].ID
	one := o.next(zero, func(r *identity.Record) {
		r.Devices = append(r.Devices, o.device("laptop", phone), o.device("tablet", phone))
	})
	prev = o.next(one, func(r *identity.Record) { remove(r, 2, phone) })
	next = o.next(prev, nil)
	for i, link := range [][2]*identity.Record{{nil, zero}, {zero, one}, {one, prev}, {prev, next}} {
		if err := identity.Follows(link[0], link[1]); err != nil {
			t.Fatalf("honest link %d: Follows = %v, want nil", i, err)
		}
	}
	return o, prev, next
}
