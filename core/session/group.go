package session

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"conclave/core/secret"
	"conclave/core/sframe"
)

// maxDeparted bounds how many devices that have left a Group remembers: four
// times over everybody. The oldest are forgotten first.
const maxDeparted = 4 * MaxMembers

// A Group is a meeting in one epoch, as one of its members knows it. It never
// changes, except that Erase overwrites its secrets. Methods may be called
// concurrently.
type Group struct {
	device     *Device
	epoch      Epoch
	self       SenderIndex
	roster     []member
	transcript [32]byte
	base       secret.Value // base_key
	erased     atomic.Bool

	// departed are the devices that this device has seen leave, oldest first.
	departed []AnnouncementHash
}

// A member of a roster. The inbox is shared by the Groups of all epochs in
// which the device is a member: it only ever moves forwards.
type member struct {
	Member
	inbox *inbox
}

// An inbox remembers the last counter of sealed data from one device.
type inbox struct {
	mu   sync.Mutex
	last uint64
}

// Epoch returns the number of the epoch.
func (g *Group) Epoch() Epoch { return g.epoch }

// Self returns this device's sender index.
func (g *Group) Self() SenderIndex { return g.self }

// Roster returns the members in order of succession: the first is the owner.
func (g *Group) Roster() []Member {
	members := make([]Member, len(g.roster))
	for i, m := range g.roster {
		members[i] = m.Member
	}
	return members
}

// Member returns the member with index i and whether there is one.
func (g *Group) Member(i SenderIndex) (Member, bool) {
	m, ok := g.member(i)
	return m.Member, ok
}

// Transcript returns the hash of the meeting's whole history up to this epoch.
// Members who have the same transcript hash have the same keys and saw the same
// members come and go; people may compare it over another channel.
func (g *Group) Transcript() [32]byte { return g.transcript }

// MediaKey returns the key for frames that member i sends in context c. It
// returns an error wrapping ErrNotMember if there is no such member, and
// ErrErased after Erase. The caller erases the key material when it is done.
func (g *Group) MediaKey(i SenderIndex, c sframe.Context) (sframe.KeyMaterial, error) {
	if _, ok := g.member(i); !ok || !c.IsValid() {
		return sframe.KeyMaterial{}, fmt.Errorf("%w: index %d, %v", ErrNotMember, i, c)
	}
	// An erased base key is all zeros, a key that everybody knows.
	if g.erased.Load() {
		return sframe.KeyMaterial{}, ErrErased
	}
	return sframe.DeriveKey(suite, sframe.NewKID(c, i, g.epoch), g.base)
}

// Erase overwrites the secrets of the epoch: no key can be had from g after
// that, and no message sealed or opened. Call it when the frames of the epoch
// are no longer expected, and not beside another use of g.
func (g *Group) Erase() {
	g.erased.Store(true)
	g.base.Erase()
}

func (g *Group) member(i SenderIndex) (member, bool) {
	for _, m := range g.roster {
		if m.Index == i {
			return m, true
		}
	}
	return member{}, false
}

// hasLeft reports whether the device was a member and is no longer.
func (g *Group) hasLeft(h AnnouncementHash) bool { return slices.Contains(g.departed, h) }
