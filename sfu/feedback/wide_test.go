package feedback

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"conclave/sfu/bwe"
)

// A teller checks transport-wide feedback against what arrived.
type teller struct {
	t       *testing.T
	decoder bwe.Decoder
	offset  time.Duration // of the decoder's clock
	synced  bool
	arrived map[uint16]time.Duration // since the epoch; each number is used once
	told    map[uint16]bool          // number: said to have arrived
	count   int                      // messages
}

func (w *teller) take(packets []rtcp.Packet) {
	w.t.Helper()
	for _, p := range packets {
		cc, ok := p.(*rtcp.TransportLayerCC)
		if !ok {
			continue
		}
		if int(cc.FbPktCount) != w.count%256 {
			w.t.Fatalf("feedback %d has count %d", w.count, cc.FbPktCount)
		}
		w.count++
		f, err := w.decoder.Decode(cc)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, a := range f.Arrivals {
			w.told[a.Seq] = a.Received
			if !a.Received {
				continue
			}
			at, came := w.arrived[a.Seq]
			if !came {
				w.t.Fatalf("packet %d is said to have come", a.Seq)
			}
			if !w.synced {
				// The first is exact to a tick; the model starts on one.
				w.synced, w.offset = true, a.At-at
			}
			if off := at - (a.At - w.offset); off < 0 || off >= 250*time.Microsecond {
				w.t.Fatalf("packet %d came at %v, told %v", a.Seq, at, a.At-w.offset)
			}
		}
	}
}

func TestTransportModel(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		r := New(1)
		s := r.Source(2, 90000, false)
		w := &teller{t: t, arrived: map[uint16]time.Duration{}, told: map[uint16]bool{}}
		loss, reorder := random.Float64()*0.6, random.Float64()*0.3
		mean := time.Duration(1+random.IntN(20_000)) * time.Microsecond / 10
		number, at := uint16(random.Uint32()), time.Duration(0)
		first, last, started := uint16(0), uint16(0), false
		var late []uint16
		arrive := func(n uint16) {
			if !started {
				first, last, started = n, n, true
			}
			if int16(n-first) < 0 || int16(last-n) > ringSize/2 {
				return // before the first or too late: may be told or not
			}
			if int16(n-last) > 0 {
				last = n
			}
			if _, twice := w.arrived[n]; !twice {
				w.arrived[n] = at
			}
			r.Received(epoch.Add(at), s, n, 0)
			r.Arrived(epoch.Add(at), n)
		}
		for range 3000 {
			switch p := random.Float64(); {
			case p < loss:
			case p < loss+reorder:
				late = append(late, number)
			default:
				arrive(number)
			}
			if started && random.IntN(50) == 0 {
				arrive(last) // a duplicate
			}
			if len(late) > 0 && random.IntN(6) == 0 {
				arrive(late[0])
				late = late[1:]
			}
			if random.IntN(200) == 0 {
				number += uint16(random.IntN(300))
			}
			number++
			if random.IntN(3) == 0 {
				at += time.Duration(random.Int64N(int64(mean * 6)))
			}
			if random.IntN(500) == 0 {
				at += time.Duration(random.IntN(30)) * time.Second
			}
			w.take(drain(t, r, epoch.Add(at)))
		}
		at += time.Second
		w.take(drain(t, r, epoch.Add(at)))
		for n := first; n != last+1; n++ {
			_, came := w.arrived[n]
			if said, known := w.told[n]; !known || said != came {
				t.Fatalf("seed %d: packet %d: came %v; told %v, %v", seed, n, came, known, said)
			}
		}
	}
}

func TestTransportClockWraps(t *testing.T) {
	r := New(1)
	s := r.Source(2, 90000, false)
	w := &teller{t: t, arrived: map[uint16]time.Duration{}, told: map[uint16]bool{}}
	for n := range uint16(40) {
		at := time.Duration(n) * 17 * time.Hour // 28 days, two wraps
		for i := range uint16(4) {
			w.arrived[4*n+i] = at
			r.Received(epoch.Add(at), s, 4*n+i, 0)
			r.Arrived(epoch.Add(at), 4*n+i)
			at += 3700 * time.Microsecond
		}
		at += time.Second
		w.take(drain(t, r, epoch.Add(at)))
	}
	if len(w.told) != 160 {
		t.Errorf("%d packets told, want 160", len(w.told))
	}
}

