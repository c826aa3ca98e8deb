package room

import (
	"time"

	"conclave/sfu/layer"
	"conclave/sfu/pacer"
	"conclave/sfu/rtp"
)

// A pacing says when the pictures of a receiver may leave. The rest of the room
// calls:
//
//	waits    before a packet of video is given to the selector of a slot
//	left     for every RTP packet that was sent: pictures, sound, repair, padding
//	unpace   when a slot shows something else from now on
//
// What waits is kept before the selector, as the name of a packet in the
// publisher's cache. So it has no number yet: a layer that falls meanwhile takes what
// waits with it, and no gap tells the receiver.
type pacing struct {
	pacer   pacer.Pacer
	repair  pacer.Pacer // of repair alone: mend.go
	waiting int         // slots in which something waits
	atOnce  int         // bytes of a picture that leave at once
}

func newPacing() pacing { return pacing{atOnce: mostAtOnce} }

const (
	// mostWaiting packets wait in one slot: a quarter of a second at 10 Mbit/s.
	mostWaiting = 256
	// mostAtOnce bytes of a picture leave at once. Nearly all pictures are smaller.
	// More, such as the key frame of a screen, would be more than the queue of many
	// a link holds, and would come no sooner.
	mostAtOnce = 16_000
	// leastAtOnce is what still does on a link with hardly any queue.
	leastAtOnce = 3_000
	// longestWait is how long a packet waits. Then all that waits in its slot is
	// given up, and the slot goes on at the next key frame: what is so late is
	// worth less than what it delays.
	longestWait = 250 * time.Millisecond
)

// A queue is what waits in a slot, in the order in which it came.
type queue struct {
	ring        []waiter // grows up to mostWaiting
	head, count int
	counts      [layer.MaxEncodings]int // by encoding

	// The picture that leaves now: the rest of its packets do not wait, up to
	// pacing.atOnce.
	leaving bool
	sent    int // bytes of it
	source  layer.Source
	picture uint32 // RTP timestamp of the publisher
}

// A waiter names a packet of the stream that the slot shows.
type waiter struct {
	sequence uint64
	source   layer.Source
	encoding uint8
	at       time.Time // since when it waits
}

// waits reports whether p, a packet of the stream that t shows, has to wait. If so
// it comes back later by t.forward.
func (rc *receiver) waits(now time.Time, t *slot, p *layer.Packet) bool {
	q := &t.queue
	if q.count == 0 {
		if !t.startsPicture(p) {
			q.sent += len(p.Payload)
			return false
		}
		if rc.pacing.waiting == 0 && rc.mayLeave(now) {
			t.leave(now, p)
			return false
		}
	} else if q.passes(t, p) {
		return false
	}
	if first := q.first(); q.count == mostWaiting || q.count > 0 && now.Sub(first.at) > longestWait {
		rc.unpace(t)
		t.restart()
		return true
	}
	if q.count == 0 {
		rc.pacing.waiting++
	}
	q.push(waiter{p.Sequence, p.Source, p.Encoding, now})
	return true
}

// startsPicture reports whether p is of another picture than the one that leaves
// and is going to be forwarded, as far as can be told before the selector.
func (t *slot) startsPicture(p *layer.Packet) bool {
	q := &t.queue
	target, current := t.selector.Target(), t.selector.Current()
	switch {
	case len(p.Payload) == 0, target.IsNone():
		return false
	case t.carries != nil && t.carries.simulcast():
		if p.Temporal > uint8(target.Temporal) || int8(p.Encoding) != current.Spatial && !(p.Key && int8(p.Encoding) == target.Spatial) {
			return false
		}
	case int8(p.Spatial) > target.Spatial || int8(p.Temporal) > target.Temporal || current.IsNone() && !p.Key:
		return false
	}
	if !q.leaving || q.source != p.Source {
		return true
	}
	if p.Timestamp == q.picture {
		return q.sent > t.receiver.pacing.atOnce
	}
	return int32(p.Timestamp-q.picture) > 0 // later; an earlier one is late already
}

// restart makes the slot begin anew at the next key frame.
func (t *slot) restart() {
	if t.carries == nil {
		return
	}
	stream := t.carries.describe()
	t.selector.SwitchSource(layer.Stream{})
	t.selector.SwitchSource(stream)
}

