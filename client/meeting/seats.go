package meeting

import (
	"bytes"
	"crypto/ed25519"
	"time"

	"conclave/api"
	"conclave/core/session"
)

// A deviceHash is the hash of a device's announcement, docs/protocol.md,
// section 2. It is what a device is known by.
type deviceHash = session.AnnouncementHash

// A signatureKey is a device's Ed25519 public key. Two announcements with one
// key are one device twice.
type signatureKey [ed25519.PublicKeySize]byte

func keyOf(a session.Announcement) signatureKey { return signatureKey(a.SignatureKey) }

// A seat is the server's word that an announcement has a connection. Only a
// proven one counts for anything.
type seat struct {
	hash   deviceHash
	proven bool
	away   bool
}

// addSeat takes a seat of Joined or SeatJoined. An announcement that does not
// prove, that another seat has already or whose device had left is a ghost: the
// seat is kept, but is never given a key.
func (m *Meeting) addSeat(now time.Time, in *api.Seat) {
	id, announcement := SeatID(in.GetSeat()), in.GetAnnouncement()
	if id == 0 || len(announcement) > maxAnnouncement {
		m.stats.Malformed++
		return
	}
	if id == m.seat && !bytes.Equal(announcement, m.device.Announcement()) {
		m.ghost(now)
		announcement = m.device.Announcement()
	}
	if old := m.seats[id]; old != nil {
		m.again(now, old, in)
		return
	}
	if len(m.seats) >= maxSeats {
		m.stats.Malformed++
		return
	}
	s := &seat{away: in.GetAway() && id != m.seat}
	m.seats[id] = s
	m.order = append(m.order, id)
	a, err := m.link.OpenAnnouncement(announcement)
	if err != nil {
		m.ghost(now)
		return
	}
	s.hash = a.Hash
	m.known.add(a)
	_, taken := m.byKey[keyOf(a)]
	stolen := id != m.seat && a.Hash == m.device.Hash()
	if taken || stolen || m.retired.has(keyOf(a)) {
		m.ghost(now)
		return
	}
	s.proven = true
	m.byHash[a.Hash] = id
	m.byKey[keyOf(a)] = id
}

// again handles a seat that is told of a second time: in the list of Joined and
// then as an event.
func (m *Meeting) again(now time.Time, old *seat, in *api.Seat) {
	if SeatID(in.GetSeat()) == m.seat {
		return
	}
	if old.proven {
		a, err := m.link.OpenAnnouncement(in.GetAnnouncement())
		if err != nil || a.Hash != old.hash {
			m.ghost(now)
			return
		}
	}
	old.away = in.GetAway()
}

func (m *Meeting) ghost(now time.Time) {
	m.stats.Ghosts++
	m.alarm(now, Alarm{ID: AlarmGhost})
}

// knownDevices holds the announcements that were proven, also of seats just
// gone: an epoch that was committed before may still name them. The oldest are
// forgotten first.
type knownDevices struct {
	byHash map[deviceHash]session.Announcement
	order  []deviceHash
}

func (k *knownDevices) add(a session.Announcement) {
	if _, ok := k.byHash[a.Hash]; ok {
		return
	}
	if k.byHash == nil {
		k.byHash = make(map[deviceHash]session.Announcement)
	}
	if len(k.order) >= maxKnown {
		delete(k.byHash, k.order[0])
		k.order = k.order[1:]
	}
	k.byHash[a.Hash] = a
	k.order = append(k.order, a.Hash)
}

func (k *knownDevices) find(h deviceHash) (session.Announcement, bool) {
	a, ok := k.byHash[h]
	return a, ok
}

// retire notes that a device has left: it may not come back with these keys.
func (m *Meeting) retire(h deviceHash) {
	if a, ok := m.known.find(h); ok {
		m.retired.add(keyOf(a))
	}
}

// A keyRing remembers the last maxRetired keys.
type keyRing struct {
	set   map[signatureKey]struct{}
	order []signatureKey
}

func (r *keyRing) has(k signatureKey) bool {
	_, ok := r.set[k]
	return ok
}

func (r *keyRing) add(k signatureKey) {
	if r.has(k) {
		return
	}
	if r.set == nil {
		r.set = make(map[signatureKey]struct{})
	}
	if len(r.order) >= maxRetired {
		delete(r.set, r.order[0])
		r.order = r.order[1:]
	}
	r.set[k] = struct{}{}
	r.order = append(r.order, k)
}