func TestTransportSplits(t *testing.T) {
	r := New(1)
	s := r.Source(2, 90000, false)
	w := &teller{t: t, arrived: map[uint16]time.Duration{}, told: map[uint16]bool{}}
	for n := range uint16(ringSize) {
		at := time.Duration(n) * 70 * time.Millisecond // large deltas
		w.arrived[n] = at
		r.Received(epoch.Add(at), s, n, 0)
		r.Arrived(epoch.Add(at), n)
	}
	w.take(drain(t, r, epoch.Add(time.Hour)))
	if len(w.told) != ringSize || w.count < 4 {
		t.Errorf("%d packets told in %d messages, want %d in 4 or more", len(w.told), w.count, ringSize)
	}
}

// TestTransportJump checks that a jump of numbers starts anew and that more than
// is remembered is told of as far as it is.
func TestTransportJump(t *testing.T) {
	r := New(1)
	s := r.Source(2, 90000, false)
	w := &teller{t: t, arrived: map[uint16]time.Duration{}, told: map[uint16]bool{}}
	arrive := func(at time.Duration, n uint16) {
		w.arrived[n] = at
		r.Received(epoch.Add(at), s, n, 0)
		r.Arrived(epoch.Add(at), n)
	}
	arrive(0, 10)
	arrive(time.Millisecond, 11+ringSize)
	w.take(drain(t, r, epoch.Add(time.Second)))
	if len(w.told) != 1 || !w.told[11+ringSize] {
		t.Errorf("told of %d packets, want of %d alone", len(w.told), 11+ringSize)
	}
	clear(w.told)
	for n := range uint16(ringSize + 100) {
		arrive(2*time.Second, 20000+n)
	}
	w.take(drain(t, r, epoch.Add(3*time.Second)))
	if len(w.told) != ringSize || !w.told[20000+ringSize+99] || w.told[20099] {
		t.Errorf("told of %d packets, want of the last %d", len(w.told), ringSize)
	}
}

func TestTransportInterval(t *testing.T) {
	for _, test := range []struct {
		name        string
		gap         time.Duration
		least, most int // messages in two seconds
	}{
		{"one stream of audio", 20 * time.Millisecond, 18, 22},
		{"260 packets a second", 3846 * time.Microsecond, 22, 30},
		{"3000 packets a second", 333 * time.Microsecond, 37, 41},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := New(1)
			s := r.Source(2, 90000, false)
			messages := 0
			number := uint16(0)
			for at := time.Duration(0); at < 2*time.Second; at += test.gap {
				now := epoch.Add(at)
				r.Received(now, s, number, 0)
				r.Arrived(now, number)
				number++
				for _, p := range drain(t, r, now) {
					if _, ok := p.(*rtcp.TransportLayerCC); ok {
						messages++
					}
				}
			}
			if messages < test.least || messages > test.most {
				t.Errorf("%d messages, want %d to %d", messages, test.least, test.most)
			}
		})
	}
}

// TestTransportWaitsForSource checks that feedback names an SSRC of the publisher,
// for libwebrtc ignores what names another.
func TestTransportWaitsForSource(t *testing.T) {
	r := New(1)
	r.Arrived(epoch, 7)
	if got := drain(t, r, epoch.Add(time.Second)); got != nil {
		t.Errorf("told %v before a source was known", got)
	}
	s := r.Source(77, 90000, false)
	r.Received(epoch.Add(time.Second), s, 1, 0)
	packets := drain(t, r, epoch.Add(time.Second))
	if len(packets) != 1 || packets[0].(*rtcp.TransportLayerCC).MediaSSRC != 77 {
		t.Errorf("told %v, want feedback that names 77", packets)
	}
	r.Forget(s)
	r.Arrived(epoch.Add(2*time.Second), 8)
	if got := drain(t, r, epoch.Add(3*time.Second)); got != nil {
		t.Errorf("told %v after the source was forgotten", got)
	}
}
