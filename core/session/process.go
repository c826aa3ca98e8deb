package session

import (
	"crypto/hmac"
	"slices"

	"conclave/core/sframe"
)

// Known returns the verified announcement with a hash, and whether there is one.
type Known = func(hash AnnouncementHash) (Announcement, bool)

// Process enters the epoch that another member has made. header is what every
// member gets, sealed is this device's own sealed key. known is asked for the
// announcements of new members only. The receiver stays as it is and can go on
// when a message is refused.
//
// Errors before the header is known to come from somebody who holds the link:
// ErrMalformed, ErrVersion, ErrMeeting, ErrProof. After: ErrEpoch, ErrFork,
// ErrCommitter, ErrSignature. After it is known to come from a member:
// ErrOwnCommit, ErrRoster, ErrGhost, ErrRemoved, ErrUnknownDevice, ErrSealedKey,
// ErrConfirmation.
func (g *Group) Process(header, sealed []byte, known Known) (*Group, error) {
	h, err := g.device.openHeader(header)
	if err != nil {
		return nil, err
	}
	if h.epoch == 0 || h.epoch-1 != g.epoch {
		return nil, ErrEpoch
	}
	if h.previous != g.transcript {
		return nil, ErrFork
	}
	committer, ok := g.member(h.committer)
	if !ok {
		return nil, ErrCommitter
	}
	if !h.isSignedBy(committer.Announcement) {
		return nil, ErrSignature
	}
	if h.committer == g.self {
		return nil, ErrOwnCommit
	}
	stay, err := g.checkRoster(h)
	if err != nil {
		return nil, err
	}
	if _, ok := h.entry(g.self); !ok {
		return nil, ErrRemoved
	}
	roster, err := g.device.completeRoster(stay, h, known)
	if err != nil {
		return nil, err
	}
	next, err := g.device.openEpoch(h, sealed, g.self, roster, g.departures(roster))
	if err == nil {
		g.device.enter()
	}
	return next, err
}

// Join enters a meeting with the first epoch whose roster holds d. known is
// asked for every member's announcement but our own. A device joins once.
//
// Errors before the header is known to come from somebody who holds the link:
// ErrDeviceUsed, ErrMalformed, ErrVersion, ErrMeeting, ErrProof. After:
// ErrNotMember (wait for a later epoch), ErrRoster, ErrCommitter,
// ErrUnknownDevice, ErrSignature, ErrSealedKey, ErrConfirmation.
func Join(d *Device, header, sealed []byte, known Known) (*Group, error) {
	if d.hasJoined() {
		return nil, ErrDeviceUsed
	}
	h, err := d.openHeader(header)
	if err != nil {
		return nil, err
	}
	self, ok := h.find(d.own.Hash)
	if !ok {
		return nil, ErrNotMember
	}
	// Nobody joins epoch 1: its one member made it.
	if h.epoch < 2 || !h.hasValidRoster() {
		return nil, ErrRoster
	}
	committer, ok := h.entry(h.committer)
	if !ok || h.committer == self.index {
		return nil, ErrCommitter
	}
	roster, err := d.completeRoster(nil, h, known)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(roster, func(m member) bool { return m.Hash == committer.hash })
	if !h.isSignedBy(roster[i].Announcement) {
		return nil, ErrSignature
	}
	g, err := d.openEpoch(h, sealed, self.index, roster, nil)
	if err != nil {
		return nil, err
	}
	if !d.enter() { // another goroutine was faster
		g.Erase()
		return nil, ErrDeviceUsed
	}
	return g, nil
}

// openHeader parses a header and verifies that its maker holds the link of this
// meeting.
func (d *Device) openHeader(b []byte) (epochHeader, error) {
	h, err := parseHeader(b)
	if err != nil {
		return epochHeader{}, err
	}
	if h.meeting != d.link.meeting {
		return epochHeader{}, ErrMeeting
	}
	if !d.link.isProof(h.proof, epochProofLabel, h.context, h.confirmation, h.signature) {
		return epochHeader{}, ErrProof
	}
	return h, nil
}

func (h epochHeader) isSignedBy(a Announcement) bool {
	return verify(a.SignatureKey, h.signature, epochLabel, h.context, h.confirmation)
}

// hasValidRoster reports whether indexes and devices are unique and in range.
func (c epochContext) hasValidRoster() bool {
	var taken [MaxMembers]bool
	hashes := make(map[AnnouncementHash]bool, len(c.roster))
	for _, e := range c.roster {
		if e.index > sframe.MaxSenderIndex || taken[e.index] || hashes[e.hash] {
			return false
		}
		taken[e.index], hashes[e.hash] = true, true
	}
	return true
}

// checkRoster returns the members of g that stay in h. The roster of h must be
// that of g with members taken out and new ones appended; the committer stays;
// new members have indexes that nobody had, and have not been here before.
func (g *Group) checkRoster(h epochHeader) ([]member, error) {
	if !h.hasValidRoster() {
		return nil, ErrRoster
	}
	stay := make([]member, 0, len(g.roster))
	for _, m := range g.roster {
		if len(stay) == len(h.roster) {
			break
		}
		if e := h.roster[len(stay)]; e.index == m.Index && e.hash == m.Hash {
			stay = append(stay, m)
		}
	}
	if !slices.ContainsFunc(stay, func(m member) bool { return m.Index == h.committer }) {
		return nil, ErrRoster
	}
	added := h.roster[len(stay):]
	hashes := make(map[AnnouncementHash]bool, len(added))
	indexes := make(map[SenderIndex]bool, len(added))
	for _, e := range added {
		hashes[e.hash], indexes[e.index] = true, true
	}
	for _, m := range g.roster {
		if indexes[m.Index] || hashes[m.Hash] {
			return nil, ErrRoster
		}
	}
	for _, left := range g.departed {
		if hashes[left] {
			return nil, ErrGhost
		}
	}
	return stay, nil
}

// completeRoster appends the rest of the roster of h to stay. It returns
// ErrUnknownDevice if an announcement is not known, and ErrRoster if two members
// have one signature key.
func (d *Device) completeRoster(stay []member, h epochHeader, known Known) ([]member, error) {
	roster := slices.Clip(stay)
	for _, e := range h.roster[len(stay):] {
		a, ok := d.own, true
		if e.hash != d.own.Hash {
			a, ok = known(e.hash)
		}
		// One that no link has opened is of no meeting.
		if !ok || a.Hash != e.hash || a.meeting != d.link.meeting {
			return nil, ErrUnknownDevice
		}
		roster = append(roster, member{Member{e.index, a}, new(inbox)})
	}
	keys := make(map[string]bool, len(roster))
	for _, m := range roster {
		if keys[string(m.SignatureKey)] {
			return nil, ErrRoster
		}
		keys[string(m.SignatureKey)] = true
	}
	return roster, nil
}

// openEpoch opens the session key of an epoch whose header is verified. It
// returns ErrSealedKey or ErrConfirmation.
func (d *Device) openEpoch(h epochHeader, sealed []byte, self SenderIndex, roster []member, departed []AnnouncementHash) (*Group, error) {
	sessionKey, err := openKey(d.kem(), sealed, h.context, self)
	if err != nil {
		return nil, err
	}
	defer clear(sessionKey)
	keys, err := deriveEpoch(sessionKey, h.context)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(keys.confirmation, h.confirmation) {
		keys.base.Erase()
		return nil, ErrConfirmation
	}
	return &Group{
		device:     d,
		epoch:      h.epoch,
		self:       self,
		roster:     roster,
		transcript: transcriptHash(h.previous, h.raw),
		base:       keys.base,
		departed:   departed,
	}, nil
}
