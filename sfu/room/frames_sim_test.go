package room_test

import (
	"slices"
	"time"

	"github.com/pion/rtcp"

	"conclave/sfu/rtp"
)

// nackInterval is between requests for the same packet.
const nackInterval = 100 * time.Millisecond

// A frameID names a layer frame.
type frameID struct {
	camera, encoder, spatial uint8
	picture                  uint32
}

// A unit is a picture with all layers of it that were sent: what has one timestamp.
type unit struct {
	timestamp   int64 // extended
	first, last int64 // extended sequence numbers; 0: not seen
	tags        map[int64]tag
	complete    bool
	completeAt  time.Duration
}

// A shown is a picture that was decoded.
type shown struct {
	at                time.Duration
	camera            uint8
	picture           uint32
	spatial, temporal uint8
	key               bool
	delay             time.Duration // since it was captured
}

// A missing is a packet that is asked for.
type missing struct {
	tries int
	at    time.Duration
}

// A screenSlot is one m-line of video as libwebrtc receives it: it asks for what is
// missing, puts packets together to pictures and decodes those of which all that
// they refer to was decoded.
type screenSlot struct {
	v    *viewer
	ssrc uint32

	highest  int64 // extended sequence number
	stamp    int64 // extended timestamp of the newest packet
	have     map[int64]bool
	asking   map[int64]*missing
	units    []*unit // not decoded, by timestamp
	decoded  map[frameID]bool
	past     int64 // timestamp decoded last
	pastLast int64 // its last sequence number
	started  bool  // something was decoded
	waits    time.Duration
	askedKey time.Duration

	shown   []shown
	offered map[uint64]time.Duration // pictures that were sent, by camera and number
	asks    int
	// What the room sent: numbers must go on.
	outHighest int64
	outStarted bool
}

func newScreenSlot(v *viewer, ssrc uint32) *screenSlot {
	return &screenSlot{
		v: v, ssrc: ssrc, have: map[int64]bool{}, asking: map[int64]*missing{}, decoded: map[frameID]bool{},
		offered: map[uint64]time.Duration{}, waits: v.w.at(),
	}
}

// unwrap extends a number of n bits near to the last.
func unwrap(last int64, x uint32, bits uint) int64 {
	if last == 0 {
		return 1<<bits + int64(x)
	}
	half, whole := int64(1)<<(bits-1), int64(1)<<bits
	d := (int64(x) - last) & (whole - 1)
	if d >= half {
		d -= whole
	}
	return last + d
}

func pictureKey(g tag) uint64 { return uint64(g.camera)<<32 | uint64(g.picture) }

// isSent notes what the room sends, before any link.
func (t *screenSlot) isSent(p *rtp.Packet, b []byte) {
	n := unwrap(t.outHighest, uint32(p.Sequence), 16)
	if t.outStarted && n > t.outHighest+1 {
		t.v.w.t.Logf("at %v: slot %p seat %d: numbers %d to %d left out", t.v.w.at(), t, t.v.seat, t.outHighest+1, n-1)
		t.v.w.gaps++
	}
	t.outStarted, t.outHighest = true, max(t.outHighest, n)
	if payload := p.Payload.In(b); len(payload) >= tagSize {
		key := pictureKey(readTag(payload))
		if _, ok := t.offered[key]; !ok {
			t.offered[key] = t.v.w.at()
		}
	}
}

// receive takes a packet.
func (t *screenSlot) receive(sequence uint16, timestamp uint32, marker bool, payload []byte, repaired bool) {
	n := unwrap(t.highest, uint32(sequence), 16)
	if t.have[n] || n <= t.pastLast {
		delete(t.asking, n)
		return
	}
	t.have[n] = true
	delete(t.asking, n)
	if n > t.highest {
		if t.highest != 0 {
			t.askFor(t.highest+1, n-1)
		}
		t.highest = n
	}
	if len(payload) < tagSize {
		return // padding
	}
	ts := unwrap(t.stamp, timestamp, 32)
	t.stamp = max(t.stamp, ts)
	if ts <= t.past {
		return
	}
	u := t.unit(ts)
	g := readTag(payload)
	u.tags[n] = g
	if g.spatial == 0 && g.index == 0 {
		u.first = n
	}
	if marker {
		u.last = n
	}
}

// unit returns the unit with a timestamp.
func (t *screenSlot) unit(ts int64) *unit {
	i, ok := slices.BinarySearchFunc(t.units, ts, func(u *unit, ts int64) int { return int(u.timestamp - ts) })
	if !ok {
		t.units = slices.Insert(t.units, i, &unit{timestamp: ts, tags: map[int64]tag{}})
	}
	return t.units[i]
}

// askFor asks for missing packets at once, as libwebrtc does.
func (t *screenSlot) askFor(from, to int64) {
	if to-from > 1000 {
		from = to - 1000
	}
	var batch []uint16
	for n := from; n <= to; n++ {
		if !t.have[n] {
			t.asking[n] = &missing{tries: 1, at: t.v.w.at()}
			batch = append(batch, uint16(n))
		}
	}
	t.nack(batch)
}

