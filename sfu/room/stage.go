package room

import (
	"cmp"
	"slices"
	"time"
)

const (
	loudest     = 3               // microphones that are forwarded in a large meeting
	speakerHold = 2 * time.Second // how long one stays after it fell out of the loudest
	mostHeard   = 2 * loudest     // at any time, those that stay included

	// stageInterval is how often those who fell silent leave the stage. Who begins
	// to speak does not wait for it.
	stageInterval = 100 * time.Millisecond
)

// A microphone is a stream of sound as the choice of speakers sees it.
type microphone struct {
	id    uint32
	level *loudness
}

// A member is a microphone on the stage.
type member struct {
	microphone
	until time.Time // when it leaves
}

// A stage chooses the microphones that everybody hears. Up to all of them are on
// it; above that the loudest, and for a while those that just were.
//
// A microphone that rises enters with the packet that says so ([stage.hear]): a
// first syllable is shorter than a round of choosing. That costs a few
// comparisons however many microphones there are. Leaving waits for
// [stage.turn], which looks at all.
type stage struct {
	all     int // number up to which nobody is chosen
	open    bool
	members []member // at most mostHeard, if not open

	heard    []uint32     // forwarded, by id
	speaking []uint32     // those that speak, loudest first
	order    []microphone // scratch
}

func newStage(all int) *stage { return &stage{all: all, open: true} }

// hear takes note of a microphone whose packet is speech, and reports whether
// it enters the stage with it.
func (g *stage) hear(now time.Time, m microphone) (entered bool) {
	if g.open {
		return false // everybody is heard, or will be after the next turn
	}
	loud, louder := m.level.now(now), 0
	var known *member
	for i := range g.members {
		switch other := &g.members[i]; {
		case other.id == m.id:
			known = other
		case other.level.now(now) > loud:
			louder++
		}
	}
	switch {
	case louder >= loudest:
	case known != nil:
		known.until = now.Add(speakerHold)
	default:
		g.enter(now, m)
		g.list()
		return true
	}
	return false
}

// enter puts a microphone on the stage, in the place of the quietest if it is full.
func (g *stage) enter(now time.Time, m microphone) {
	if len(g.members) >= mostHeard {
		quietest := 0
		for i := range g.members {
			if g.members[i].level.now(now) < g.members[quietest].level.now(now) {
				quietest = i
			}
		}
		g.members = slices.Delete(g.members, quietest, quietest+1)
	}
	g.members = append(g.members, member{m, now.Add(speakerHold)})
}

// turn looks at all microphones of the meeting: those that fell silent leave, those
// that are gone too. It reports whether the choice or the speakers changed.
func (g *stage) turn(now time.Time, mics []microphone) (heard, speaking bool) {
	g.order = append(g.order[:0], mics...)
	slices.SortFunc(g.order, func(a, b microphone) int {
		return cmp.Or(cmp.Compare(b.level.now(now), a.level.now(now)), cmp.Compare(a.id, b.id))
	})
	talking := 0
	for talking < len(g.order) && g.order[talking].level.now(now) >= loudFloor {
		talking++
	}
	g.open = len(mics) <= g.all
	g.members = slices.DeleteFunc(g.members, func(m member) bool {
		return g.open || !now.Before(m.until) || !slices.Contains(mics, m.microphone)
	})
	if !g.open {
		talking = min(talking, loudest)
		for _, m := range g.order[:talking] {
			g.renew(now, m)
		}
	}
	speaking = g.speak(talking)
	return g.list(), speaking
}

// speak writes down the first n of the order as those that speak, and reports
// whether that changed.
func (g *stage) speak(n int) (changed bool) {
	changed = n != len(g.speaking)
	for i, m := range g.order[:n] {
		changed = changed || g.speaking[i] != m.id
	}
	g.speaking = g.speaking[:0]
	for _, m := range g.order[:n] {
		g.speaking = append(g.speaking, m.id)
	}
	return changed
}

// renew keeps a microphone on the stage, or puts it there.
func (g *stage) renew(now time.Time, m microphone) {
	for i := range g.members {
		if g.members[i].id == m.id {
			g.members[i].until = now.Add(speakerHold)
			return
		}
	}
	g.enter(now, m)
}

// list writes down who is heard, and reports whether that changed.
func (g *stage) list() (changed bool) {
	n := 0
	put := func(id uint32) {
		if n == len(g.heard) {
			g.heard = append(g.heard, 0)
		}
		changed = changed || g.heard[n] != id
		g.heard[n] = id
		n++
	}
	if g.open {
		slices.SortFunc(g.order, func(a, b microphone) int { return cmp.Compare(a.id, b.id) })
		for _, m := range g.order {
			put(m.id)
		}
	} else {
		slices.SortFunc(g.members, func(a, b member) int { return cmp.Compare(a.id, b.id) })
		for _, m := range g.members {
			put(m.id)
		}
	}
	changed = changed || n != len(g.heard)
	g.heard = g.heard[:n]
	return changed
}

// has reports whether a microphone is heard.
func (g *stage) has(id uint32) bool {
	_, ok := slices.BinarySearch(g.heard, id)
	return ok
}
