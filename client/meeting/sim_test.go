package meeting

import (
	"bytes"
	"container/heap"
	"crypto/sha256"
	"math/rand/v2"
	"testing"
	"time"

	"conclave/core/session"
)

// A sim runs participants against a server over connections with delays, in
// simulated time. Everything happens in the order of its time.
type sim struct {
	t      *testing.T
	rng    *rand.Rand
	now    time.Time
	todo   timeline
	server *modelServer
	link   session.Link
	people []*person
	delay  func() time.Duration // of each frame
}

// A person is a participant and all that it was told.
type person struct {
	sim    *sim
	name   string
	m      *Meeting
	conn   *simConn
	down   bool      // no network: connections fail
	frozen bool      // does not handle anything; its connection stays open
	asleep []func()  // what waits while frozen
	ticks  time.Time // when a tick is due

	joined   *Joined
	roster   Roster
	keys     Keys
	keyed    time.Time         // when it got its first key
	allKeys  map[[32]byte]bool // hashes of all keys ever had
	keysFor  map[[2]uint64]bool
	streams  []Stream
	chats    []Chat
	sent     map[string]bool
	failures map[string]bool // ChatFailed
	failed   *Failed
	left     *Left
	alarms   []Alarm
	outputs  []Output
}

// A simConn delivers frames in order; a cut loses what is on its way.
type simConn struct {
	server     *modelConn
	up, down   time.Time // when the last frame arrives
	cutClient  bool
	cutServer  bool
	serverGone bool
}

type deed struct {
	at    time.Time
	order int
	do    func()
}

type timeline struct {
	deeds []deed
	count int
}

func (l *timeline) Len() int { return len(l.deeds) }
func (l *timeline) Less(i, j int) bool {
	if l.deeds[i].at.Equal(l.deeds[j].at) {
		return l.deeds[i].order < l.deeds[j].order
	}
	return l.deeds[i].at.Before(l.deeds[j].at)
}
func (l *timeline) Swap(i, j int) { l.deeds[i], l.deeds[j] = l.deeds[j], l.deeds[i] }
func (l *timeline) Push(x any)    { l.deeds = append(l.deeds, x.(deed)) }
func (l *timeline) Pop() any {
	d := l.deeds[len(l.deeds)-1]
	l.deeds = l.deeds[:len(l.deeds)-1]
	return d
}

func newSim(t *testing.T, seed uint64) *sim {
	t.Helper()
	s := &sim{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)),
		now: time.UnixMilli(1_800_000_000_000),
	}
	s.delay = func() time.Duration { return 5 * time.Millisecond }
	s.server = &modelServer{now: func() time.Time { return s.now }}
	link, err := session.GenerateLink(rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}))
	if err != nil {
		t.Fatal(err)
	}
	s.link = link
	s.every(100*time.Millisecond, s.server.tick)
	return s
}

func (s *sim) at(t time.Time, do func()) {
	s.todo.count++
	heap.Push(&s.todo, deed{t, s.todo.count, do})
}

func (s *sim) after(d time.Duration, do func()) { s.at(s.now.Add(d), do) }

func (s *sim) every(d time.Duration, do func()) {
	s.after(d, func() {
		do()
		s.every(d, do)
	})
}

// run lets d pass.
func (s *sim) run(d time.Duration) {
	end := s.now.Add(d)
	for len(s.todo.deeds) > 0 && !s.todo.deeds[0].at.After(end) {
		next := heap.Pop(&s.todo).(deed)
		s.now = next.at
		next.do()
	}
	s.now = end
}

