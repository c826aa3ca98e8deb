package conn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"conclave/client/meeting"
)

const (
	dialTimeout  = 5 * time.Second
	writeTimeout = 10 * time.Second // for one message; then the connection is lost
	closeWithin  = 2 * time.Second  // to write what is queued and say goodbye
	// sendQueue bounds the frames that wait to be written; a meeting has at most
	// a few in flight.
	sendQueue = 256
)

// A target is a server.
type target struct {
	address string
	client  *http.Client
}

func newTarget(address string, roots *x509.CertPool) target {
	return target{address, &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13},
			TLSHandshakeTimeout: dialTimeout,
			DisableKeepAlives:   true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("the server redirects")
		},
	}}
}

type socketEvent uint8

const (
	socketOpen socketEvent = iota
	socketFrame
	socketEnd
)

// A report is what a socket tells its Conn.
type report struct {
	from   *socket
	what   socketEvent
	frame  []byte
	reason string // of socketEnd, for logs: an address is not in it
}

// A socket is one connection, from dialling to its end. Its goroutine reads, a
// second one writes; both end before run returns.
type socket struct {
	out     chan []byte // capacity sendQueue; closed by end(true)
	reports chan<- report
	quiet   chan struct{} // closed by end: nothing is to be reported any more
	cancel  context.CancelFunc
	once    sync.Once // of end
}

// newSocket returns a socket and its context for run. end ends it; it outlives
// ctx by the time it takes to say goodbye.
func newSocket(ctx context.Context, reports chan<- report) (*socket, context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	return &socket{
		out: make(chan []byte, sendQueue), reports: reports, quiet: make(chan struct{}), cancel: cancel,
	}, ctx
}

// end gives the connection up. In order, what is queued is written first. It is
// called by the owner of out only, and only once.
func (s *socket) end(inOrder bool) {
	s.once.Do(func() {
		close(s.quiet)
		if inOrder {
			close(s.out)
			time.AfterFunc(closeWithin, s.cancel)
			return
		}
		s.cancel()
	})
}

// tell reports to the Conn, unless the socket was given up.
func (s *socket) tell(r report) bool {
	r.from = s
	select {
	case <-s.quiet:
		return false
	default:
	}
	select {
	case s.reports <- r:
		return true
	case <-s.quiet:
		return false
	}
}

// run dials after the delay and reads until the connection ends.
func (s *socket) run(ctx context.Context, t target, delay time.Duration) {
	defer s.cancel()
	wait := time.NewTimer(delay)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-s.quiet:
		return
	}
	ws, err := t.dial(ctx)
	if err != nil {
		s.tell(report{what: socketEnd, reason: "dialling"})
		return
	}
	ws.SetReadLimit(meeting.MaxFrame)
	var writer sync.WaitGroup
	writer.Go(func() { s.write(ctx, ws) })
	if s.tell(report{what: socketOpen}) {
		s.read(ctx, ws)
	}
	writer.Wait()
	_ = ws.CloseNow() // closed already in the usual case
}

func (t target) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	//nolint:bodyclose // Dial closes the body or makes the connection of it
	ws, _, err := websocket.Dial(ctx, t.address, &websocket.DialOptions{
		HTTPClient:      t.client,
		CompressionMode: websocket.CompressionDisabled, // what is sent is ciphertext
	})
	return ws, err
}

// read hands on what comes until the connection ends.
func (s *socket) read(ctx context.Context, ws *websocket.Conn) {
	for {
		kind, frame, err := ws.Read(ctx)
		switch {
		case err != nil:
			s.tell(report{what: socketEnd, reason: websocket.CloseStatus(err).String()})
			s.cancel() // ends the writer
			return
		case kind != websocket.MessageBinary:
			s.tell(report{what: socketEnd, reason: "message is not binary"})
			s.cancel()
			return
		}
		if !s.tell(report{what: socketFrame, frame: frame}) {
			// Given up: the writer says goodbye, which needs somebody to read.
			discard(ctx, ws)
			return
		}
	}
}

// discard reads on until the connection has ended.
func discard(ctx context.Context, ws *websocket.Conn) {
	for {
		if _, _, err := ws.Read(ctx); err != nil {
			return
		}
	}
}

// write writes what is queued until the queue is closed, and then closes the
// connection.
func (s *socket) write(ctx context.Context, ws *websocket.Conn) {
	for {
		select {
		case <-ctx.Done():
			return
		case frame, ok := <-s.out:
			if !ok {
				_ = ws.Close(websocket.StatusNormalClosure, "") // fails only if the other side has gone
				s.cancel()
				return
			}
			if err := writeOne(ctx, ws, frame); err != nil {
				s.tell(report{what: socketEnd, reason: "writing"})
				s.cancel()
				return
			}
		}
	}
}

func writeOne(ctx context.Context, ws *websocket.Conn, frame []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return ws.Write(ctx, websocket.MessageBinary, frame)
}
