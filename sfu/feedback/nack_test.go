package feedback

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// lossy feeds numbers from up to but without end, except those in lost, all now.
func lossy(r *Recorder, s *Source, now time.Time, from, end uint16, lost ...uint16) {
	for n := from; n != end; n++ {
		if !slices.Contains(lost, n) {
			r.Received(now, s, n, 0)
		}
	}
}

func TestNACKAfterReorderAllowance(t *testing.T) {
	r := New(1)
	s := r.Source(2, 90000, true)
	lossy(r, s, epoch, 65530, 2, 65534, 0) // 0 has one later packet, 65534 three
	if got, want := asked(drain(t, r, epoch), 2), []uint16{65534}; !slices.Equal(got, want) {
		t.Errorf("asked for %d at once, want %d", got, want)
	}
	if got, want := r.Next(), epoch.Add(reorderTime); !got.Equal(want) {
		t.Errorf("Next = %v, want %v", got.Sub(epoch), want.Sub(epoch))
	}
	if got, want := asked(drain(t, r, epoch.Add(reorderTime)), 2), []uint16{0}; !slices.Equal(got, want) {
		t.Errorf("asked for %d, want %d", got, want)
	}
	// What was only late is not asked for.
	lossy(r, s, epoch.Add(20*time.Millisecond), 2, 6, 4)
	r.Received(epoch.Add(25*time.Millisecond), s, 4, 0)
	if got := asked(drain(t, r, epoch.Add(40*time.Millisecond)), 2); got != nil {
		t.Errorf("asked for %d, want nothing", got)
	}
}

func TestNACKRepeats(t *testing.T) {
	r := New(1)
	r.SetRTT(40 * time.Millisecond)
	s := r.Source(2, 90000, true)
	lossy(r, s, epoch, 0, 100, 50, 51, 68)
	for i := range maxTries {
		now := epoch.Add(time.Duration(i) * 60 * time.Millisecond)
		if got, want := asked(drain(t, r, now), 2), []uint16{50, 51, 68}; !slices.Equal(got, want) {
			t.Fatalf("request %d is for %d, want %d", i, got, want)
		}
		if got := asked(drain(t, r, now.Add(59*time.Millisecond)), 2); got != nil {
			t.Fatalf("asked for %d too soon", got)
		}
		if _, lost := s.Lost(); lost {
			t.Fatal("given up while asking")
		}
	}
	if got := asked(drain(t, r, epoch.Add(maxTries*60*time.Millisecond)), 2); got != nil {
		t.Errorf("asked for %d once more than %d times", got, maxTries)
	}
	if n, lost := s.Lost(); n != 68 || !lost {
		t.Errorf("Lost = %d, %v; want 68, true", n, lost)
	}
	if _, lost := s.Lost(); lost {
		t.Error("Lost says it twice")
	}
	if len(s.missing.entries) != 0 || s.missing.asked != 0 {
		t.Errorf("%d packets are still missing, %d of them asked for", len(s.missing.entries), s.missing.asked)
	}
}

func TestNACKEnds(t *testing.T) {
	now := epoch.Add(time.Second)
	for _, test := range []struct {
		name string
		do   func(*Recorder, *Source)
		want []uint16
	}{
		{"nothing", func(*Recorder, *Source) {}, []uint16{50, 60, 70}},
		{"late", func(r *Recorder, s *Source) { r.Received(epoch, s, 60, 0) }, []uint16{50, 70}},
		{"recovered", func(r *Recorder, s *Source) { r.Recovered(epoch, s, 50) }, []uint16{60, 70}},
		{"key frame", func(r *Recorder, s *Source) { r.Skip(s, 61) }, []uint16{70}},
		{"key frame after all", func(r *Recorder, s *Source) { r.Skip(s, 99) }, nil},
		{"forgotten", func(r *Recorder, s *Source) { r.Forget(s) }, nil},
		{"a new start below", func(r *Recorder, s *Source) { lossy(r, s, epoch, 60000, 60002) }, nil},
		{"a new start above", func(r *Recorder, s *Source) { lossy(r, s, epoch, 30000, 30002) }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := New(1)
			s := r.Source(2, 90000, true)
			lossy(r, s, epoch, 0, 100, 50, 60, 70)
			if got, want := asked(drain(t, r, epoch), 2), []uint16{50, 60, 70}; !slices.Equal(got, want) {
				t.Fatalf("asked for %d, want %d", got, want)
			}
			test.do(r, s)
			if got := asked(drain(t, r, now), 2); !slices.Equal(got, test.want) {
				t.Errorf("asked for %d, want %d", got, test.want)
			}
			if _, lost := s.Lost(); lost {
				t.Error("says that packets are lost for good")
			}
		})
	}
}

