package identity_test

import (
	"errors"
	"slices"
	"testing"

	"conclave/core/identity"
)

// Each rule of Follows, broken once by the owner of the keys: every record here
// is signed and, alone, valid.
func TestFollowsRefuses(t *testing.T) {
	type forge func(o *owner, prev *identity.Record) *identity.Record
	change := func(f func(o *owner, r *identity.Record)) forge {
		return func(o *owner, prev *identity.Record) *identity.Record {
			return o.next(prev, func(r *identity.Record) { f(o, r) })
		}
	}
	tests := map[string]forge{
		"another user": change(func(o *owner, r *identity.Record) {
			o.user = identity.UserID{9}
			r.User = o.user
			for i := range r.Devices {
				o.prove(&r.Devices[i])
			}
		}),
		"another handle":      change(func(_ *owner, r *identity.Record) { r.Handle = "grace2" }),
		"the same version":    change(func(_ *owner, r *identity.Record) { r.Version-- }),
		"a version skipped":   change(func(_ *owner, r *identity.Record) { r.Version++ }),
		"another predecessor": change(func(_ *owner, r *identity.Record) { r.Previous[0] ^= 1 }),
		"an earlier time":     change(func(_ *owner, r *identity.Record) { r.Time -= 2 }),
		"an older backup":     change(func(_ *owner, r *identity.Record) { r.Backup, r.BackupHash = 0, [32]byte{} }),
		"another backup of the same counter": change(func(_ *owner, r *identity.Record) {
			r.BackupHash[0] ^= 1
		}),
		"another key without a reset": change(func(o *owner, r *identity.Record) {
			o.identity = keyFrom("thief", 0)
			r.IdentityKey = public(o.identity)
		}),
		"a reset that keeps the key": change(func(o *owner, r *identity.Record) {
			key := o.identity
			o.reset(r)
			o.identity = key
			r.IdentityKey = public(key)
		}),
		"a removed device comes back": change(func(o *owner, r *identity.Record) {
			m := r.Removed[0]
			d := identity.Device{ID: m.ID, SignatureKey: m.SignatureKey, Class: identity.Native, Added: 1, Name: m.Name}
			o.prove(&d)
			r.Devices = append(r.Devices, d)
			r.Removed = nil
		}),
		"a removal is forgotten": change(func(_ *owner, r *identity.Record) { r.Removed = nil }),
		"a removal is changed":   change(func(_ *owner, r *identity.Record) { r.Removed[0].Removed++ }),
		"a device is gone and not removed": change(func(_ *owner, r *identity.Record) {
			r.Devices = r.Devices[:1]
		}),
		"a removal of nobody": change(func(o *owner, r *identity.Record) {
			d := o.device("never there", identity.DeviceID{})
			r.Removed = append(r.Removed, identity.Removal{ID: d.ID, SignatureKey: d.SignatureKey, Name: d.Name})
		}),
		"another removed instead of the one gone": change(func(o *owner, r *identity.Record) {
			d := o.device("never there", identity.DeviceID{})
			r.Devices = r.Devices[:1]
			r.Removed = append(r.Removed, identity.Removal{ID: d.ID, SignatureKey: d.SignatureKey, Name: d.Name})
		}),
		"a removal under another name": change(func(_ *owner, r *identity.Record) {
			remove(r, 1, r.Devices[0].ID)
			r.Removed[1].Name = "other"
		}),
		"removed by a stranger": change(func(_ *owner, r *identity.Record) { remove(r, 1, identity.DeviceID{5}) }),
		"a device that stays gets another class": change(func(o *owner, r *identity.Record) {
			r.Devices[1].Class = identity.Web
			o.prove(&r.Devices[1])
		}),
		"a device that stays was added at another time": change(func(o *owner, r *identity.Record) {
			r.Devices[1].Added++
			o.prove(&r.Devices[1])
		}),
		"a device that stays was added by another": change(func(o *owner, r *identity.Record) {
			r.Devices[1].AddedBy = identity.DeviceID{}
			o.prove(&r.Devices[1])
		}),
		"added by a stranger": change(func(o *owner, r *identity.Record) {
			r.Devices = append(r.Devices, o.device("ghost", identity.DeviceID{5}))
		}),
		"added by itself": change(func(o *owner, r *identity.Record) {
			d := o.device("ghost", identity.DeviceID{})
			d.AddedBy = d.ID
			o.prove(&d)
			r.Devices = append(r.Devices, d)
		}),
		"added by a removed device": change(func(o *owner, r *identity.Record) {
			r.Devices = append(r.Devices, o.device("ghost", r.Removed[0].ID))
		}),
		"a device stays over a reset": change(func(o *owner, r *identity.Record) {
			phone := r.Devices[0]
			o.reset(r)
			r.Devices = append(r.Devices, phone)
			r.Removed = slices.DeleteFunc(r.Removed, func(m identity.Removal) bool { return m.ID == phone.ID })
		}),
		"a reset that removes by a device": change(func(o *owner, r *identity.Record) {
			phone := r.Devices[0].ID
			o.reset(r)
			r.Removed[len(r.Removed)-1].By = phone
		}),
		"a reset whose device an old one added": change(func(o *owner, r *identity.Record) {
			phone := r.Devices[0].ID
			o.reset(r)
			r.Devices = append(r.Devices, o.device("ghost", phone))
		}),
		"a reset with an older backup": change(func(o *owner, r *identity.Record) {
			o.reset(r)
			r.Backup, r.BackupHash = 0, [32]byte{}
		}),
	}
	for name, forge := range tests {
		t.Run(name, func(t *testing.T) {
			o, prev, _ := pair(t)
			next := forge(o, prev)
			if err := next.Verify(); err != nil {
				t.Fatalf("alone: Verify = %v, want nil; this test proves nothing", err)
			}
			if err := identity.Follows(prev, next); !errors.Is(err, identity.ErrChain) || errors.Is(err, identity.ErrReset) {
				t.Errorf("Follows = %v, want ErrChain", err)
			}
		})
	}
}

