package bwe

import (
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newEstimator(t testing.TB, cfg Config) *Estimator {
	t.Helper()
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestNew(t *testing.T) {
	for _, cfg := range []Config{{Min: -1}, {Start: 10, Min: 20}, {Start: 30, Max: 20}, {Min: 30 * Megabit}} {
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("New(%+v) = %v, want %v", cfg, err, ErrConfig)
		}
	}
	for _, tt := range []struct {
		cfg  Config
		want BitRate
	}{{Config{}, 300 * Kilobit}, {Config{Min: 400 * Kilobit}, 400 * Kilobit}, {Config{Max: 100 * Kilobit}, 100 * Kilobit}, {Config{Start: Megabit}, Megabit}} {
		if got := newEstimator(t, tt.cfg).Target(); got != tt.want {
			t.Errorf("New(%+v) starts at %v, want %v", tt.cfg, got, tt.want)
		}
	}
}

// A link that carries everything 20 ms later.
type perfect struct {
	e   *Estimator
	now time.Time
	seq uint16
	fb  Feedback
}

// second sends 1200-byte packets at 1 Mbit/s for a second, with feedback each 100 ms.
func (p *perfect) second() {
	for i := range 104 {
		p.now = p.now.Add(9600 * time.Microsecond)
		p.seq++
		p.e.OnSent(p.now, p.seq, 1200, 0)
		p.fb.Arrivals = append(p.fb.Arrivals, Arrival{p.now.Sub(began) + 20*ms, p.seq, true})
		if i%10 == 9 {
			p.e.OnFeedback(p.now.Add(30*ms), p.fb)
			p.fb.Arrivals = p.fb.Arrivals[:0]
			p.e.Tick(p.now)
		}
		p.e.Probe(p.now)
		p.e.Wake(p.now)
	}
}

// TestAllocs holds that nothing is allocated per packet, over many wraps.
func TestAllocs(t *testing.T) {
	p := &perfect{e: newEstimator(t, Config{Start: Megabit}), now: began, fb: Feedback{Arrivals: make([]Arrival, 0, 100)}}
	p.e.SetDemand(3*Megabit, 3*Megabit)
	p.second()
	if got := testing.AllocsPerRun(100, p.second); got != 0 {
		t.Errorf("a second of 104 packets allocates %v times, want 0", got)
	}
	if got := p.e.Target(); got < Megabit || got > 4*Megabit {
		t.Errorf("target %v on a perfect link with 1 Mbit/s sent, want 1 to 4 Mbit/s", got)
	}
	if n := p.e.Stats().Unknown; n != 0 {
		t.Errorf("%d packets unknown, want 0", n)
	}
}

// TestSilence holds that the target falls when feedback stops, but stays where it
// started when there never was any.
func TestSilence(t *testing.T) {
	for _, heard := range []bool{false, true} {
		p := &perfect{e: newEstimator(t, Config{Start: Megabit}), now: began}
		if heard {
			p.second()
		}
		for range 500 {
			p.now = p.now.Add(10 * ms)
			p.seq++
			p.e.OnSent(p.now, p.seq, 1200, 0)
			p.e.Tick(p.now)
		}
		if got := p.e.Target(); heard && got > Megabit/2 || !heard && got != Megabit {
			t.Errorf("heard %v: target %v after 5 s of silence", heard, got)
		}
	}
}

// TestRepeatedFeedback holds that repeated, stale and invented feedback changes
// nothing.
func TestRepeatedFeedback(t *testing.T) {
	run := func(noise bool) Stats {
		e := newEstimator(t, Config{Start: Megabit})
		e.SetDemand(3*Megabit, 3*Megabit)
		now := began
		var seq uint16 = 65000
		var old Feedback
		for range 20 {
			var f Feedback
			for range 10 {
				now = now.Add(9600 * time.Microsecond)
				seq++
				e.OnSent(now, seq, 1200, 0)
				f.Arrivals = append(f.Arrivals, Arrival{now.Sub(began) + 20*ms, seq, true})
			}
			e.OnFeedback(now.Add(30*ms), f)
			if noise {
				lie := Feedback{Arrivals: []Arrival{{time.Hour, seq + 100, true}, {0, seq - 20000, false}, {0, seq + 1, false}}}
				for _, n := range []Feedback{f, old, lie, {}} {
					e.OnFeedback(now.Add(30*ms), n)
				}
			}
			old = f
		}
		s := e.Stats()
		s.Unknown = 0
		return s
	}
	if quiet, noisy := run(false), run(true); quiet != noisy {
		t.Errorf("with repeated and invented feedback:\n%+v\nwithout:\n%+v", noisy, quiet)
	}
}

// TestLateArrival holds that a packet reported lost and then received is not lost.
func TestLateArrival(t *testing.T) {
	e := newEstimator(t, Config{Start: Megabit})
	now := began
	for seq := range uint16(200) {
		now = now.Add(9600 * time.Microsecond)
		e.OnSent(now, seq, 1200, 0)
		if seq%2 == 0 {
			continue
		}
		at := now.Sub(began) + 20*ms
		e.OnFeedback(now.Add(30*ms), Feedback{[]Arrival{{0, seq - 1, false}, {at, seq, true}}})
		e.OnFeedback(now.Add(31*ms), Feedback{[]Arrival{{at, seq - 1, true}}})
	}
	if got := e.Stats().Loss; got > 0.03 { // one may be between two windows
		t.Errorf("loss %.2f of packets that came late, want about 0", got)
	}
	if got := e.Stats().Acknowledged; got < 900*Kilobit || got > 1100*Kilobit {
		t.Errorf("acknowledged %v, want 1 Mbit/s", got)
	}
}

// TestHostileTimes holds that no arrival times make the target leave its
// bounds, or more than an instant's work.
func TestHostileTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, err := New(Config{Max: 2 * Megabit})
		if err != nil {
			t.Fatal(err)
		}
		e.SetDemand(Megabit, 5*Megabit)
		now := began
		seq := rapid.Uint16().Draw(t, "first")
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(-int64(ms), int64(200*ms)).Draw(t, "passed")))
			for range rapid.IntRange(0, 20).Draw(t, "packets") {
				seq += uint16(rapid.SampledFrom([]int{1, 1, 1, 1, 2, 0, 700, 40000}).Draw(t, "gap"))
				e.OnSent(now, seq, rapid.IntRange(-5, 70000).Draw(t, "size"), 0)
			}
			var f Feedback
			for range rapid.IntRange(0, 30).Draw(t, "arrivals") {
				f.Arrivals = append(f.Arrivals, Arrival{
					At:       time.Duration(rapid.Int64Range(-math.MaxInt64/4, math.MaxInt64/4).Draw(t, "at")),
					Seq:      seq - uint16(rapid.IntRange(-3, 40).Draw(t, "behind")),
					Received: rapid.Bool().Draw(t, "received"),
				})
			}
			e.OnFeedback(now, f)
			e.Tick(now)
			if p, ok := e.Probe(now); ok && (p.Bytes <= 0 || p.Bytes > 1_000_000) {
				t.Fatalf("probe of %d bytes", p.Bytes)
			}
			if got := e.Target(); got < e.cfg.Min || got > e.cfg.Max {
				t.Fatalf("target %v is out of bounds", got)
			}
			if w := e.Wake(now); w.Before(now) || w.After(now.Add(time.Second)) {
				t.Fatalf("wake at %v, now is %v", w, now)
			}
		}
	})
}

