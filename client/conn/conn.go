// Package conn runs a [meeting.Meeting] over a WebSocket, for programs that are
// no browser. Call [Dial], read [Conn.Events] until it is closed, and give
// commands by the methods of [Conn], which may be called concurrently.
//
// One goroutine owns the meeting; lost connections are taken up again by it as
// long as the meeting asks for that.
package conn

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"conclave/client/meeting"
)

const (
	// eventQueue bounds the events that wait to be read: about one minute of a
	// busy meeting. Who reads more slowly is cut off, see ErrSlow.
	eventQueue = 1024

	maxRootsFile = 1 << 20 // bytes of a file of root certificates
	connectPath  = "/api/v1/connect"
)

var (
	// ErrClosed says that the Conn has ended.
	ErrClosed = errors.New("conn: closed")
	// ErrSlow says that events were read too slowly.
	ErrSlow = errors.New("conn: events are not read")
	// ErrPlain says that a link leads to a server without TLS on another machine.
	ErrPlain = errors.New("conn: the link has no TLS and is not of this machine")
	// ErrRoots says that a file holds no root certificate.
	ErrRoots = errors.New("conn: no certificate in the file")
)

// A Config says as whom to join. Name is required; other zero fields mean the
// default.
type Config struct {
	Name   string
	Class  meeting.Class // Native
	Create bool          // this device made the link and may begin the meeting
	// Roots are the certificates that servers are trusted by; those of the
	// system. See LoadRoots.
	Roots *x509.CertPool
	Log   *slog.Logger // discarded
}

// A Conn is one participant of one meeting. It ends when the meeting is over,
// when its context ends, or with Close.
type Conn struct {
	// Constant after Dial.
	target   target
	log      *slog.Logger
	events   chan meeting.Output // capacity eventQueue; closed by run
	commands chan command        // capacity 0
	cancel   context.CancelFunc
	done     chan struct{} // closed after err is set

	// Owned by run, which is the only goroutine that touches them.
	meeting *meeting.Meeting
	socket  *socket
	reports chan report // of the socket, capacity 0
	sockets sync.WaitGroup

	err error // set before done is closed
}

// A command is run by the goroutine that owns the meeting.
type command struct {
	do     func(m *meeting.Meeting, now time.Time) error
	result chan error // capacity 1, so that run never waits for the caller
}

// LoadRoots returns the certificates of a PEM file together with those of the
// system. It returns ErrRoots if there is none in it.
func LoadRoots(file string) (*x509.CertPool, error) {
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return nil, fmt.Errorf("reading root certificates: %w", err)
	}
	defer func() { _ = f.Close() }() // read only: nothing can be lost
	pem, err := io.ReadAll(io.LimitReader(f, maxRootsFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading root certificates: %w", err)
	case len(pem) > maxRootsFile:
		return nil, ErrRoots
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without any
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, ErrRoots
	}
	return pool, nil
}

// Dial joins the meeting of link. It returns at once; what happens comes as
// events. It returns meeting.ErrLink, meeting.ErrName or ErrPlain if nothing can
// be connected to. The Conn lives no longer than ctx.
func Dial(ctx context.Context, link string, cfg Config) (*Conn, error) {
	return dial(ctx, link, cfg, eventQueue)
}

func dial(ctx context.Context, link string, cfg Config, queue int) (*Conn, error) {
	if cfg.Class == "" {
		cfg.Class = meeting.Native
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m, err := meeting.New(meeting.Config{
		URL: link, Create: cfg.Create, Name: cfg.Name, Class: cfg.Class, Rand: rand.Reader,
	}, time.Now())
	if err != nil {
		return nil, err
	}
	address, err := address(link)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &Conn{
		target:   newTarget(address, cfg.Roots),
		log:      cfg.Log,
		events:   make(chan meeting.Output, queue),
		commands: make(chan command),
		cancel:   cancel,
		done:     make(chan struct{}),
		meeting:  m,
		reports:  make(chan report),
	}
	go c.run(ctx) // ends with ctx; Close waits for done
	return c, nil
}

// address returns the WebSocket address of the server that link leads to.
func address(link string) (string, error) {
	link, _, _ = strings.Cut(link, "#")
	base, _, ok := cutLast(link, "/m/")
	if !ok {
		return "", meeting.ErrLink
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.User != nil {
		return "", meeting.ErrLink
	}
	switch u.Scheme {
	case "https":
		u.Scheme = "wss"
	case "http":
		if !isThisMachine(u.Hostname()) {
			return "", ErrPlain
		}
		u.Scheme = "ws"
	default:
		return "", meeting.ErrLink
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + connectPath
	u.RawQuery = ""
	return u.String(), nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// isThisMachine reports whether a host is the loopback, as browsers see it.
func isThisMachine(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Events returns what happens, in order, until the Conn has ended; then it is
// closed. The outputs that drive the connection itself are not in it.
func (c *Conn) Events() <-chan meeting.Output { return c.events }

// Done is closed when the Conn has ended; then Err says why.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns why the Conn has ended: nil when the meeting is over, which
// Failed or Left told before, the error of the context, or ErrSlow. It returns
// nil as long as Done is not closed.
func (c *Conn) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// Close leaves the meeting, if that has not been done, and waits until the Conn
// has ended.
func (c *Conn) Close() error {
	_ = c.Leave() // ErrClosed or ErrOver: it has ended already
	select {
	case <-c.done:
	case <-time.After(closeWithin):
		c.cancel()
		<-c.done
	}
	return nil
}

// do runs f on the goroutine that owns the meeting.
func (c *Conn) do(f func(m *meeting.Meeting, now time.Time) error) error {
	cmd := command{f, make(chan error, 1)}
	select {
	case c.commands <- cmd:
		return <-cmd.result
	case <-c.done:
		return ErrClosed
	}
}