func TestNACKNotNegotiated(t *testing.T) {
	r := New(1)
	s := r.Source(2, 48000, false)
	lossy(r, s, epoch, 0, 100, 50)
	if got := asked(drain(t, r, epoch.Add(time.Second)), 2); got != nil {
		t.Errorf("asked for %d of a source without NACK", got)
	}
}

// TestNACKBounded checks that a gap of thousands is remembered as far as is
// allowed, and said to be lost for good beyond.
func TestNACKBounded(t *testing.T) {
	r := New(1)
	s := r.Source(2, 90000, true)
	r.Received(epoch, s, 0, 0)
	r.Received(epoch, s, 401, 0)  // 400 missing
	r.Received(epoch, s, 1202, 0) // 800 more
	if len(s.missing.entries) != maxMissing {
		t.Fatalf("%d packets are remembered, want %d", len(s.missing.entries), maxMissing)
	}
	if n, lost := s.Lost(); n != 200 || !lost {
		t.Errorf("Lost = %d, %v; want 200, true", n, lost)
	}
	r.Received(epoch, s, 1202+maxDropout, 0)
	if n, lost := s.Lost(); n != 1202+maxDropout-maxMissing-1 || !lost {
		t.Errorf("Lost = %d, %v; want %d, true", n, lost, 1202+maxDropout-maxMissing-1)
	}
	if len(s.missing.entries) != maxMissing {
		t.Fatalf("%d packets are remembered, want %d", len(s.missing.entries), maxMissing)
	}
	if got := len(asked(drain(t, r, epoch.Add(reorderTime)), 2)); got != maxMissing {
		t.Errorf("%d packets are asked for, want %d", got, maxMissing)
	}
}

// TestNACKSplits checks that what does not fit one packet is in the next.
func TestNACKSplits(t *testing.T) {
	r := New(1)
	var all []*Source
	for i := range uint32(MaxSources) {
		s := r.Source(i, 90000, true)
		for n := uint16(0); n < 500; n += 20 {
			r.Received(epoch, s, n, 0) // 19 of 20 are missing
		}
		all = append(all, s)
	}
	packets := drain(t, r, epoch.Add(reorderTime))
	for _, s := range all {
		if got := len(asked(packets, s.ssrc)); got != 24*19 {
			t.Fatalf("%d packets of source %d are asked for, want %d", got, s.ssrc, 24*19)
		}
	}
	if s := r.Source(MaxSources, 90000, true); s != nil {
		t.Error("there is no end of sources")
	}
}

func TestRoundTripIsLearned(t *testing.T) {
	for _, milliseconds := range []int{5, 30, 120, 300} {
		rtt := time.Duration(milliseconds) * time.Millisecond
		r := New(1)
		s := r.Source(2, 90000, true)
		number := uint16(65000)
		answers := map[time.Duration][]uint16{}
		requests := 0
		for at := time.Duration(0); at < 20*time.Second; at += time.Millisecond {
			now := epoch.Add(at)
			for _, n := range answers[at] {
				r.Recovered(now, s, n)
			}
			if number++; number%50 != 0 {
				r.Received(now, s, number, 0)
			}
			for _, n := range asked(drain(t, r, now), 2) {
				answers[at+rtt] = append(answers[at+rtt], n)
				if at > 10*time.Second {
					requests++
				}
			}
		}
		if got := r.trip.estimate(); got < rtt || got > rtt+rtt/4 {
			t.Errorf("learned %v, want %v", got, rtt)
		}
		if requests > 220 {
			t.Errorf("RTT %v: %d requests for 200 packets", rtt, requests)
		}
		if _, lost := s.Lost(); lost {
			t.Errorf("RTT %v: packets given up", rtt)
		}
	}
}

