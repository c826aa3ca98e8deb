package rtc

import (
	"cmp"
	"slices"
	"time"
)

const (
	loudest     = 3               // microphones that are forwarded in a large meeting
	speakerHold = 2 * time.Second // how long one stays after it fell out of the loudest
	mostHeard   = 2 * loudest     // at any time, those that stay included
)

// A microphone is a stream of sound as the choice of speakers sees it.
type microphone struct {
	id   uint32
	loud int64
}

// A stage chooses the microphones that everybody hears. Up to all of them are on
// it; above that the loudest, and for a while those that just were.
type stage struct {
	all   int                  // number up to which nobody is chosen
	until map[uint32]time.Time // when a microphone leaves the stage
	heard []uint32             // scratch
}

func newStage(all int) *stage {
	return &stage{all: all, until: make(map[uint32]time.Time)}
}

// choose returns the ids of the microphones to forward and of those that speak,
// both loudest first. It orders mics. The slices are valid until the next call.
func (s *stage) choose(now time.Time, mics []microphone) (forward, speaking []uint32) {
	slices.SortFunc(mics, func(a, b microphone) int {
		return cmp.Or(cmp.Compare(b.loud, a.loud), cmp.Compare(a.id, b.id))
	})
	s.heard = s.heard[:0]
	talking := 0
	for _, m := range mics {
		if m.loud >= loudFloor {
			talking++
		}
	}
	if len(mics) <= s.all {
		clear(s.until)
		for _, m := range mics {
			s.heard = append(s.heard, m.id)
		}
		return s.heard, s.heard[:talking]
	}
	for i, m := range mics {
		if i < loudest && m.loud >= loudFloor {
			s.until[m.id] = now.Add(speakerHold)
		}
	}
	for _, m := range mics {
		if until, ok := s.until[m.id]; ok && now.Before(until) && len(s.heard) < mostHeard {
			s.heard = append(s.heard, m.id)
		}
	}
	for id, until := range s.until {
		if !now.Before(until) {
			delete(s.until, id)
		}
	}
	return s.heard, s.heard[:min(talking, len(s.heard), loudest)]
}
