package media

import (
	"time"

	"github.com/pion/rtp"
)

const (
	reorderSize = 2048                   // packets; more than a second of the largest stream
	videoWait   = 400 * time.Millisecond // for a packet that is sent again
	audioWait   = 120 * time.Millisecond
)

// A reorderer puts RTP packets into order, waits for missing ones and drops
// what comes twice. Push a packet, then pop until nothing comes. It belongs to
// one goroutine.
type reorderer struct {
	// Constant.
	wait time.Duration

	started bool
	next    uint16    // sequence number of the next packet to hand out
	held    int       // packets in slots
	since   time.Time // when the packet next was found missing
	lost    bool      // packets before next are missing
	slots   [reorderSize]*rtp.Packet

	stats reorderStats
}

type reorderStats struct{ lost, late, duplicate uint64 }

// push takes a packet. The reorderer keeps it.
func (r *reorderer) push(now time.Time, p *rtp.Packet) {
	if !r.started {
		r.started, r.next = true, p.SequenceNumber
	}
	ahead := p.SequenceNumber - r.next
	switch {
	case ahead >= 1<<15:
		r.stats.late++ // behind: handed out before, or given up
		return
	case ahead >= reorderSize:
		// A gap larger than anything that will be filled: start again here.
		r.drop()
		r.stats.lost += uint64(ahead)
		r.next, r.lost = p.SequenceNumber, true
	}
	slot := &r.slots[p.SequenceNumber%reorderSize]
	if *slot != nil {
		r.stats.duplicate++
		return
	}
	if r.held == 0 {
		r.since = now
	}
	*slot = p
	r.held++
}

func (r *reorderer) drop() {
	clear(r.slots[:])
	r.held = 0
}

// pop returns the next packet in order. lost reports whether packets before it
// are missing for good. ok is false when nothing can be handed out now.
func (r *reorderer) pop(now time.Time) (p *rtp.Packet, lost, ok bool) {
	if r.held == 0 {
		return nil, false, false
	}
	if r.slots[r.next%reorderSize] == nil {
		if now.Sub(r.since) < r.wait {
			return nil, false, false
		}
		for r.slots[r.next%reorderSize] == nil {
			r.next++
			r.stats.lost++
		}
		r.lost = true
	}
	slot := &r.slots[r.next%reorderSize]
	p, lost = *slot, r.lost
	*slot = nil
	r.held--
	r.next++
	r.lost = false
	r.since = now
	return p, lost, true
}

// wake returns when pop can hand out more without another push, if ever.
func (r *reorderer) wake() (time.Time, bool) { return r.since.Add(r.wait), r.held > 0 }