// TestLateIsNoAnswer checks that a packet that was only late does not shorten
// the round trip time where answers come on an SSRC of their own.
func TestLateIsNoAnswer(t *testing.T) {
	r := New(1)
	s := r.Source(2, 90000, true)
	lossy(r, s, epoch, 0, 20, 5, 6)
	drain(t, r, epoch)
	r.Recovered(epoch.Add(80*time.Millisecond), s, 5)
	r.Received(epoch.Add(81*time.Millisecond), s, 20, 0)
	lossy(r, s, epoch.Add(82*time.Millisecond), 21, 40, 30)
	drain(t, r, epoch.Add(82*time.Millisecond))
	r.Received(epoch.Add(83*time.Millisecond), s, 30, 0)
	if got := r.trip.estimate(); got != 80*time.Millisecond {
		t.Errorf("the round trip takes %v, want 80 ms", got)
	}
}

// TestNACKModel compares what is asked for with a plain model of all packets, over
// random losses, late packets, recoveries and wraps.
func TestNACKModel(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 2))
		r := New(1)
		s := r.Source(2, 90000, true)
		type state struct {
			came    bool
			tries   int
			noticed time.Time
			asked   time.Time
		}
		var packets []state // from first on
		first := uint16(random.Uint32())
		now := epoch
		highest := -1
		come := func(i int, recovered bool) {
			if recovered {
				r.Recovered(now, s, first+uint16(i))
			} else {
				r.Received(now, s, first+uint16(i), 0)
				for j := highest + 1; j < i; j++ {
					packets[j].noticed = now
				}
				highest = max(highest, i)
			}
			packets[i].came = true
		}
		loss := 0.2 * random.Float64()
		last := now.Add(-time.Second) // NACK
		for range 2000 {
			packets = append(packets, state{})
			if i := len(packets) - 1; i == 0 || random.Float64() > loss {
				come(i, false)
			}
			if i := max(0, highest-random.IntN(100)); random.IntN(8) == 0 && !packets[i].came {
				come(i, random.IntN(2) == 0)
			}
			if random.IntN(5) == 0 {
				now = now.Add(time.Duration(random.IntN(10_000)) * time.Microsecond)
			}
			numbers := asked(drain(t, r, now), 2)
			if len(numbers) > 0 && now.Sub(last) < leastAsk {
				t.Fatalf("seed %d: a NACK follows another after %v", seed, now.Sub(last))
			}
			if len(numbers) > 0 {
				last = now
			}
			for _, n := range numbers {
				i := int(n - first)
				if i >= highest || packets[i].came || packets[i].tries == maxTries {
					t.Fatalf("seed %d: packet %d of %d is asked for: %+v", seed, i, highest, packets[i])
				}
				p := &packets[i]
				if p.tries == 0 && highest-i < reorderSpan && now.Sub(p.noticed) < reorderTime {
					t.Fatalf("seed %d: packet %d is asked for too soon", seed, i)
				}
				if p.tries > 0 && now.Sub(p.asked) < leastRepeat {
					t.Fatalf("seed %d: packet %d is asked for after %v again", seed, i, now.Sub(p.asked))
				}
				p.tries, p.asked = p.tries+1, now
			}
			for i := range highest {
				p := &packets[i]
				due := p.tries == 0 && (highest-i >= reorderSpan || now.Sub(p.noticed) >= reorderTime)
				if !p.came && due && now.Sub(last) >= leastAsk {
					t.Fatalf("seed %d: packet %d of %d is not asked for", seed, i, highest)
				}
			}
		}
		if r.Next().Before(now) {
			t.Fatalf("seed %d: due after all was drained", seed)
		}
	}
}

// TestCompound checks that every packet begins with a report if small ones were
// not negotiated, and that there is none without anything to say.
func TestCompound(t *testing.T) {
	r := New(1)
	r.SetReduced(false)
	s := r.Source(2, 90000, true)
	lossy(r, s, epoch, 0, 10, 5)
	b := r.Append(epoch, nil)
	packets, err := rtcp.Unmarshal(b)
	if err != nil || len(packets) != 3 {
		t.Fatalf("Append wrote %v, %v; want report, name and NACK", packets, err)
	}
	if err := rtcp.CompoundPacket(packets).Validate(); err != nil {
		t.Error(err)
	}
	r.Recovered(epoch, s, 5)
	if b := r.Append(epoch.Add(200*time.Millisecond), nil); len(b) != 0 {
		t.Errorf("Append wrote %x with nothing to say", b)
	}
}
