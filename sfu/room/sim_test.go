package room_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"conclave/api"
	"conclave/internal/netem/link"
	"conclave/sfu/bwe"
	"conclave/sfu/room"
	"conclave/sfu/rtp"
)

// A world is a room with cameras that publish into it and viewers behind links, on
// a virtual clock of 1 ms steps.
type world struct {
	t     testing.TB
	start time.Time
	now   time.Time
	rng   *rand.Rand

	room *room.Room
	out  rtp.Output
	tick time.Time

	cameras []*camera
	viewers []*viewer
	pipes   []*pipe
	greedy  *greedy
	streams map[uint32]*api.Stream // by id, as the clients were told
	each    func(ms int)           // called each millisecond, if set
	gaps    int                    // numbers that the room left out
}

// A datagram is in a pipe. to is nil if it is of a greedy flow.
type datagram struct {
	to   *viewer
	data []byte
}

// A pipe is a bottleneck that one viewer or more are behind.
type pipe struct {
	link  *link.Link[datagram]
	queue []time.Duration // how long what comes now has to wait, a sample each 10 ms
}

const (
	// perPacket is what a packet has on the wire beside RTP: SRTP, UDP and IPv4.
	perPacket = 16 + 8 + 20

	videoClock = 90_000
	audioClock = 48_000
)

func newWorld(t testing.TB, seed uint64) *world {
	t.Helper()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rng := rand.New(rand.NewPCG(seed, 0x77))
	return &world{
		t: t, start: start, now: start, tick: start, rng: rng, streams: make(map[uint32]*api.Stream),
		room: room.New(room.Config{Bandwidth: bwe.Config{}, Random: rng.Uint32}),
	}
}

// pipe adds a bottleneck.
func (w *world) pipe(p link.Profile) *pipe {
	l := &pipe{link: link.New[datagram](p, w.rng.Uint64())}
	w.pipes = append(w.pipes, l)
	return l
}

// seeds returns how many of n seeds to try: all, or with -short or the race detector
// one.
func seeds(n uint64) uint64 {
	if testing.Short() || raced {
		return 1
	}
	return n
}

// at is the time since the start.
func (w *world) at() time.Duration { return w.now.Sub(w.start) }

// run runs until a time since the start.
func (w *world) run(until time.Duration) {
	for w.at() < until {
		w.now = w.now.Add(time.Millisecond)
		ms := int(w.at() / time.Millisecond)
		if w.each != nil {
			w.each(ms)
		}
		for _, c := range w.cameras {
			c.step(ms)
		}
		if w.greedy != nil {
			w.greedy.step()
		}
		for _, p := range w.pipes {
			w.deliver(p, ms)
		}
		for _, v := range w.viewers {
			v.step(ms)
		}
		if !w.now.Before(w.tick) {
			w.tick = w.room.Tick(w.now, &w.out)
			if limit := w.now.Add(50 * time.Millisecond); w.tick.After(limit) {
				w.tick = limit
			}
			w.flush()
		}
	}
}

// deliver hands over what has come out of a pipe.
func (w *world) deliver(p *pipe, ms int) {
	for {
		d, ok := p.link.Pop(w.now)
		if !ok {
			break
		}
		if d.to == nil {
			w.greedy.came()
		} else {
			d.to.receive(d.data)
		}
	}
	if ms%10 == 0 {
		var q time.Duration
		if r := p.link.Profile().Rate; r > 0 {
			q = bwe.BitRate(r).Over(p.link.Queued())
		}
		p.queue = append(p.queue, q)
	}
}

// flush takes what the room has put out: packets and frames. Each call into the
// room is followed by it.
func (w *world) flush() {
	for i := range w.out.Packets {
		p := &w.out.Packets[i]
		switch to := p.To.(type) {
		case *camera:
			to.feedback(p.Payload)
		case *viewer:
			if !p.RTCP {
				to.send(p)
			}
		default:
			w.t.Fatalf("a packet to %T", p.To)
		}
	}
	w.out.Reset()
	w.pending()
}

// pending takes what the room tells the clients.
func (w *world) pending() {
	frames, offers := w.room.Pending()
	for _, f := range frames {
		for _, s := range f.Frame.GetStreams().GetStreams() {
			w.streams[s.GetStream()] = s
		}
		for _, v := range w.viewers {
			if v.seat == f.Seat {
				v.told(f.Frame)
			}
		}
	}
	for _, seat := range offers {
		for _, v := range w.viewers {
			if v.seat == seat {
				v.answerAt = w.now.Add(20 * time.Millisecond)
			}
		}
	}
}

// set changes the rate of a pipe.
func (w *world) set(p *pipe, rate int64) {
	c := p.link.Profile()
	c.Rate = rate
	p.link.Set(w.now, c)
}

// longest returns the longest queue of a pipe between two times.
func (p *pipe) longest(from, to time.Duration) time.Duration {
	var q time.Duration
	for _, v := range p.queue[from/(10*time.Millisecond) : to/(10*time.Millisecond)] {
		q = max(q, v)
	}
	return q
}

// above returns for how long the queue was longer than limit.
func (p *pipe) above(from, to, limit time.Duration) time.Duration {
	const step = 10 * time.Millisecond
	var sum time.Duration
	for at := from; at < to; at += step {
		if p.queue[at/step] > limit {
			sum += step
		}
	}
	return sum
}

// A greedy flow is a Reno sender, packet by packet, that fills the queue of a pipe.
type greedy struct {
	w        *world
	pipe     *pipe
	window   float64
	inFlight int
	acks     []time.Time
	rtt      time.Duration
	received int
	lostAt   time.Time
}

func (g *greedy) step() {
	for len(g.acks) > 0 && !g.acks[0].After(g.w.now) {
		g.acks = g.acks[1:]
		g.inFlight--
		g.window += 1 / g.window
	}
	for g.inFlight < int(g.window) {
		if g.pipe.link.Push(g.w.now, 1500, datagram{}) {
			g.inFlight++
			continue
		}
		if g.w.now.Sub(g.lostAt) > 200*time.Millisecond {
			g.lostAt = g.w.now
			g.window = max(g.window/2, 2)
		}
		return
	}
}

func (g *greedy) came() {
	g.received += 1500
	g.acks = append(g.acks, g.w.now.Add(g.rtt))
}
