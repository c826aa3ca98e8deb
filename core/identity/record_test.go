package identity_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"

	"conclave/core/identity"
	"conclave/core/tlsenc"
)

func TestRecordRoundTrip(t *testing.T) {
	_, prev, _ := pair(t)
	b := prev.Encode()
	r, err := identity.ParseRecord(b)
	if err != nil {
		t.Fatalf("ParseRecord = %v, want nil", err)
	}
	if !bytes.Equal(r.Encode(), b) || r.Hash() != identity.Hash(b) {
		t.Error("a record is written back differently")
	}
	if err := r.Verify(); err != nil {
		t.Errorf("Verify = %v, want nil", err)
	}
	if r.Device(prev.Devices[1].ID) == nil || r.Device(identity.DeviceID{}) != nil || !r.WasRemoved(prev.Removed[0].ID) || r.WasRemoved(prev.Devices[0].ID) {
		t.Error("Device or WasRemoved is wrong")
	}
	clear(b)
	if err := r.Verify(); err != nil {
		t.Error("a record aliases what it was parsed from")
	}
}

// The largest record there can be fits MaxRecord.
func TestLargestRecord(t *testing.T) {
	o := newOwner()
	r := o.first()
	name := string(bytes.Repeat([]byte("n"), identity.MaxName))
	r.Name = name
	r.Handle = "𐐨" // four bytes
	for range 31 {
		r.Handle += "𐐨"
	}
	r.Devices, r.Removed = nil, nil
	for range identity.MaxDevices {
		r.Devices = append(r.Devices, o.device(name, identity.DeviceID{}))
	}
	for range identity.MaxRemoved {
		d := o.device(name, identity.DeviceID{})
		r.Removed = append(r.Removed, identity.Removal{ID: d.ID, SignatureKey: d.SignatureKey, Name: name})
	}
	b := o.sign(r).Encode()
	if len(b) > identity.MaxRecord || len(b) != 16_017 {
		t.Errorf("the largest record has %d bytes, want 16,017", len(b))
	}
	if _, err := identity.ParseRecord(b); err != nil {
		t.Errorf("ParseRecord = %v, want nil", err)
	}
	r.Devices = append(r.Devices, o.device(name, identity.DeviceID{}))
	if _, err := identity.ParseRecord(r.Encode()); !errors.Is(err, identity.ErrRecord) {
		t.Errorf("one device too many: ParseRecord = %v, want ErrRecord", err)
	}
	if err := o.sign(r).Verify(); !errors.Is(err, identity.ErrRecord) {
		t.Errorf("one device too many: Verify = %v, want ErrRecord", err)
	}
}

// What is not written exactly as Encode writes it is refused.
func TestParseRecordIsCanonical(t *testing.T) {
	o, prev, _ := pair(t)
	good := prev.Encode()
	// The handle of five bytes stands after format, user, version and hash.
	const handleAt = 2 + 16 + 4 + 32
	if good[handleAt] != 5 {
		t.Fatalf("byte %d is %d, want the handle's length", handleAt, good[handleAt])
	}
	manyDevices := *prev
	for len(manyDevices.Devices) <= identity.MaxDevices {
		manyDevices.Devices = append(manyDevices.Devices, o.device("x", identity.DeviceID{}))
	}
	manyRemoved := *prev
	for len(manyRemoved.Removed) <= identity.MaxRemoved {
		manyRemoved.Removed = append(manyRemoved.Removed, identity.Removal{Name: "x"})
	}
	resetAt := len(good) - 64 - 1
	tests := map[string][]byte{
		"empty":              nil,
		"trailing":           append(slices.Clone(good), 0),
		"truncated":          good[:len(good)-1],
		"format":             replaceAt(good, 1, 2),
		"length in 2 bytes":  slices.Insert(replaceAt(good, handleAt, 0x40), handleAt+1, 5),
		"length in 4 bytes":  slices.Insert(replaceAt(good, handleAt, 0x80), handleAt+1, 0, 0, 5),
		"length prefix 3":    replaceAt(good, handleAt, 0xc5),
		"huge length":        replaceAt(good, handleAt, 0xbf),
		"reset is 2":         replaceAt(good, resetAt, 2),
		"too many devices":   manyDevices.Encode(),
		"too many removals":  manyRemoved.Encode(),
		"half a device":      halfDevice(prev),
		"longer than a page": make([]byte, identity.MaxRecord+1),
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := identity.ParseRecord(b); !errors.Is(err, identity.ErrRecord) {
				t.Errorf("ParseRecord = %v, want ErrRecord", err)
			}
		})
	}
	if _, err := identity.ParseRecord(good); err != nil {
		t.Errorf("the honest record: ParseRecord = %v, want nil", err)
	}
	for n := range good {
		if _, err := identity.ParseRecord(good[:n]); err == nil {
			t.Errorf("the first %d bytes are a record", n)
		}
	}
}