// fitBurst makes less leave at once where packets are lost without a queue, as
// they are on a link that has hardly room for one. It is called each shareInterval.
func (rc *receiver) fitBurst() {
	p, stats := &rc.pacing, rc.estimator.Stats()
	switch {
	case stats.Loss > 0.03:
		p.atOnce = max(p.atOnce-p.atOnce/8, leastAtOnce)
	case stats.Loss < 0.01:
		p.atOnce = min(p.atOnce+200, mostAtOnce)
	}
}

// mayLeave reports whether the next picture may leave.
func (rc *receiver) mayLeave(now time.Time) bool {
	if !rc.pacing.pacer.Ready(now) {
		return false
	}
	_, suspect := rc.estimator.Suspect(now)
	return !suspect
}

// left notes that a packet of so many bytes, with all headers, was sent.
func (rc *receiver) left(now time.Time, bytes int) { rc.pacing.pacer.Sent(now, bytes) }

// unpace forgets what waits for a slot.
func (rc *receiver) unpace(t *slot) {
	if t.queue.count > 0 {
		rc.pacing.waiting--
	}
	q := &t.queue
	q.head, q.count, q.leaving = 0, 0, false
	clear(q.counts[:])
}

// sendWaiting sends what waits and may leave now, and returns when to call it again.
func (rc *receiver) sendWaiting(now time.Time, out *rtp.Output) time.Time {
	for rc.pacing.waiting > 0 {
		if !rc.releasePicture(now, rc.longestWaiting(), out) {
			next := rc.pacing.pacer.Next(now)
			if until, ok := rc.estimator.Suspect(now); ok {
				next = maxTime(next, until)
			}
			return next
		}
	}
	return now.Add(tickInterval)
}

// longestWaiting returns the slot whose first packet has waited for longest.
func (rc *receiver) longestWaiting() *slot {
	var oldest *slot
	for _, t := range rc.slots {
		if t.queue.count > 0 && (oldest == nil || t.queue.first().at.Before(oldest.queue.first().at)) {
			oldest = t
		}
	}
	return oldest
}

// releasePicture forwards what waits in a slot up to the end of a picture. It
// reports false if the next picture may not leave yet.
func (rc *receiver) releasePicture(now time.Time, t *slot, out *rtp.Output) bool {
	q := &t.queue
	for begun := false; q.count > 0; {
		first := q.first()
		p := t.carries.packet(first.source, first.sequence)
		if p == nil { // the cache had no room for it any more, and no repair will bring it
			rc.unpace(t)
			t.restart()
			return true
		}
		if t.startsPicture(p) {
			if begun {
				return true
			}
			if !rc.mayLeave(now) {
				return false
			}
			begun = true
			t.leave(now, p)
		} else {
			q.sent += len(p.Payload)
		}
		t.forward(now, p, nil, out)
		q.pop()
	}
	rc.pacing.waiting--
	return true
}

// leave makes p's picture the one that leaves.
func (t *slot) leave(now time.Time, p *layer.Packet) {
	q := &t.queue
	if p.Key {
		t.mending.begins(now, p)
	}
	q.leaving, q.source, q.picture, q.sent = true, p.Source, p.Timestamp, len(p.Payload)
}

// passes reports whether p need not wait behind what does: it is from before that,
// or of an encoding of which nothing waits and that is not forwarded.
func (q *queue) passes(t *slot, p *layer.Packet) bool {
	if q.counts[p.Encoding] == 0 {
		return !p.Key && int8(p.Encoding) != t.selector.Current().Spatial
	}
	first := q.first()
	return p.Source == first.source && p.Sequence < first.sequence
}

func (q *queue) first() *waiter {
	if q.count == 0 {
		return nil
	}
	return &q.ring[q.head]
}

func (q *queue) push(w waiter) {
	if q.count == len(q.ring) {
		bigger := make([]waiter, max(32, 2*len(q.ring)))
		n := copy(bigger, q.ring[q.head:])
		copy(bigger[n:], q.ring[:q.head])
		q.ring, q.head = bigger, 0
	}
	q.ring[(q.head+q.count)%len(q.ring)] = w
	q.count++
	q.counts[w.encoding]++
}

func (q *queue) pop() {
	q.counts[q.ring[q.head].encoding]--
	q.head = (q.head + 1) % len(q.ring)
	q.count--
}