// TestForgedRate holds that a receiver which claims that all came at once does
// not raise the target beyond what is sent.
func TestForgedRate(t *testing.T) {
	e := newEstimator(t, Config{Start: Megabit})
	now := began
	var f Feedback
	for seq := range uint16(5000) {
		now = now.Add(9600 * time.Microsecond)
		e.OnSent(now, seq, 1200, 0)
		f.Arrivals = append(f.Arrivals, Arrival{time.Duration(seq) * time.Microsecond, seq, true})
		if seq%10 == 9 {
			e.OnFeedback(now, f)
			f.Arrivals = f.Arrivals[:0]
		}
		if got := e.Target(); got > 1600*Kilobit {
			t.Fatalf("target %v with 1 Mbit/s sent", got)
		}
	}
}

// TestProbePaced holds that a cluster is sent at its rate, with padding only for
// what media does not fill.
func TestProbePaced(t *testing.T) {
	for _, media := range []int{0, 400} { // bytes each 5 ms
		p := &perfect{e: newEstimator(t, Config{Start: Megabit}), now: began}
		p.second()
		p.e.SetDemand(2*Megabit, 2*Megabit)
		start := p.now
		bytes, padding := 0, 0
		var rate BitRate
		for p.now.Sub(start) < 300*ms {
			if media > 0 {
				p.seq++
				p.e.OnSent(p.now, p.seq, media, 0)
				bytes += media
			}
			probe, ok := p.e.Probe(p.now)
			if !ok && rate > 0 && p.e.probe.state != probeSending {
				break
			}
			for n := probe.Bytes; n > 0; n -= 1200 {
				p.seq++
				p.e.OnSent(p.now, p.seq, 1200, probe.ID)
				bytes, padding = bytes+1200, padding+1200
				rate = probe.Rate
			}
			p.now = p.now.Add(5 * ms)
		}
		if rate < 2*Megabit || rate > 2300*Kilobit {
			t.Errorf("cluster at %v, want 2 Mbit/s and some headroom", rate)
		}
		want := rate.Bytes(p.now.Sub(start))
		if bytes < want*8/10 || bytes > want*13/10 || media > 0 && padding > want*4/5 {
			t.Errorf("media %d: %d bytes, %d of them padding, in %v, want about %d", media, bytes, padding, p.now.Sub(start), want)
		}
	}
}

