package media

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coder/websocket"

	"conclave/client/meeting"
)

const (
	outgoingFrames = 256              // frames waiting to be written; then the connection counts as lost
	incomingFrames = 64               // frames waiting to be handled; then the socket waits
	dialTimeout    = 10 * time.Second // for one attempt
	flushTimeout   = 2 * time.Second  // for the last frames when leaving
)

// endpoint returns the address of the server's WebSocket for an invite link.
func endpoint(link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil {
		return "", errors.New("the link is no address") // err would quote the secret
	}
	schemes := map[string]string{"https": "wss", "http": "ws"}
	scheme, ok := schemes[u.Scheme]
	if !ok || u.Host == "" {
		return "", errors.New("the link does not begin with https://")
	}
	return (&url.URL{Scheme: scheme, Host: u.Host, Path: "/api/v1/connect"}).String(), nil
}

// dial opens the server's WebSocket.
func dial(ctx context.Context, url string, trust *tls.Config) (*websocket.Conn, error) {
	transport := &http.Transport{TLSClientConfig: trust, Proxy: http.ProxyFromEnvironment}
	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient:      &http.Client{Transport: transport},
		CompressionMode: websocket.CompressionDisabled, // it is ciphertext
	})
	if err != nil {
		return nil, fmt.Errorf("connecting to the server: %w", err)
	}
	c.SetReadLimit(meeting.MaxFrame)
	return c, nil
}

// A socketEvent is what happened to a socket. Exactly one of its other fields
// is set.
type socketEvent struct {
	socket *socket
	open   bool   // it is connected
	lost   error  // it is not, or no longer
	frame  []byte // this came
}

// A socket is one connection to the server, from dialling to its end, with the
// goroutines that serve it.
type socket struct {
	// Constant.
	events chan<- socketEvent
	out    chan []byte
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// openSocket dials url after a delay. Events go to events until close.
func openSocket(url string, trust *tls.Config, delay time.Duration, events chan<- socketEvent) *socket {
	ctx, cancel := context.WithCancel(context.Background())
	s := &socket{events: events, out: make(chan []byte, outgoingFrames), ctx: ctx, cancel: cancel}
	s.done.Go(func() { s.run(url, trust, delay) })
	return s
}

func (s *socket) run(url string, trust *tls.Config, delay time.Duration) {
	select {
	case <-time.After(delay):
	case <-s.ctx.Done():
		return
	}
	dialling, stop := context.WithTimeout(s.ctx, dialTimeout)
	c, err := dial(dialling, url, trust)
	stop()
	if err != nil {
		s.emit(socketEvent{lost: err})
		return
	}
	s.emit(socketEvent{open: true})
	var writer sync.WaitGroup
	writer.Go(func() {
		if err := s.write(c); err != nil {
			_ = c.Close(websocket.StatusNormalClosure, "") // ends the reader, which reports
		}
	})
	err = s.read(c)
	s.emit(socketEvent{lost: err})
	s.cancel()
	writer.Wait()
	_ = c.CloseNow()
}

func (s *socket) read(c *websocket.Conn) error {
	for {
		kind, frame, err := c.Read(s.ctx)
		if err != nil {
			return fmt.Errorf("connection to the server: %w", err)
		}
		if kind != websocket.MessageBinary {
			continue // not of this protocol
		}
		s.emit(socketEvent{frame: frame})
	}
}

// write writes until the socket ends or finish has drained it.
func (s *socket) write(c *websocket.Conn) error {
	for {
		select {
		case frame, ok := <-s.out:
			if !ok {
				return errors.New("finished")
			}
			if err := c.Write(s.ctx, websocket.MessageBinary, frame); err != nil {
				return err
			}
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
}

func (s *socket) emit(e socketEvent) {
	e.socket = s
	select {
	case s.events <- e:
	case <-s.ctx.Done():
	}
}

// send queues a frame and reports whether there was room.
func (s *socket) send(frame []byte) bool {
	select {
	case s.out <- frame:
		return true
	default:
		return false
	}
}

// close drops the connection.
func (s *socket) close() {
	s.cancel()
	s.done.Wait()
}

// finish writes what is queued and then closes; nothing may be sent any more.
func (s *socket) finish() {
	close(s.out)
	timer := time.AfterFunc(flushTimeout, s.cancel)
	defer timer.Stop()
	s.done.Wait()
	s.cancel()
}