func (t *screenSlot) nack(batch []uint16) {
	if len(batch) > 0 {
		t.v.report(&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: t.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(batch)})
	}
}

// step asks again, decodes, and asks for a key picture.
func (t *screenSlot) step(ms int) {
	now := t.v.w.at()
	if ms%20 == 0 {
		t.askAgain(now)
	}
	for t.decodeNext(now) {
		t.waits = now
	}
	patience := t.v.patience
	if !t.started {
		patience = 200 * time.Millisecond
	}
	if t.highest != 0 && now-t.waits > patience && now-t.askedKey > 200*time.Millisecond {
		t.askedKey = now
		t.asks++
		t.v.report(&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: t.ssrc})
	}
}

func (t *screenSlot) askAgain(now time.Duration) {
	var batch []uint16
	for n, m := range t.asking {
		switch {
		case n <= t.pastLast || m.tries >= 10:
			delete(t.asking, n)
		case now-m.at >= nackInterval: // libwebrtc knows no round trip time where it only receives
			m.at = now
			m.tries++
			batch = append(batch, uint16(n))
		}
	}
	slices.Sort(batch)
	t.nack(batch)
}

// isWhole reports whether all packets from the first to the last are there.
func (t *screenSlot) isWhole(u *unit) bool {
	if u.first == 0 || u.last == 0 {
		return false
	}
	for n := u.first; n <= u.last; n++ {
		if !t.have[n] {
			return false
		}
	}
	return true
}

// isDecodable reports whether all that the unit refers to was decoded.
func (t *screenSlot) isDecodable(u *unit) bool {
	for _, g := range u.tags {
		if g.ref != 0 && !t.decoded[frameID{g.camera, g.encoder, g.spatial, g.ref}] {
			return false
		}
	}
	return true
}

// decodeNext decodes one picture if it is time: the next one, or after some
// patience for what is missing a later one.
func (t *screenSlot) decodeNext(now time.Duration) bool {
	// Its jitter buffer grows by what repair takes.
	patience := max(t.v.rtt, nackInterval)*6/5 + 30*time.Millisecond
	for i, u := range t.units {
		if !u.complete {
			if !t.isWhole(u) {
				continue
			}
			u.complete, u.completeAt = true, now
		}
		if !t.isDecodable(u) {
			continue
		}
		if i == 0 && (!t.started || t.follows(u)) || now-u.completeAt >= patience {
			t.decode(now, u)
			t.units = slices.Delete(t.units, 0, i+1)
			return true
		}
	}
	return false
}

// follows reports whether nothing is missing between the unit and the last one.
func (t *screenSlot) follows(u *unit) bool {
	for n := t.pastLast + 1; n < u.first; n++ {
		if !t.have[n] {
			return false
		}
	}
	return true
}

func (t *screenSlot) decode(now time.Duration, u *unit) {
	s := shown{at: now}
	for _, g := range u.tags {
		t.decoded[frameID{g.camera, g.encoder, g.spatial, g.picture}] = true
		s.camera, s.picture, s.temporal, s.key = g.camera, g.picture, g.temporal, g.ref == 0
		s.spatial = max(s.spatial, g.spatial, g.encoder)
	}
	for _, c := range t.v.w.cameras {
		if c.id == s.camera && len(c.encoders) == 1 {
			s.delay = now - c.captured[s.picture]
		}
	}
	for n := t.pastLast + 1; t.pastLast != 0 && n <= u.last; n++ {
		delete(t.have, n)
	}
	t.past, t.pastLast, t.started = u.timestamp, u.last, true
	t.shown = append(t.shown, s)
}

// countSince counts the pictures decoded after a time.
func (t *screenSlot) countSince(from time.Duration) int {
	n := 0
	for _, s := range slices.Backward(t.shown) {
		if s.at <= from {
			break
		}
		n++
	}
	return n
}

// freeze returns the longest time between two decoded pictures of which some part
// lies between from and to, and when it began.
func (t *screenSlot) freeze(from, to time.Duration) (longest, began time.Duration) {
	for i, s := range t.shown {
		next := to
		if i+1 < len(t.shown) {
			next = t.shown[i+1].at
		}
		if s.at < to && next > from && next-s.at > longest {
			longest, began = next-s.at, s.at
		}
	}
	return longest, began
}

// lost returns the share of the pictures sent in a span of time that were never
// decoded.
func (t *screenSlot) lost(from, to time.Duration) float64 {
	seen := map[uint64]bool{}
	for _, s := range t.shown {
		seen[uint64(s.camera)<<32|uint64(s.picture)] = true
	}
	sent, lost := 0, 0
	for key, at := range t.offered {
		if at >= from && at < to {
			sent++
			if !seen[key] {
				lost++
			}
		}
	}
	return float64(lost) / float64(max(sent, 1))
}