// TestHistory holds that memory is bounded and sequence numbers wrap.
func TestHistory(t *testing.T) {
	var h history
	for i := range 200_000 {
		h.add(sentPacket{at: time.Duration(i) * time.Microsecond, seq: uint16(i)})
		if p := h.find(uint16(i)); p == nil || p.fate != fatePending {
			t.Fatalf("packet %d is not found", i)
		}
	}
	if len(h.ring) != maxHistory {
		t.Errorf("%d packets are kept, want %d", len(h.ring), maxHistory)
	}
	last := h.last
	for _, tt := range []struct {
		seq  uint16
		want bool
	}{{last, true}, {last + 1, false}, {last - maxHistory + 1, true}, {last - maxHistory, false}, {last + 1<<15, false}} {
		if got := h.find(tt.seq) != nil; got != tt.want {
			t.Errorf("find(last%+d) = %v, want %v", int16(tt.seq-last), got, tt.want)
		}
	}
	h.add(sentPacket{seq: last + 3})
	if h.find(last+1) != nil || h.find(last+2) != nil || h.find(last) == nil {
		t.Error("numbers that were skipped are found, or the one before is not")
	}
	h.add(sentPacket{seq: last - 5}) // starts afresh
	if h.find(last) != nil || h.find(last-5) == nil {
		t.Error("a number that goes back does not start afresh")
	}
	var slow history
	for i := range 100_000 {
		slow.add(sentPacket{at: time.Duration(i) * 10 * ms, seq: uint16(i)})
	}
	if len(slow.ring) != minHistory {
		t.Errorf("%d packets are kept at 100 a second, want %d", len(slow.ring), minHistory)
	}
}

func TestMeter(t *testing.T) {
	var m meter
	if got := m.rate(slowWindow); got != 0 {
		t.Errorf("rate of nothing = %v", got)
	}
	at := time.Hour
	for range 1000 { // 1000 bytes each 8 ms are 1 Mbit/s
		at += 8 * ms
		m.add(at, 1000)
	}
	for _, window := range []time.Duration{fastWindow, slowWindow} {
		if got := m.rate(window); got < 970*Kilobit || got > 1030*Kilobit {
			t.Errorf("rate over %v = %v, want 1 Mbit/s", window, got)
		}
	}
	if got := m.rateAt(at+250*ms, slowWindow); got < 450*Kilobit || got > 560*Kilobit {
		t.Errorf("rate a quarter of a second later = %v, want half", got)
	}
	m.add(at+10*time.Second, 1000)
	if got := m.rate(slowWindow); got != 0 {
		t.Errorf("rate of one packet after a gap = %v, want 0", got)
	}
	m.add(-time.Hour, 1000)
	m.add(-time.Hour+50*ms, 1000)
	if got := m.rate(slowWindow); got <= 0 || got > Megabit {
		t.Errorf("rate after the clock was set = %v", got)
	}
}

func TestBitRate(t *testing.T) {
	for _, tt := range []struct {
		r    BitRate
		want string
	}{{12, "12 bit/s"}, {300_000, "300 kbit/s"}, {2_500_000, "2.50 Mbit/s"}} {
		if got := tt.r.String(); got != tt.want {
			t.Errorf("String(%d) = %q, want %q", int64(tt.r), got, tt.want)
		}
	}
	if got := Megabit.Bytes(8 * ms); got != 1000 {
		t.Errorf("1 Mbit/s carries %d bytes in 8 ms, want 1000", got)
	}
	if got := Megabit.Over(1000); got != 8*ms {
		t.Errorf("1000 bytes take %v at 1 Mbit/s, want 8 ms", got)
	}
	if got := BitRate(0).Over(1); got != time.Hour {
		t.Errorf("a byte takes %v at no rate, want an hour", got)
	}
}
