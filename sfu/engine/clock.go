package engine

import (
	"sync"
	"time"

	"conclave/sfu/rtp"
)

const (
	leastSleep = time.Millisecond // between two looks at the rooms
	mostSleep  = time.Minute
)

// A clock is the goroutine that lets time pass for all rooms.
type clock struct {
	wake chan struct{} // capacity 1: a room wants to be looked at sooner
	done chan struct{} // closed: end
	once sync.Once

	// mu guards the fields below. A room's mu may be held when it is taken.
	mu    sync.Mutex
	rooms map[*Room]struct{}
	until time.Time // when the clock looks next
}

// start starts the goroutine, which ends with stop.
func (c *clock) start(e *Engine) {
	c.wake, c.done, c.rooms = make(chan struct{}, 1), make(chan struct{}), make(map[*Room]struct{})
	e.running.Go(func() { c.run(e) })
}

func (c *clock) stop() { c.once.Do(func() { close(c.done) }) }

func (c *clock) add(r *Room) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rooms[r] = struct{}{}
}

func (c *clock) remove(r *Room) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.rooms, r)
}

// at says that a room wants to be ticked at a time, and wakes the clock if it
// would sleep longer.
func (c *clock) at(t time.Time) {
	c.mu.Lock()
	sooner := t.Add(leastSleep).Before(c.until)
	if sooner {
		c.until = t
	}
	c.mu.Unlock()
	if sooner {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

func (c *clock) run(e *Engine) {
	timer := time.NewTimer(mostSleep)
	defer timer.Stop()
	var due []*Room // scratch
	var out rtp.Output
	for {
		now := time.Now()
		due = c.due(now, due[:0])
		for _, r := range due {
			r.tick(&out)
			e.transport.Send(&out)
			out.Reset()
		}
		clear(due)
		timer.Reset(c.sleep())
		select {
		case <-c.done:
			return
		case <-c.wake:
		case <-timer.C:
		}
	}
}

// due appends the rooms whose time has come.
func (c *clock) due(now time.Time, rooms []*Room) []*Room {
	c.mu.Lock()
	defer c.mu.Unlock()
	for r := range c.rooms {
		if r.next.Load() <= now.UnixNano() {
			rooms = append(rooms, r)
		}
	}
	return rooms
}

// sleep returns how long no room wants to be looked at.
func (c *clock) sleep() time.Duration {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = now.Add(mostSleep)
	for r := range c.rooms {
		if t := time.Unix(0, r.next.Load()); t.Before(c.until) {
			c.until = t
		}
	}
	return max(c.until.Sub(now), leastSleep)
}