// join makes a new participant.
func (s *sim) join(name string, create bool) *person {
	s.t.Helper()
	p := &person{
		sim: s, name: name,
		allKeys: make(map[[32]byte]bool), keysFor: make(map[[2]uint64]bool), sent: make(map[string]bool), failures: make(map[string]bool),
	}
	m, err := New(Config{
		URL: s.link.URL("https://meet.example"), Create: create, Name: name, Class: Native,
		Rand: rand.NewChaCha8(sha256.Sum256([]byte(name + s.link.Meeting()))),
	}, s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	p.m = m
	s.people = append(s.people, p)
	p.drain()
	return p
}

// do runs something on the participant, or later if it is frozen.
func (p *person) do(f func()) {
	if p.frozen {
		p.asleep = append(p.asleep, f)
		return
	}
	f()
	p.drain()
}

func (p *person) thaw() {
	p.frozen = false
	asleep := p.asleep
	p.asleep = nil
	for _, f := range asleep {
		p.do(f)
	}
}

// drain carries out what the participant asks for.
func (p *person) drain() {
	for {
		o, ok := p.m.Poll()
		if !ok {
			break
		}
		p.outputs = append(p.outputs, o)
		p.carryOut(o)
	}
	wake := p.m.Wake()
	if wake.IsZero() || (!p.ticks.IsZero() && !p.ticks.After(wake) && p.ticks.After(p.sim.now)) {
		return
	}
	if wake.Before(p.sim.now) {
		wake = p.sim.now
	}
	wake = wake.Add(time.Millisecond) // timers are late
	p.ticks = wake
	p.sim.at(wake, func() {
		if p.ticks.Equal(wake) {
			p.ticks = time.Time{}
		}
		p.do(func() {
			p.m.Tick(p.sim.now)
			if wake := p.m.Wake(); !wake.IsZero() && !wake.After(p.sim.now) {
				p.sim.t.Errorf("%s wants Tick again at once: it would spin", p.name)
			}
		})
	})
}

func (p *person) carryOut(o Output) {
	switch o := o.(type) {
	case Send:
		if p.conn == nil {
			p.sim.t.Errorf("%s sends without a connection", p.name)
			return
		}
		p.conn.toServer(p, o.Frame)
	case Connect:
		p.sim.after(o.Delay+p.sim.delay(), p.connect)
	case Close:
		p.closeConn()
	case Joined:
		p.joined = &o
	case Roster:
		p.roster = o
	case Keys:
		p.takeKeys(o)
	case Streams:
		p.streams = o.Streams
	case Chat:
		p.chats = append(p.chats, o)
	case ChatSent:
		if p.sent[o.ID] {
			p.sim.t.Errorf("%s: chat %s was sent twice", p.name, o.ID)
		}
		p.sent[o.ID] = true
	case ChatFailed:
		p.failures[o.ID] = true
	case Failed:
		p.failed = &o
	case Left:
		p.left = &o
	case Alarm:
		p.alarms = append(p.alarms, o)
	}
}

func (p *person) takeKeys(k Keys) {
	once := [2]uint64{uint64(p.joined.Seat), k.Epoch}
	if p.keysFor[once] {
		p.sim.t.Errorf("%s got the keys of epoch %d twice", p.name, k.Epoch)
	}
	p.keysFor[once] = true
	p.keys = k
	if p.keyed.IsZero() {
		p.keyed = p.sim.now
	}
	for _, key := range append(k.Send, k.Receive...) {
		p.allKeys[hashOf(key)] = true
	}
}

func (p *person) isOver() bool { return p.failed != nil || p.left != nil }

// connect opens a connection, or fails to.
func (p *person) connect() {
	if p.isOver() || p.conn != nil {
		return
	}
	if p.down {
		p.do(func() { p.m.Disconnected(p.sim.now) })
		return
	}
	c := &simConn{}
	c.server = &modelConn{
		send:  func(b []byte) { c.toClient(p, bytes.Clone(b)) },
		close: func() { p.sim.after(p.sim.delay(), func() { c.endClient(p) }) },
	}
	p.conn = c
	p.do(func() { p.m.Connected(p.sim.now) })
}

func (c *simConn) toServer(p *person, b []byte) {
	at := p.sim.now.Add(p.sim.delay())
	if at.Before(c.up) {
		at = c.up
	}
	c.up = at
	p.sim.at(at, func() {
		if !c.cutServer {
			p.sim.server.receive(c.server, b)
		}
	})
}

func (c *simConn) toClient(p *person, b []byte) {
	at := p.sim.now.Add(p.sim.delay())
	if at.Before(c.down) {
		at = c.down
	}
	c.down = at
	p.sim.at(at, func() {
		if !c.cutClient {
			p.do(func() {
				if p.conn == c {
					p.m.Receive(p.sim.now, b)
				}
			})
		}
	})
}

// endClient tells the participant that the connection has ended.
func (c *simConn) endClient(p *person) {
	if c.cutClient {
		return
	}
	c.cutClient = true
	p.do(func() {
		if p.conn == c {
			p.conn = nil
			p.m.Disconnected(p.sim.now)
		}
	})
}

// closeConn closes a connection in order: the server gets what was sent before.
func (p *person) closeConn() {
	c := p.conn
	if c == nil {
		return
	}
	p.conn, c.cutClient = nil, true
	at := c.up
	if at.Before(p.sim.now) {
		at = p.sim.now
	}
	p.sim.at(at, func() { c.endServer(p) })
}

func (c *simConn) endServer(p *person) {
	if !c.serverGone {
		c.serverGone, c.cutServer = true, true
		p.sim.server.lost(c.server)
	}
}

// cut breaks the connection: frames on their way are lost, and both ends learn
// of it at different times.
func (p *person) cut() {
	c := p.conn
	if c == nil {
		return
	}
	c.cutServer = true
	p.sim.after(p.sim.delay(), func() { c.endClient(p) })
	p.sim.after(5*p.sim.delay(), func() { c.endServer(p) })
}

// crash ends a participant without a word.
func (p *person) crash() {
	p.cut()
	p.failed = &Failed{Code: "crashed"}
	p.frozen = true
}

func hashOf(k MediaKey) [32]byte { return sha256.Sum256(k.Key.Expose()) }

// rngReader is randomness that repeats with the seed.
func (s *sim) rngReader() *rand.ChaCha8 {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(s.rng.Uint32())
	}
	return rand.NewChaCha8(seed)
}
