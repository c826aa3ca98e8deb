package keytranstest

import (
	"crypto/ed25519"
	"fmt"
	"slices"

	"conclave/core/identity"
	"conclave/core/keytrans"
)

// A Person has an identity key and publishes records. Not for concurrent use.
type Person struct {
	User    [16]byte
	Handle  string
	Key     ed25519.PrivateKey
	Last    identity.Record
	Records [][]byte // by version
}

// NewPerson returns somebody without records; all depends on the handle alone.
func NewPerson(handle string) *Person {
	return &Person{User: [16]byte(Seed("user " + handle)), Handle: handle, Key: ed25519.NewKeyFromSeed(Seed("key " + handle))}
}

// Device returns a device that signed its own entry.
func (p *Person) Device(name string) identity.Device {
	key := ed25519.NewKeyFromSeed(Seed("device " + p.Handle + name))
	public, _ := key.Public().(ed25519.PublicKey)
	d := identity.Device{SignatureKey: [32]byte(public), Class: identity.Native, Added: Start, Name: name}
	d.ID = identity.NewDeviceID(d.SignatureKey)
	if len(p.Records) == 0 {
		d.AddedBy = d.ID
	}
	d.Proof = [64]byte(ed25519.Sign(key, d.SigningInput(p.User)))
	return d
}

// Next returns the record after the last, with change made to it and signed.
func (p *Person) Next(change func(r *identity.Record)) []byte {
	r := p.Last
	r.Signature = [64]byte{}
	if len(p.Records) == 0 {
		public, _ := p.Key.Public().(ed25519.PublicKey)
		r = identity.Record{
			User: p.User, Handle: p.Handle, Name: p.Handle, Time: Start, IdentityKey: [32]byte(public), MinSuite: 0xf001,
			Devices: []identity.Device{p.Device("phone"), p.Device("laptop")},
		}
		r.Devices[1].AddedBy = identity.DeviceID{}
		p.resign(&r.Devices[1], "laptop")
	} else {
		r.Version++
		r.Previous = identity.Hash(p.Records[len(p.Records)-1])
	}
	if change != nil {
		change(&r)
	}
	r.Signature = [64]byte(ed25519.Sign(p.Key, r.SigningInput()))
	return r.Encode()
}

func (p *Person) resign(d *identity.Device, name string) {
	key := ed25519.NewKeyFromSeed(Seed("device " + p.Handle + name))
	d.Proof = [64]byte(ed25519.Sign(key, d.SigningInput(p.User)))
}

// Publish puts the next record into the map of the next epoch.
func (p *Person) Publish(m *Model) {
	p.Add(m, p.Next(func(r *identity.Record) { r.Name = fmt.Sprintf("%s %d", p.Handle, r.Version) }))
}

// Add puts a record into the map of the next epoch, and the handle with the first.
// The record may be wrong, but must parse.
func (p *Person) Add(m *Model, record []byte) {
	r, err := identity.ParseRecord(record)
	if err != nil {
		m.TB.Fatal(err)
	}
	if r.Version == 0 {
		m.Put(keytrans.Handles, []byte(p.Handle), 0, p.User[:])
	}
	m.Put(keytrans.Users, p.User[:], r.Version, record)
	p.Last = *r
	p.Records = append(p.Records, record)
	if !slices.ContainsFunc(m.People, func(o *Person) bool { return o.User == p.User }) {
		m.People = append(m.People, p)
	}
}

// Clone returns a person that goes another way from here.
func (p *Person) Clone() *Person {
	c := *p
	c.Records = append([][]byte(nil), p.Records...)
	return &c
}

// Version is the greatest.
func (p *Person) Version() uint32 { return uint32(len(p.Records) - 1) }

// Reset publishes a record by another identity key, with the flag that says so or,
// which nobody may accept, without.
func (p *Person) Reset(m *Model, flag bool) {
	p.Key = NewSigner("new key of "+p.Handle, 1).Key
	d := p.Device("new phone")
	d.AddedBy = d.ID
	p.resign(&d, "new phone")
	p.Add(m, p.Next(func(r *identity.Record) {
		r.IdentityKey = [32]byte(p.Key[32:])
		for i := range r.Devices {
			r.Removed = append(r.Removed, identity.Removal{
				ID: r.Devices[i].ID, SignatureKey: r.Devices[i].SignatureKey, Removed: Start, Name: r.Devices[i].Name,
			})
		}
		r.Devices, r.Reset = []identity.Device{d}, flag
	}))
}