// A record that is not signed is refused by Follows, also where its devices were
// verified before.
func TestFollowsVerifies(t *testing.T) {
	o, prev, next := pair(t)
	next.Signature[0] ^= 1
	if err := identity.Follows(prev, next); !errors.Is(err, identity.ErrRecord) {
		t.Errorf("Follows of a broken signature = %v, want ErrRecord", err)
	}
	ghost := o.next(prev, func(r *identity.Record) {
		d := o.device("ghost", prev.Devices[0].ID)
		d.Proof[5] ^= 1
		r.Devices = append(r.Devices, d)
	})
	if err := identity.Follows(prev, ghost); !errors.Is(err, identity.ErrRecord) {
		t.Errorf("Follows of a broken proof = %v, want ErrRecord", err)
	}
}

// What an owner may do.
func TestFollowsAccepts(t *testing.T) {
	tests := map[string]func(o *owner, r *identity.Record){
		"nothing changed": nil,
		"another name":    func(_ *owner, r *identity.Record) { r.Name = "Grace" },
		"the same time":   func(_ *owner, r *identity.Record) { r.Time-- },
		"a newer backup":  func(_ *owner, r *identity.Record) { r.Backup, r.BackupHash = 5, [32]byte{9} },
		"another code":    func(_ *owner, r *identity.Record) { r.Recovery = [32]byte{9} },
		"added by a device": func(o *owner, r *identity.Record) {
			r.Devices = append(r.Devices, o.device("tablet 2", r.Devices[1].ID))
		},
		"added by the code": func(o *owner, r *identity.Record) {
			r.Devices = append(r.Devices, o.device("tablet 2", identity.DeviceID{}))
		},
		"removed by a device": func(_ *owner, r *identity.Record) { remove(r, 0, r.Devices[1].ID) },
		"removed by itself":   func(_ *owner, r *identity.Record) { remove(r, 1, r.Devices[1].ID) },
		"removed by the code": func(_ *owner, r *identity.Record) { remove(r, 1, identity.DeviceID{}) },
		"removed and replaced": func(o *owner, r *identity.Record) {
			by := r.Devices[0].ID
			remove(r, 0, by)
			r.Devices = append(r.Devices, o.device("phone 2", by))
		},
		"a device renamed, and renewed": func(o *owner, r *identity.Record) {
			r.Devices[1].Name, r.Devices[1].Expires = "old laptop", 9999
			o.prove(&r.Devices[1])
		},
		"devices in another order": func(_ *owner, r *identity.Record) { slices.Reverse(r.Devices) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			o, prev, _ := pair(t)
			next := o.next(prev, func(r *identity.Record) {
				if change != nil {
					change(o, r)
				}
			})
			if err := identity.Follows(prev, next); err != nil {
				t.Errorf("Follows = %v, want nil", err)
			}
		})
	}
}

