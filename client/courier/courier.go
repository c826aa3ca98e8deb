package courier

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"conclave/api"
)

// Protocol is the version of api/delivery.proto that a Courier speaks.
const Protocol = 1

// MaxFrame bounds what a socket should take from a server, bytes: a Welcome with its
// ratchet tree and some room.
const MaxFrame = 8 << 20

// Times of a connection.
const (
	dialTimeout  = 15 * time.Second
	helloTimeout = 15 * time.Second
	firstDelay   = 500 * time.Millisecond
	longestDelay = 30 * time.Second
	stable       = 10 * time.Second // a connection that lasted so long begins delays anew
)

// A Socket carries binary messages, each whole. Read and Write may be called at the
// same time, Close at any time, more than once; it ends both.
type Socket interface {
	// Read returns the next message. What is returned is the caller's.
	Read(ctx context.Context) ([]byte, error)
	Write(ctx context.Context, b []byte) error
	Close() error
}

// A State is what a [Courier] does.
type State int

// The states.
const (
	Offline    State = iota // waits before it connects again
	Connecting              // dials, or says hello
	Online                  // Call works
	Stopped                 // Run has returned
)

// String implements fmt.Stringer.
func (s State) String() string {
	switch s {
	case Offline:
		return "offline"
	case Connecting:
		return "connecting"
	case Online:
		return "online"
	default:
		return "stopped"
	}
}

// Config is what a Courier needs. Dial and Token are required.
type Config struct {
	// Dial connects to the server.
	Dial func(ctx context.Context) (Socket, error)
	// Token returns the token of a session that is bound to this device.
	Token func(ctx context.Context) (string, error)
	// OnNews is called with each frame that answers no request, in the order they
	// came, one at a time, and not after the connection broke. While it blocks, at
	// most some hundred further frames are read; then the server has to wait. It may
	// call Call.
	OnNews func(f *api.DeliveryFrame)
	// OnState is called from Run with each change. No news comes before it returned
	// from Online; it must not wait for a Call.
	OnState func(s State)
	// Now is the clock; time.Now.
	Now func() time.Time
	// Jitter returns a number from 0 to below 1; random.
	Jitter func() float64
}

// A Courier keeps one connection. Its methods may be called at the same time. Create it
// with [New].
type Courier struct {
	cfg  Config
	wake chan struct{} // holds at most one

	mu   sync.Mutex
	line *line // nil: not online
}

// New returns a Courier that connects when Run runs.
func New(cfg Config) *Courier {
	if cfg.OnNews == nil {
		cfg.OnNews = func(*api.DeliveryFrame) {}
	}
	if cfg.OnState == nil {
		cfg.OnState = func(State) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Jitter == nil {
		cfg.Jitter = rand.Float64
	}
	return &Courier{cfg: cfg, wake: make(chan struct{}, 1)}
}

// Wake ends a wait before the next try; if there is a connection, it is tested at once.
// Call it when the network has changed, or the device was asleep.
func (c *Courier) Wake() {
	select {
	case c.wake <- struct{}{}:
	default: // it was woken already
	}
}

// Call sends a request and returns the reply, never a refusal: that is a
// [RefusalError]. Calls may be made at the same time; the server handles those of one
// group in the order in which they were sent. It sets req.Request. Errors:
// [ErrOffline], [ErrLarge], that of ctx.
func (c *Courier) Call(ctx context.Context, req *api.DeliveryRequest) (*api.DeliveryFrame, error) {
	c.mu.Lock()
	l := c.line
	c.mu.Unlock()
	if l == nil {
		return nil, ErrOffline
	}
	return l.call(ctx, req)
}

// Run connects, and again when the connection breaks, until ctx ends, which is no
// error, or the server says that it is no use: it returns a [RefusalError] then. Run
// may be called once at a time.
func (c *Courier) Run(ctx context.Context) error {
	defer c.cfg.OnState(Stopped)
	delay := firstDelay
	for {
		c.cfg.OnState(Connecting)
		lasted, err := c.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var refused *RefusalError
		if errors.As(err, &refused) && refused.isFinal() {
			return refused
		}
		if lasted >= stable {
			delay = firstDelay
		}
		c.cfg.OnState(Offline)
		wait := delay/2 + time.Duration(c.cfg.Jitter()*float64(delay/2))
		if refused != nil {
			wait = max(wait, refused.Wait)
		}
		if !c.sleep(ctx, wait) {
			return nil
		}
		delay = min(2*delay, longestDelay)
	}
}

// sleep waits until it is time, or somebody called Wake. It reports whether ctx goes on.
func (c *Courier) sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-c.wake:
	case <-t.C:
	}
	return true
}

// connect makes one connection and returns when it has ended: how long it was online,
// and why it ended, which is never nil.
func (c *Courier) connect(ctx context.Context) (time.Duration, error) {
	token, err := c.cfg.Token(ctx)
	if err != nil {
		return 0, err
	}
	dctx, cancel := context.WithTimeout(ctx, dialTimeout)
	socket, err := c.cfg.Dial(dctx)
	cancel()
	if err != nil {
		return 0, err
	}
	l := newLine(ctx, socket, c.cfg.Now)
	defer l.close()
	if err := l.hello(token); err != nil {
		return 0, err
	}
	begun := c.cfg.Now()
	c.setLine(l)
	c.cfg.OnState(Online)
	l.serve(c.cfg.OnNews, c.wake)
	c.setLine(nil)
	return c.cfg.Now().Sub(begun), context.Cause(l.ctx)
}

func (c *Courier) setLine(l *line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line = l
}
