package room

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/protobuf/proto"

	"conclave/api"
)

// Bounds of what waits for one connection. They are above the bounds of the
// event log, so that a seat can be sent everything it missed.
const (
	maxQueueFrames = 4096
	maxQueueBytes  = 8 << 20
)

// Why an [Outbox] gives out no more frames.
var (
	// ErrClosed is returned after the last frame of a closed Outbox.
	ErrClosed = errors.New("outbox is closed")
	// ErrSlow is returned when the connection took frames too slowly; what
	// waited is dropped, and the client resumes to get it again.
	ErrSlow = errors.New("connection is too slow")
)

// An Outbox holds the encoded frames that wait to be written to one connection.
// It never blocks who puts frames in: a full one is closed with [ErrSlow]. Its
// methods may be called concurrently.
type Outbox struct {
	wake chan struct{} // capacity 1: "look again"; full means somebody will

	// mu guards the fields below.
	mu     sync.Mutex
	queue  [][]byte
	bytes  int
	closed bool
	slow   bool
}

// NewOutbox returns an empty Outbox.
func NewOutbox() *Outbox {
	return &Outbox{wake: make(chan struct{}, 1)}
}

// Next waits for frames and returns all that wait, in order. The slices are
// shared between connections: they must not be changed. It returns [ErrClosed],
// [ErrSlow] or the error of ctx.
func (o *Outbox) Next(ctx context.Context) ([][]byte, error) {
	for {
		o.mu.Lock()
		batch, closed, slow := o.queue, o.closed, o.slow
		o.queue, o.bytes = nil, 0
		o.mu.Unlock()
		switch {
		case slow:
			return nil, ErrSlow
		case len(batch) > 0:
			return batch, nil
		case closed:
			return nil, ErrClosed
		}
		select {
		case <-o.wake:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Send puts one frame in. It does nothing when the Outbox is closed.
func (o *Outbox) Send(f *api.ServerFrame) {
	o.push(encode(f))
}

// Close lets the frames that wait go out, then a Closing frame with reason, and
// then ends the connection. Only the first call counts.
func (o *Outbox) Close(reason api.Closing_Reason) {
	f := encode(&api.ServerFrame{Body: &api.ServerFrame_Closing{Closing: &api.Closing{Reason: reason}}})
	o.mu.Lock()
	if !o.closed {
		o.closed = true
		o.queue = append(o.queue, f)
	}
	o.mu.Unlock()
	o.signal()
}

// Finish lets the frames that wait go out and then ends the connection, without
// a Closing frame.
func (o *Outbox) Finish() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.signal()
}

func (o *Outbox) push(frame []byte) {
	o.mu.Lock()
	if !o.closed {
		if len(o.queue) >= maxQueueFrames || o.bytes+len(frame) > maxQueueBytes {
			o.closed, o.slow, o.queue = true, true, nil
		} else {
			o.queue = append(o.queue, frame)
			o.bytes += len(frame)
		}
	}
	o.mu.Unlock()
	o.signal()
}

func (o *Outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// encode marshals a frame that this program built. It cannot fail: the only
// causes are invalid UTF-8, which the caller has checked, and missing required
// fields, which proto3 does not have.
func encode(f *api.ServerFrame) []byte {
	b, err := proto.Marshal(f)
	if err != nil {
		panic("room: internal error: marshalling a frame: " + err.Error())
	}
	return b
}
