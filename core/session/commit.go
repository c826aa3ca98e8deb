package session

import (
	"fmt"
	"io"
	"slices"
)

// A Pending is an epoch that this device has made and that the server has not
// accepted yet. When the server takes it, go on with Group; when another commit
// won, call Discard and process that one.
type Pending struct {
	header []byte
	sealed map[AnnouncementHash][]byte
	group  *Group
}

// Header returns the epoch header, the same for every member.
func (p *Pending) Header() []byte { return p.header }

// Sealed returns the sealed session key of each other member by the hash of its
// announcement.
func (p *Pending) Sealed() map[AnnouncementHash][]byte { return p.sealed }

// Group returns the state after the epoch has begun.
func (p *Pending) Group() *Group { return p.group }

// Discard overwrites the secrets of a commit that did not win.
func (p *Pending) Discard() { p.group.Erase() }

// Create makes epoch 1 of a meeting with d as its only member and owner. rand
// must be cryptographically secure. It returns ErrDeviceUsed if d has joined, and
// ErrErased if it was erased.
func Create(d *Device, rand io.Reader) (*Pending, error) {
	if d.hasJoined() {
		return nil, ErrDeviceUsed
	}
	before := &Group{device: d}
	return before.commit(rand, []member{{Member: Member{Announcement: d.own}, inbox: new(inbox)}}, nil)
}

// Commit makes the next epoch: the members named in remove leave, the devices in
// add come in, and everybody gets a new key. Both may be empty. rand must be
// cryptographically secure.
//
// It returns ErrSelf or ErrNotMember for an index in remove that is our own or
// nobody's, ErrUnknownDevice or ErrMeeting for an announcement that was not
// opened with this meeting's link, ErrRoster for one that is a member already or
// is there twice, ErrGhost for a device that has left, ErrFull, ErrEpoch after the
// last epoch, and ErrErased if our own device was erased.
func (g *Group) Commit(rand io.Reader, add []Announcement, remove []SenderIndex) (*Pending, error) {
	roster := slices.Clone(g.roster)
	for _, i := range remove {
		if i == g.self {
			return nil, ErrSelf
		}
		n := len(roster)
		roster = slices.DeleteFunc(roster, func(m member) bool { return m.Index == i })
		if len(roster) == n {
			return nil, fmt.Errorf("%w: index %d", ErrNotMember, i)
		}
	}
	free := g.freeIndexes()
	for n, a := range add {
		if err := g.checkNew(a, roster); err != nil {
			return nil, err
		}
		if n >= len(free) {
			return nil, ErrFull
		}
		roster = append(roster, member{Member{free[n], a}, new(inbox)})
	}
	g.device.enter()
	return g.commit(rand, roster, g.departures(roster))
}

// checkNew returns an error if a cannot be added to roster. The signature key
// must be new too: its holder has proved possession, so a second announcement
// with it is the same device twice. A KEM key may repeat: a member who copies
// another's gets a sealed key that it cannot open.
func (g *Group) checkNew(a Announcement, roster []member) error {
	switch {
	case a.kem == nil:
		return ErrUnknownDevice
	case a.meeting != g.device.link.meeting:
		return ErrMeeting
	case g.hasLeft(a.Hash):
		return ErrGhost
	}
	for _, m := range roster {
		if m.Hash == a.Hash || m.SignatureKey.Equal(a.SignatureKey) {
			return fmt.Errorf("%w: the device is a member", ErrRoster)
		}
	}
	for _, m := range g.roster {
		if m.Hash == a.Hash || m.SignatureKey.Equal(a.SignatureKey) {
			return fmt.Errorf("%w: the device is being removed", ErrGhost)
		}
	}
	return nil
}

// freeIndexes returns the indexes that no member has, lowest first. One that is
// given up in the same commit is not free yet, so that no two devices share an
// index in neighbouring epochs, whose keys receivers hold at the same time.
func (g *Group) freeIndexes() []SenderIndex {
	var taken [MaxMembers]bool
	for _, m := range g.roster {
		taken[m.Index] = true
	}
	var free []SenderIndex
	for i, t := range taken {
		if !t {
			free = append(free, SenderIndex(i))
		}
	}
	return free
}

// departures returns the devices known to have left once roster is in force.
func (g *Group) departures(roster []member) []AnnouncementHash {
	departed := slices.Clone(g.departed)
	for _, m := range g.roster {
		if !slices.ContainsFunc(roster, func(s member) bool { return s.Hash == m.Hash }) {
			departed = append(departed, m.Hash)
		}
	}
	return departed[max(0, len(departed)-maxDeparted):]
}

// commit makes the epoch after g with the given roster, in which this device is.
func (g *Group) commit(rand io.Reader, roster []member, departed []AnnouncementHash) (*Pending, error) {
	switch {
	case g.device.erased.Load(): // a signing key of zeros is one that everybody knows
		return nil, ErrErased
	case g.epoch >= maxEpoch:
		return nil, ErrEpoch
	}
	c := epochContext{
		meeting:   g.device.link.meeting,
		epoch:     g.epoch + 1,
		previous:  g.transcript,
		committer: g.self,
		roster:    make([]rosterEntry, len(roster)),
	}
	for i, m := range roster {
		c.roster[i] = rosterEntry{m.Index, m.Hash}
	}
	context := c.marshal()

	sessionKey := make([]byte, sessionKeySize)
	defer clear(sessionKey)
	if _, err := io.ReadFull(rand, sessionKey); err != nil {
		return nil, fmt.Errorf("session: generating a session key: %w", err)
	}
	keys, err := deriveEpoch(sessionKey, context)
	if err != nil {
		return nil, err
	}
	signature := g.device.sign(epochLabel, context, keys.confirmation)
	proof := g.device.link.prove(epochProofLabel, context, keys.confirmation, signature)
	header := join("", context, keys.confirmation, signature, proof)

	sealed := make(map[AnnouncementHash][]byte, len(roster)-1)
	for _, m := range roster {
		if m.Index == g.self {
			continue
		}
		if sealed[m.Hash], err = sealKey(m.kem, sessionKey, context, m.Index); err != nil {
			return nil, fmt.Errorf("session: sealing a session key: %v", err)
		}
	}
	return &Pending{
		header: header,
		sealed: sealed,
		group: &Group{
			device:     g.device,
			epoch:      c.epoch,
			self:       g.self,
			roster:     roster,
			transcript: transcriptHash(c.previous, header),
			base:       keys.base,
			departed:   departed,
		},
	}, nil
}
