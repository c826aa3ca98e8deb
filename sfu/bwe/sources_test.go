package bwe_test

import (
	"math/rand/v2"
	"time"

	"conclave/sfu/bwe"
	"conclave/sfu/share"
)

// A source sends what the application has.
type source interface {
	// step is called each millisecond.
	step(f *flow, ms int)
	layer() share.Layer
}

// An elastic source sends exactly the target and always wants more.
type elastic struct {
	limit bwe.BitRate // at most; 0: any rate
	owed  float64
}

func (*elastic) layer() share.Layer { return share.Layer{} }

func (s *elastic) step(f *flow, _ int) {
	rate := f.est.Target()
	if s.limit > 0 {
		rate = min(rate, s.limit)
	}
	s.owed += float64(rate) / 8000
	for ; s.owed >= 1200; s.owed -= 1200 {
		f.send(1200, 0)
	}
	if s.limit > 0 {
		f.est.SetDemand(0, 0)
		return
	}
	f.est.SetDemand(f.est.Target()*11/10, 10*bwe.Megabit)
}

// A layered source is a camera in L3T3 and a voice, forwarded as the
// allocation says.
type layered struct {
	want   share.Layer
	alloc  *share.Allocator
	rng    *rand.Rand
	cur    share.Layer
	owed   []int // sizes of packets to send, paced
	frames int
	key    bool
	burst  bool // pictures are not paced
}

func newLayered() *layered {
	return &layered{want: share.Layer{Spatial: 2, Temporal: 2}, alloc: share.NewAllocator(), rng: rand.New(rand.NewPCG(1, 2)), cur: share.Off}
}

// spatial are the rates of the layers' own bits, at all frame rates; temporal
// the cumulative shares of T0, T1, T2.
var (
	spatialRates   = []bwe.BitRate{120_000, 280_000, 1_600_000}
	temporalShares = []float64{0.5, 0.7, 1}
)

func cameraRates() []share.LayerRate {
	var r []share.LayerRate
	for s := range 3 {
		for t := range 3 {
			var sum bwe.BitRate
			for i := range s + 1 {
				sum += spatialRates[i]
			}
			r = append(r, share.LayerRate{Layer: share.Layer{Spatial: int8(s), Temporal: int8(t)}, Rate: bwe.BitRate(float64(sum) * temporalShares[t])})
		}
	}
	return r
}

func (s *layered) layer() share.Layer { return s.cur }

func (s *layered) step(f *flow, ms int) {
	if ms%50 == 0 {
		d := s.alloc.Allocate(f.sim.now, f.est.Target(), []share.Stream{
			{ID: 1, Priority: share.Audio, Rates: []share.LayerRate{{Rate: 40_000}}},
			{ID: 2, Priority: share.Large, Want: s.want, Rates: cameraRates()},
		})
		f.est.SetDemand(d.Next, d.Full)
		if l := d.Choices[1].Layer; l != s.cur {
			s.key = s.key || l.Spatial > s.cur.Spatial
			s.cur = l
		}
	}
	if ms%20 == 0 {
		f.send(100, 0) // 40 kbit/s of voice
	}
	if ms%33 == 0 {
		s.frame()
	}
	for n := range len(s.owed) {
		if n < 2 || s.burst { // the publisher's pacer
			f.send(s.owed[0], 0)
			s.owed = s.owed[1:]
		}
	}
}

// frame makes the packets of the next picture: T0 T2 T1 T2.
func (s *layered) frame() {
	t := []int8{0, 2, 1, 2}[s.frames%4]
	s.frames++
	if s.cur == share.Off || t > s.cur.Temporal {
		return
	}
	// Share of the layer's rate that one picture of this temporal layer has.
	weight := []float64{0.5, 0.2, 0.15}[t]
	for i := range s.cur.Spatial + 1 {
		bits := float64(spatialRates[i]) * weight * 4 * 0.033 * (0.8 + 0.4*s.rng.Float64())
		if s.key {
			bits *= 3
		}
		for n := int(bits / 8); n > 0; n -= 1150 {
			s.owed = append(s.owed, min(n, 1150)+50)
		}
	}
	s.key = false
}

// A tcp is a greedy Reno sender, packet by packet, that fills the queue.
type tcp struct {
	sim      *sim
	window   float64
	inFlight int
	acks     []time.Time
	rtt      time.Duration
	received int
	lostAt   time.Time
}

func (c *tcp) step() {
	for len(c.acks) > 0 && !c.acks[0].After(c.sim.now) {
		c.acks = c.acks[1:]
		c.inFlight--
		c.window += 1 / c.window
	}
	for c.inFlight < int(c.window) {
		if c.sim.down.Push(c.sim.now, 1500, packet{size: 1500}) {
			c.inFlight++
			continue
		}
		if c.sim.now.Sub(c.lostAt) > 200*time.Millisecond {
			c.lostAt = c.sim.now
			c.window = max(c.window/2, 2)
		}
		return
	}
}

func (c *tcp) came() {
	c.received += 1500
	c.acks = append(c.acks, c.sim.now.Add(c.rtt))
}