// A device stays when the one that added it goes.
func TestAdderGoes(t *testing.T) {
	o, prev, _ := pair(t)
	next := o.next(prev, func(r *identity.Record) { remove(r, 0, r.Devices[1].ID) })
	after := o.next(next, nil)
	if err := errors.Join(identity.Follows(prev, next), identity.Follows(next, after)); err != nil {
		t.Errorf("Follows = %v, want nil", err)
	}
}

func TestFollowsReset(t *testing.T) {
	o, prev, _ := pair(t)
	next := o.next(prev, o.reset)
	if err := identity.Follows(prev, next); !errors.Is(err, identity.ErrReset) {
		t.Fatalf("Follows of a reset = %v, want ErrReset", err)
	}
	after := o.next(next, nil)
	if err := identity.Follows(next, after); err != nil {
		t.Errorf("Follows after a reset = %v, want nil", err)
	}
}

func TestFollowsFirst(t *testing.T) {
	_, prev, _ := pair(t)
	if err := identity.Follows(nil, prev); !errors.Is(err, identity.ErrChain) {
		t.Errorf("a later version as the first: Follows = %v, want ErrChain", err)
	}
	o := newOwner()
	alone := o.first()
	alone.Version, alone.Previous = 1, [32]byte{1}
	alone.Devices[0].AddedBy = identity.DeviceID{}
	o.prove(&alone.Devices[0])
	if err := identity.Follows(nil, o.sign(alone)); !errors.Is(err, identity.ErrChain) {
		t.Errorf("version 1 as the first: Follows = %v, want ErrChain", err)
	}
	o = newOwner()
	first := o.first()
	first.Devices[0].AddedBy = identity.DeviceID{5}
	o.prove(&first.Devices[0])
	if err := identity.Follows(nil, o.sign(first)); !errors.Is(err, identity.ErrChain) {
		t.Errorf("first device added by a stranger: Follows = %v, want ErrChain", err)
	}
}

// The list of removed devices is full: the oldest makes room, and only that.
func TestRemovedIsBounded(t *testing.T) {
	o, prev, _ := pair(t)
	for range identity.MaxRemoved + 3 {
		by := prev.Devices[0].ID
		added := o.next(prev, func(r *identity.Record) { r.Devices = append(r.Devices, o.device("guest", by)) })
		removed := o.next(added, func(r *identity.Record) { remove(r, len(r.Devices)-1, by) })
		if err := errors.Join(identity.Follows(prev, added), identity.Follows(added, removed)); err != nil {
			t.Fatalf("%d removed: %v", len(removed.Removed), err)
		}
		prev = removed
	}
	if len(prev.Removed) != identity.MaxRemoved {
		t.Errorf("%d are remembered, want %d", len(prev.Removed), identity.MaxRemoved)
	}
	swapped := o.next(prev, func(r *identity.Record) {
		m := r.Removed[0]
		d := identity.Device{ID: m.ID, SignatureKey: m.SignatureKey, Class: identity.Native, Added: 1, Name: m.Name}
		o.prove(&d)
		remove(r, 1, r.Devices[0].ID)
		r.Devices = append(r.Devices, d)
	})
	if err := identity.Follows(prev, swapped); !errors.Is(err, identity.ErrChain) {
		t.Errorf("the one that is just forgotten comes back: Follows = %v, want ErrChain", err)
	}
	shorter := o.next(prev, func(r *identity.Record) { r.Removed = r.Removed[1:] })
	if err := identity.Follows(prev, shorter); !errors.Is(err, identity.ErrChain) {
		t.Errorf("the oldest is dropped without need: Follows = %v, want ErrChain", err)
	}
}
