package media

import (
	"maps"
	"sync"
	"sync/atomic"

	"conclave/client/meeting"
	"conclave/core/sframe"
)

// A counter counts events; it may be used concurrently.
type counter = atomic.Uint64

// stats counts what became of received frames.
type stats struct {
	malformed   counter // not SFrame at all
	failed      counter // did not open
	noKey       counter // the key did not come in time
	wrongSender counter // sealed by another than the stream was announced with
	replays     counter
	beforeUs    counter // sealed before this client became a member
	overflow    counter // too many frames waited
	keyErrors   counter // keys that could not be taken over

	sent   counter // pictures and audio frames
	unsent counter // pictures and audio frames for which there was no key, or no connection

	mu     sync.Mutex
	counts map[FrameCount]uint64
}

// A FrameCount says which frames are counted together.
type FrameCount struct {
	Sender            meeting.Index
	Context           sframe.Context
	Spatial, Temporal uint8
}

// Stats says what became of the frames that were received and sent. Layers come
// from the header that the sender sealed, not from what the server says.
type Stats struct {
	Frames map[FrameCount]uint64 // opened

	Malformed   uint64 // no SFrame ciphertext
	Failed      uint64 // not authentic
	NoKey       uint64 // key did not come within 300 ms
	WrongSender uint64 // sealed by another than its stream was announced with
	Overflow    uint64 // too many frames waited for a key
	Replays     uint64 // seen before; dropped without harm
	BeforeUs    uint64 // sealed in an epoch before this client's first

	Sent   uint64 // pictures and audio frames, each sealed
	Unsent uint64 // pictures and audio frames that had no key, no connection or no key picture before them
}

// DecryptErrors returns how many frames should have opened and did not.
func (s Stats) DecryptErrors() uint64 {
	return s.Malformed + s.Failed + s.NoKey + s.WrongSender + s.Overflow
}

// Count returns how many frames of the contexts were opened.
func (s Stats) Count(contexts ...sframe.Context) uint64 {
	var n uint64
	for k, v := range s.Frames {
		for _, c := range contexts {
			if k.Context == c {
				n += v
			}
		}
	}
	return n
}

func (s *stats) opened(f Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = make(map[FrameCount]uint64)
	}
	// Senders, contexts and layers are checked and few: the map is bounded.
	s.counts[FrameCount{f.Sender, f.Context, f.Spatial, f.Temporal}]++
}

func (s *stats) snapshot() Stats {
	s.mu.Lock()
	frames := maps.Clone(s.counts)
	s.mu.Unlock()
	return Stats{
		Frames:      frames,
		Malformed:   s.malformed.Load(),
		Failed:      s.failed.Load(),
		NoKey:       s.noKey.Load(),
		WrongSender: s.wrongSender.Load(),
		Overflow:    s.overflow.Load(),
		Replays:     s.replays.Load(),
		BeforeUs:    s.beforeUs.Load(),
		Sent:        s.sent.Load(),
		Unsent:      s.unsent.Load(),
	}
}