func replaceAt(b []byte, at int, v byte) []byte {
	b = slices.Clone(b)
	b[at] = v
	return b
}

// halfDevice returns a record whose list of devices ends within a device.
func halfDevice(r *identity.Record) []byte {
	w := tlsenc.NewWriter(0)
	b := r.Encode()
	const fixed = 2 + 16 + 4 + 32 // and handle, name, time, identity key
	at := fixed + 1 + len(r.Handle) + 1 + len(r.Name) + 8 + 32
	rd := tlsenc.NewReader(b[at:])
	list := rd.Vector(1 << 14)
	w.Fixed(b[:at])
	w.Vector(list[:len(list)-1])
	w.Fixed(rd.Rest())
	return w.Bytes()
}

// Each rule of Verify, broken once in a record that is signed like any other.
func TestVerifyRefuses(t *testing.T) {
	tests := map[string]func(o *owner, r *identity.Record){
		"no user": func(o *owner, r *identity.Record) {
			o.user, r.User = identity.UserID{}, identity.UserID{}
			o.prove(&r.Devices[0])
			o.prove(&r.Devices[1])
		},
		"version 0 with a record before": func(_ *owner, r *identity.Record) { r.Version = 0 },
		"version 2 without":              func(_ *owner, r *identity.Record) { r.Previous = [32]byte{} },
		"version 0 that resets": func(_ *owner, r *identity.Record) {
			r.Version, r.Previous, r.Removed, r.Reset = 0, [32]byte{}, nil, true
		},
		"version 0 that removes":      func(_ *owner, r *identity.Record) { r.Version, r.Previous = 0, [32]byte{} },
		"handle in capitals":          func(_ *owner, r *identity.Record) { r.Handle = "Grace" },
		"no handle":                   func(_ *owner, r *identity.Record) { r.Handle = "" },
		"name with an override":       func(_ *owner, r *identity.Record) { r.Name = "Grace\u202e" },
		"identity key of small order": func(_ *owner, r *identity.Record) { r.IdentityKey = [32]byte{1} },
		"another identity key":        func(_ *owner, r *identity.Record) { r.IdentityKey = public(keyFrom("other", 0)) },
		"backup without hash":         func(_ *owner, r *identity.Record) { r.BackupHash = [32]byte{} },
		"hash without backup":         func(_ *owner, r *identity.Record) { r.Backup = 0 },
		"no least suite":              func(_ *owner, r *identity.Record) { r.MinSuite = 0 },
		"no device":                   func(_ *owner, r *identity.Record) { r.Devices = nil },
		"a device twice":              func(_ *owner, r *identity.Record) { r.Devices = append(r.Devices, r.Devices[0]) },
		"a device listed and removed": func(_ *owner, r *identity.Record) {
			r.Removed[0].ID = r.Devices[0].ID
			r.Removed[0].SignatureKey = r.Devices[0].SignatureKey
		},
		"a removal twice":  func(_ *owner, r *identity.Record) { r.Removed = append(r.Removed, r.Removed[0]) },
		"a removal's id":   func(_ *owner, r *identity.Record) { r.Removed[0].ID[0] ^= 1 },
		"a removal's name": func(_ *owner, r *identity.Record) { r.Removed[0].Name = "" },
		"device id": func(o *owner, r *identity.Record) {
			o.devices[identity.DeviceID{}] = o.devices[r.Devices[0].ID]
			r.Devices[0].ID = identity.DeviceID{}
			o.prove(&r.Devices[0])
		},
		"device class 0":               func(o *owner, r *identity.Record) { r.Devices[0].Class = 0; o.prove(&r.Devices[0]) },
		"device class 4":               func(o *owner, r *identity.Record) { r.Devices[0].Class = 4; o.prove(&r.Devices[0]) },
		"device expires at once":       func(o *owner, r *identity.Record) { r.Devices[0].Expires = r.Devices[0].Added; o.prove(&r.Devices[0]) },
		"device without a name":        func(o *owner, r *identity.Record) { r.Devices[0].Name = ""; o.prove(&r.Devices[0]) },
		"device renamed without proof": func(_ *owner, r *identity.Record) { r.Devices[0].Name = "other" },
		"device of another user": func(o *owner, r *identity.Record) {
			foreign := *o
			foreign.user = identity.UserID{9}
			foreign.prove(&r.Devices[0])
		},
		"device with the identity key": func(o *owner, r *identity.Record) { r.Devices = append(r.Devices, identityDevice(o)) },
		"device key of small order": func(_ *owner, r *identity.Record) {
			r.Devices[0].SignatureKey = [32]byte{}
			r.Devices[0].ID = identity.NewDeviceID([32]byte{})
		},
	}
	for name, breakIt := range tests {
		t.Run(name, func(t *testing.T) {
			o, _, r := pair(t)
			breakIt(o, r)
			o.sign(r)
			if err := r.Verify(); !errors.Is(err, identity.ErrRecord) {
				t.Errorf("Verify = %v, want ErrRecord", err)
			}
			if err := identity.Follows(nil, r); err == nil {
				t.Error("Follows(nil) accepts it")
			}
		})
	}
	o, _, r := pair(t)
	if err := o.sign(r).Verify(); err != nil {
		t.Errorf("the honest record: Verify = %v, want nil", err)
	}
}

