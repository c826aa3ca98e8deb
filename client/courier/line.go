package courier

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"conclave/api"
)

// Bounds and times of a line.
const (
	maxRequest   = 16 << 20 // bytes; what a server takes
	sendQueue    = 64       // requests that wait to be written
	newsQueue    = 512      // frames that wait for OnNews
	aliveEvery   = 20 * time.Second
	aliveTimeout = 20 * time.Second // for the reply; then the connection is lost
	slowest      = 64 << 10         // bytes a second that a connection must carry
	writeTimeout = 10 * time.Second // for one message, and its bytes at the slowest speed
)

// A line is one connection. Its context ends with it, and the cause says why.
type line struct {
	socket Socket
	now    func() time.Time
	ctx    context.Context
	end    context.CancelCauseFunc
	done   sync.WaitGroup // reader and writer
	out    chan []byte
	news   chan *api.DeliveryFrame

	mu      sync.Mutex
	last    uint64                             // request number
	waiting map[uint64]chan *api.DeliveryFrame // each takes one
	heard   time.Time                          // when the reader began to wait for a frame
	reading bool                               // and whether it waits now
}

// newLine begins to read and write. The caller must call close.
func newLine(ctx context.Context, socket Socket, now func() time.Time) *line {
	ctx, end := context.WithCancelCause(ctx)
	l := &line{
		socket: socket, now: now, ctx: ctx, end: end,
		out: make(chan []byte, sendQueue), news: make(chan *api.DeliveryFrame, newsQueue),
		waiting: make(map[uint64]chan *api.DeliveryFrame),
	}
	l.done.Go(func() { l.end(l.read()) })
	l.done.Go(func() { l.end(l.write()) })
	return l
}

// close ends the connection and waits until nothing of it runs.
func (l *line) close() {
	l.end(ErrOffline)
	_ = l.socket.Close() // nothing is lost that was not lost before
	l.done.Wait()
}

// hello says who this is.
func (l *line) hello(token string) error {
	ctx, cancel := context.WithTimeout(l.ctx, helloTimeout)
	defer cancel()
	_, err := l.call(ctx, &api.DeliveryRequest{Body: &api.DeliveryRequest_Hello{
		Hello: &api.Hello{Token: token, Protocol: Protocol},
	}})
	if cause := context.Cause(l.ctx); cause != nil {
		return cause // says more than that the call failed
	}
	return err
}

// serve hands on news and tests the connection until it ends.
func (l *line) serve(onNews func(*api.DeliveryFrame), wake <-chan struct{}) {
	var wg sync.WaitGroup
	wg.Go(func() {
		for l.ctx.Err() == nil {
			select {
			case f := <-l.news:
				onNews(f)
			case <-l.ctx.Done():
			}
		}
	})
	l.watch(wake)
	_ = l.socket.Close() // calls fail now, whatever OnNews does
	wg.Wait()
}

// call sends a request and waits for its reply.
func (l *line) call(ctx context.Context, req *api.DeliveryRequest) (*api.DeliveryFrame, error) {
	reply := make(chan *api.DeliveryFrame, 1)
	n := l.expect(reply)
	defer l.forget(n)
	req.Request = n
	b, err := proto.Marshal(req)
	switch {
	case err != nil:
		return nil, fmt.Errorf("courier: encoding a request: %w", err)
	case len(b) > maxRequest:
		return nil, ErrLarge
	}
	select {
	case l.out <- b:
	case <-l.ctx.Done():
		return nil, ErrOffline
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case f := <-reply:
		if r := f.GetRefusal(); r != nil {
			return nil, refusal(r)
		}
		return f, nil
	case <-l.ctx.Done():
		return nil, ErrOffline
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// expect numbers a request.
func (l *line) expect(reply chan *api.DeliveryFrame) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	l.waiting[l.last] = reply
	return l.last
}

func (l *line) forget(n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, n)
}

// read takes frames until the connection breaks.
func (l *line) read() error {
	for {
		l.listen(true)
		b, err := l.socket.Read(l.ctx)
		l.listen(false)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrOffline, err)
		}
		f := new(api.DeliveryFrame)
		if proto.Unmarshal(b, f) != nil || f.GetBody() == nil {
			return errFrame
		}
		if err := l.take(f); err != nil {
			return err
		}
	}
}

// listen notes whether the reader waits for the server.
func (l *line) listen(reading bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading, l.heard = reading, l.now()
}

// take gives a frame to who waits for it. A reply that nobody waits for any more is
// dropped.
func (l *line) take(f *api.DeliveryFrame) error {
	if n := f.GetRequest(); n != 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		if reply, ok := l.waiting[n]; ok {
			delete(l.waiting, n)
			reply <- f
		}
		return nil
	}
	if r := f.GetRefusal(); r != nil {
		return refusal(r) // it ends the connection
	}
	select {
	case l.news <- f:
		return nil
	case <-l.ctx.Done():
		return ErrOffline
	}
}

// write sends requests until the connection breaks.
func (l *line) write() error {
	for {
		select {
		case <-l.ctx.Done():
			return ErrOffline
		case b := <-l.out:
			within := writeTimeout + time.Duration(len(b))*time.Second/slowest
			ctx, cancel := context.WithTimeout(l.ctx, within)
			err := l.socket.Write(ctx, b)
			cancel()
			if err != nil {
				return fmt.Errorf("%w: %w", ErrOffline, err)
			}
		}
	}
}

// watch asks the server from time to time whether it is there, and ends a connection
// on which nothing comes any more. It returns when the connection has ended.
func (l *line) watch(wake <-chan struct{}) {
	t := time.NewTicker(aliveEvery)
	defer t.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-wake:
		case <-t.C:
		}
		for !l.alive() {
			if l.silent() {
				l.end(errSilent)
				return
			}
		}
	}
}

// alive asks once. It reports whether the answer came in time.
func (l *line) alive() bool {
	ctx, cancel := context.WithTimeout(l.ctx, aliveTimeout)
	defer cancel()
	_, err := l.call(ctx, &api.DeliveryRequest{Body: &api.DeliveryRequest_Alive{Alive: &api.Alive{}}})
	return err == nil || ctx.Err() == nil // a refusal is an answer too
}

// silent reports whether the reader has waited for a frame all the time that an answer
// may take, or the connection has ended. A reader that waits for OnNews says nothing
// about the server.
func (l *line) silent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ctx.Err() != nil || l.reading && l.now().Sub(l.heard) >= aliveTimeout
}
