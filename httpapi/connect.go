package httpapi

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"

	"conclave/api"
	"conclave/room"
)

// Limits of one connection.
const (
	readLimit    = 256 << 10        // bytes of one message; a Commit of a full room takes about 110 KiB
	joinTimeout  = 10 * time.Second // for the first frame
	writeTimeout = 10 * time.Second // for one message; then the connection counts as lost
	pingInterval = 5 * time.Second
	pingTimeout  = 10 * time.Second
)

// Stats count what happened to connections.
type Stats struct {
	Connections atomic.Int64 // open now
	Accepted    atomic.Uint64
	Refused     atomic.Uint64 // wrong origin, too many, or no WebSocket
	Malformed   atomic.Uint64 // messages that are no ClientFrame
	Slow        atomic.Uint64 // connections dropped because they took frames too slowly
}

var errNotBinary = errors.New("message is not binary")

// connect serves one client until either side ends the connection.
func (a *API) connect(w http.ResponseWriter, r *http.Request) {
	select {
	case a.clients <- struct{}{}:
		defer func() { <-a.clients }()
	default:
		a.stats.Refused.Add(1)
		http.Error(w, "too many connections", http.StatusServiceUnavailable)
		return
	}
	a.open.Add(1)
	defer a.open.Done()
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		OriginPatterns:  a.cfg.Origins,
		CompressionMode: websocket.CompressionDisabled, // what is sent is ciphertext
	})
	if err != nil {
		a.stats.Refused.Add(1)
		// The reason may quote names of hosts.
		a.cfg.Log.DebugContext(r.Context(), "websocket refused")
		return
	}
	a.stats.Accepted.Add(1)
	a.stats.Connections.Add(1)
	defer a.stats.Connections.Add(-1)
	ws.SetReadLimit(readLimit)
	c := &conn{api: a, ws: ws, out: room.NewOutbox()}
	c.serve(r.Context())
}

// conn is one WebSocket. Its reader is the goroutine of the request; a writer
// and a pinger run beside it and end with it.
type conn struct {
	api *API
	ws  *websocket.Conn
	out *room.Outbox
}

func (c *conn) serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel() // a writer that ended ends the reader
		c.write(ctx)
	})
	wg.Go(func() { c.ping(ctx) })
	if c.read(ctx) {
		// The reader ended the connection and left its reason in the outbox:
		// let the writer send it.
		c.out.Finish()
		<-ctx.Done()
	}
	cancel()
	_ = c.ws.CloseNow() // already closed in the usual case
	wg.Wait()
}

// read joins and then handles frames until the connection ends. It reports
// whether the server ended it.
func (c *conn) read(ctx context.Context) bool {
	f, err := c.first(ctx)
	if err != nil {
		return !isLost(err)
	}
	s, err := c.api.cfg.Meetings.Join(time.Now(), f.GetRequest(), f.GetJoin(), c.out)
	if err != nil {
		c.refuse(f.GetRequest(), err)
		return true
	}
	defer func() { s.Lost(time.Now()) }()
	for {
		f, err := c.receive(ctx)
		switch {
		case errors.Is(err, errNotBinary), errors.Is(err, errMalformed):
			c.api.stats.Malformed.Add(1)
			s.Malformed()
			return true
		case err != nil:
			return false
		}
		if err := s.Handle(ctx, time.Now(), f); err != nil {
			return true
		}
	}
}

// first returns the frame that a connection begins with, a Join.
func (c *conn) first(ctx context.Context) (*api.ClientFrame, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	f, err := c.receive(ctx)
	switch {
	case err == nil && f.GetJoin() == nil:
		err = &room.Error{Code: api.ErrorCode_ERROR_CODE_NOT_JOINED, Message: "the first frame must be Join"}
		c.refuse(f.GetRequest(), err)
	case errors.Is(err, errMalformed), errors.Is(err, errNotBinary):
		c.api.stats.Malformed.Add(1)
		c.refuse(0, &room.Error{Code: api.ErrorCode_ERROR_CODE_MALFORMED, Message: "frame does not parse"})
	}
	return f, err
}

var errMalformed = errors.New("frame does not parse")

// isLost reports whether err says that the connection itself failed.
func isLost(err error) bool {
	var e *room.Error
	return !errors.Is(err, errMalformed) && !errors.Is(err, errNotBinary) && !errors.As(err, &e)
}

// receive reads one frame.
func (c *conn) receive(ctx context.Context) (*api.ClientFrame, error) {
	kind, b, err := c.ws.Read(ctx)
	if err != nil {
		return nil, err
	}
	if kind != websocket.MessageBinary {
		return nil, errNotBinary
	}
	f := new(api.ClientFrame)
	if err := proto.Unmarshal(b, f); err != nil {
		return nil, errMalformed
	}
	return f, nil
}

// refuse puts an error into the outbox.
func (c *conn) refuse(request uint64, err error) {
	var e *room.Error
	if !errors.As(err, &e) {
		e = &room.Error{Code: api.ErrorCode_ERROR_CODE_INTERNAL, Message: "the server could not handle this"}
	}
	c.out.Send(e.Frame(request))
}

// write sends what the outbox holds until it is closed.
func (c *conn) write(ctx context.Context) {
	for {
		batch, err := c.out.Next(ctx)
		if err != nil {
			status := websocket.StatusNormalClosure
			if errors.Is(err, room.ErrSlow) {
				c.api.stats.Slow.Add(1)
				status = websocket.StatusTryAgainLater
			}
			_ = c.ws.Close(status, "") // fails only if the client has gone
			return
		}
		for _, b := range batch {
			if err := c.writeOne(ctx, b); err != nil {
				return
			}
		}
	}
}

func (c *conn) writeOne(ctx context.Context, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return c.ws.Write(ctx, websocket.MessageBinary, b)
}

// ping notices a connection that died without a word.
func (c *conn) ping(ctx context.Context) {
	t := time.NewTicker(pingInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		pctx, cancel := context.WithTimeout(ctx, pingTimeout)
		err := c.ws.Ping(pctx)
		cancel()
		if err != nil {
			_ = c.ws.CloseNow() // the reader sees it and the seat goes away
			return
		}
	}
}