// identityDevice returns a device whose key is the identity key.
func identityDevice(o *owner) identity.Device {
	d := identity.Device{
		ID: identity.NewDeviceID(public(o.identity)), SignatureKey: public(o.identity),
		Class: identity.Native, Added: 1, Name: "x",
	}
	o.devices[d.ID] = o.identity
	o.prove(&d)
	return d
}

// Keys of small order: one signature is valid for every message, so everything
// but the key itself is right here.
func TestVerifyRefusesSmallOrder(t *testing.T) {
	neutral := [32]byte{1}
	forAll := [64]byte{0: 1} // R is the neutral element, S is 0
	if !ed25519.Verify(neutral[:], []byte("anything"), forAll[:]) {
		t.Fatal("the library refuses such keys itself; this test proves nothing")
	}
	_, _, r := pair(t)
	r.IdentityKey, r.Signature = neutral, forAll
	if err := r.Verify(); !errors.Is(err, identity.ErrRecord) {
		t.Errorf("identity key: Verify = %v, want ErrRecord", err)
	}
	o, _, r := pair(t)
	d := &r.Devices[0]
	d.SignatureKey, d.ID, d.Proof = neutral, identity.NewDeviceID(neutral), forAll
	if err := o.sign(r).Verify(); !errors.Is(err, identity.ErrRecord) {
		t.Errorf("key of a device: Verify = %v, want ErrRecord", err)
	}
}

// Every bit of a record is under a signature.
func TestEveryByteIsSigned(t *testing.T) {
	_, prev, next := pair(t)
	good := next.Encode()
	for i := range good {
		r, err := identity.ParseRecord(replaceAt(good, i, good[i]^1))
		if err != nil {
			continue
		}
		if r.Verify() == nil {
			t.Fatalf("byte %d can be changed", i)
		}
		if err := identity.Follows(prev, r); err == nil || errors.Is(err, identity.ErrReset) {
			t.Fatalf("byte %d can be changed: Follows = %v", i, err)
		}
	}
}

func TestIDs(t *testing.T) {
	u := identity.UserID{0xab, 15: 1}
	if got, err := identity.ParseUserID(u.String()); err != nil || got != u {
		t.Errorf("ParseUserID(%v) = %v, %v", u, got, err)
	}
	d := identity.NewDeviceID([32]byte{1})
	if got, err := identity.ParseDeviceID(d.String()); err != nil || got != d || d.IsZero() {
		t.Errorf("ParseDeviceID(%v) = %v, %v", d, got, err)
	}
	for _, s := range []string{"", "ab", u.String() + "00", "AB000000000000000000000000000001", "zz000000000000000000000000000001"} {
		if _, err := identity.ParseUserID(s); !errors.Is(err, identity.ErrID) {
			t.Errorf("ParseUserID(%q) = %v, want ErrID", s, err)
		}
	}
	for c, want := range map[identity.Class]string{1: "native", 2: "web", 3: "command line", 4: "unknown"} {
		if c.String() != want {
			t.Errorf("Class(%d) = %q, want %q", c, c, want)
		}
	}
}

// FuzzParseRecord checks that what parses is written back byte for byte, and that
// the rules hold for any bytes.
func FuzzParseRecord(f *testing.F) {
	o, prev, next := pair(f)
	f.Add(prev.Encode())
	f.Add(next.Encode())
	f.Add(o.next(next, o.reset).Encode())
	f.Add([]byte{0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := identity.ParseRecord(b)
		if err != nil {
			if !errors.Is(err, identity.ErrRecord) {
				t.Errorf("ParseRecord = %v, want ErrRecord", err)
			}
			return
		}
		if !bytes.Equal(r.Encode(), b) {
			t.Errorf("%x is written back as %x", b, r.Encode())
		}
		verified := r.Verify() == nil
		if err := identity.Follows(prev, r); err == nil && !verified {
			t.Error("Follows accepts what Verify refuses")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	_, prev, next := pair(b)
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			if next.Verify() != nil {
				b.Fatal("Verify fails")
			}
		}
	})
	b.Run("follows", func(b *testing.B) {
		for b.Loop() {
			if identity.Follows(prev, next) != nil {
				b.Fatal("Follows fails")
			}
		}
	})
	encoded := next.Encode()
	b.Run("parse", func(b *testing.B) {
		b.SetBytes(int64(len(encoded)))
		for b.Loop() {
			if _, err := identity.ParseRecord(encoded); err != nil {
				b.Fatal(err)
			}
		}
	})
}
