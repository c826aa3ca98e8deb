package conn

import (
	"context"
	"log/slog"
	"time"

	"conclave/client/meeting"
)

// run owns the meeting until it is over.
func (c *Conn) run(ctx context.Context) {
	defer close(c.done)
	defer close(c.events)
	defer c.sockets.Wait() // before events is closed; they only report to run
	defer c.cancel()
	// Whatever the end is, the keys are erased. What it asks for is not done.
	defer func() { _ = c.meeting.Leave(time.Now()) }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		over, err := c.drain(ctx)
		if over || err != nil {
			c.err = err
			c.endSocket(err == nil)
			return
		}
		if wake := c.meeting.Wake(); wake.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(wake))
		}
		select {
		case <-ctx.Done():
			c.err = ctx.Err()
			c.endSocket(false)
			return
		case cmd := <-c.commands:
			cmd.result <- cmd.do(c.meeting, time.Now())
		case r := <-c.reports:
			c.take(ctx, r)
		case <-timer.C:
			c.meeting.Tick(time.Now())
		}
	}
}

// drain carries out what the meeting asks for. It reports whether the meeting is
// over.
func (c *Conn) drain(ctx context.Context) (over bool, err error) {
	for {
		o, ok := c.meeting.Poll()
		if !ok {
			return over, nil
		}
		switch o := o.(type) {
		case meeting.Send:
			c.send(o.Frame)
			continue
		case meeting.Connect:
			c.open(ctx, o.Delay)
			continue
		case meeting.Close:
			c.endSocket(true)
			continue
		case meeting.Failed:
			c.log.DebugContext(ctx, "meeting failed", slog.String("code", string(o.Code)))
			over = true
		case meeting.Left:
			over = true
		}
		select {
		case c.events <- o:
		default:
			return true, ErrSlow
		}
	}
}

// take handles what the current socket reports; one that was given up has
// nothing to say any more.
func (c *Conn) take(ctx context.Context, r report) {
	if r.from != c.socket {
		return
	}
	switch r.what {
	case socketOpen:
		c.meeting.Connected(time.Now())
	case socketFrame:
		c.meeting.Receive(time.Now(), r.frame)
	case socketEnd:
		c.log.DebugContext(ctx, "connection lost", slog.String("reason", r.reason))
		c.endSocket(false)
		c.meeting.Disconnected(time.Now())
	}
}

// send queues a frame. A socket whose queue is full has not written for long: it
// is given up, and the meeting resumes.
func (c *Conn) send(frame []byte) {
	if c.socket == nil {
		return
	}
	select {
	case c.socket.out <- frame:
	default:
		c.endSocket(false)
		c.meeting.Disconnected(time.Now())
	}
}

// open starts a new connection after a delay.
func (c *Conn) open(ctx context.Context, delay time.Duration) {
	c.endSocket(false)
	s, life := newSocket(ctx, c.reports)
	c.socket = s
	c.sockets.Go(func() { s.run(life, c.target, delay) })
}

// endSocket gives the current connection up, in order or at once.
func (c *Conn) endSocket(inOrder bool) {
	if c.socket == nil {
		return
	}
	c.socket.end(inOrder)
	c.socket = nil
}
