package room

import (
	"time"

	"conclave/sfu/bwe"
	"conclave/sfu/layer"
	"conclave/sfu/pacer"
	"conclave/sfu/rtp"
)

// A picture of which a part is missing stops a receiver: it decodes nothing that
// depends on it, asks ten times for what is missing, and then waits for seconds
// before it asks for a key frame. So the room counts how often it is asked, and
// has the publisher begin anew once repair is seen to fail.

const (
	mendTries      = 3                      // requests for one packet after which repair has failed
	mendTriesJam   = 2                      // while a queue stands in the path, where repair is late
	mendWait       = 120 * time.Millisecond // at least from the first request to the last of them
	mendInterval   = 2 * time.Second        // between key frames for one slot: others pay for them too
	mendGiveUp     = 1 * time.Second        // for how long nothing older is repaired once one was asked for
	mendKey        = 300 * time.Millisecond // after a key frame left, nothing from before it is repaired while a queue stands
	mendQueue      = 80 * time.Millisecond  // a queue in the path that makes repair late
	twiceLoss      = 0.02                   // from so much on, far away, repair is sent twice
	twiceRTT       = 100 * time.Millisecond
	repairShare    = 0.25                   // of the estimate, for repair
	repairBurst    = 150 * time.Millisecond // and so much of it at once
	mendEntries    = 64
	mendForgetting = 2 * time.Second
)

// A mending is what is known of the holes in what a slot sent.
type mending struct {
	log     []ask // by sequence number; nil before the first request
	askedAt time.Time
	source  layer.Source
	before  uint64 // packets of source up to here are given up for the key frame asked for
	wanted  bool   // a key frame is to be asked for

	keySource layer.Source // of the last key frame that left
	key       uint64       // its first packet
	keyAt     time.Time
}

// An ask is how often a packet was asked for.
type ask struct {
	first    time.Time
	sequence uint16
	tries    uint8
}

// isWorthRepair reports whether a lost packet is worth sending again; p is what the
// publisher sent. It is to be called with each request that is not too soon after
// the one before.
func (rc *receiver) isWorthRepair(now time.Time, t *slot, sequence uint16, p *layer.Packet) bool {
	stats := rc.estimator.Stats()
	worth := rc.mayRepair(now, stats.Target, len(p.Payload)+perPacket)
	jam := stats.Draining || stats.Queue > mendQueue
	if p.Temporal > 0 {
		// Nothing that will be sent depends on it: while a queue drains, only the
		// lowest layer is sent.
		return worth && !stats.Draining
	}
	m := &t.mending
	if p.Source == m.source && p.Sequence <= m.before && now.Sub(m.askedAt) < mendGiveUp ||
		jam && p.Source == m.keySource && p.Sequence < m.key && now.Sub(m.keyAt) > mendKey {
		return false
	}
	a := m.count(now, sequence)
	tries := uint8(mendTries)
	if jam {
		tries = mendTriesJam
	}
	if a.tries >= tries && now.Sub(a.first) >= mendWait {
		m.wanted = true
	}
	return worth
}

// mayRepair reports whether so many bytes of repair may be sent, and if so counts
// them. Repair is a part of what the path carries: where a queue overflows, more
// of it makes more overflow.
func (rc *receiver) mayRepair(now time.Time, target bwe.BitRate, bytes int) bool {
	b := &rc.pacing.repair
	b.SetRate(now, bwe.BitRate(float64(target)*repairShare/pacer.Factor))
	if b.Wait(now) > repairBurst {
		return false
	}
	b.Sent(now, bytes)
	return true
}

// repairsTwice reports whether a lost packet is sent twice: on a path that loses
// many, the repair of what all later pictures depend on would be lost as often, and
// the next one comes a round trip later.
func (rc *receiver) repairsTwice(p *layer.Packet) bool {
	stats := rc.estimator.Stats()
	return p.Temporal == 0 && stats.Loss > twiceLoss && stats.RTT > twiceRTT && !stats.Draining && stats.Queue < mendQueue
}

// count notes a request.
func (m *mending) count(now time.Time, sequence uint16) *ask {
	if m.log == nil {
		m.log = make([]ask, mendEntries)
	}
	a := &m.log[sequence%mendEntries]
	if a.sequence != sequence || now.Sub(a.first) > mendForgetting {
		*a = ask{first: now, sequence: sequence}
	}
	a.tries = min(a.tries, 254) + 1
	return a
}

// begins notes that the key frame which begins with p leaves: what was missing
// before is so no more.
func (m *mending) begins(now time.Time, p *layer.Packet) {
	m.wanted = false
	m.keySource, m.key, m.keyAt = p.Source, p.Sequence, now
}

// isGone notes that a packet is asked for which is not in the cache any more: a
// queue of a second and more was in the path. There is no repair for it.
func (m *mending) isGone(source layer.Source, incoming uint64) {
	if source == m.keySource && incoming >= m.key {
		m.wanted = true
	}
}

// mend asks for the key frames that repair has failed for.
func (rc *receiver) mend(now time.Time, out *rtp.Output) {
	for _, t := range rc.slots {
		m := &t.mending
		if !m.wanted || now.Sub(m.askedAt) < mendInterval {
			continue
		}
		m.wanted = false
		if !t.attached || t.selector == nil {
			continue
		}
		encoding := t.encoding()
		t.carries.ask(now, encoding, out)
		m.askedAt = now
		e := t.carries.encodings[encoding]
		m.source, m.before = e.source, e.window.Highest()
	}
}
