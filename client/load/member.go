package load

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"

	"conclave/api"
	"conclave/core/session"
)

const (
	protocolVersion = 1
	connectPath     = "/api/v1/connect"
	readLimit       = 4 << 20 // bytes; the seats of a full meeting take 1.5 MB
	dialTimeout     = 10 * time.Second
	askTimeout      = 30 * time.Second
	writeTimeout    = 10 * time.Second
)

// Why a participant does not get into its meeting, or not further.
var (
	// ErrUnreachable means that the server did not answer.
	ErrUnreachable = errors.New("load: the server cannot be reached")
	// ErrUntrusted means that the server's certificate is not trusted.
	ErrUntrusted = errors.New("load: the server's certificate is not trusted")
	// ErrRefused means that the server answered with an error; see RefusedError.
	ErrRefused = errors.New("load: the server refused")
	// ErrLost means that the connection to the server ended.
	ErrLost = errors.New("load: the connection to the server was lost")
)

// A RefusedError is what the server answered. It wraps ErrRefused.
type RefusedError struct {
	Code  api.ErrorCode
	Limit uint32 // participants, if the meeting is full
}

func (e *RefusedError) Error() string { return fmt.Sprintf("%v: %v", ErrRefused, e.Code) }

// Unwrap returns ErrRefused.
func (e *RefusedError) Unwrap() error { return ErrRefused }

// A target is a meeting on a server.
type target struct {
	link   session.Link
	base   *url.URL // https://host
	client *http.Client
}

// newTarget reads an invite link. The error wraps that of session.ParseLink.
func newTarget(link string, roots *x509.CertPool) (*target, error) {
	l, err := session.ParseLink(link)
	if err != nil {
		return nil, err
	}
	address, _, _ := strings.Cut(strings.TrimSpace(link), "#")
	base, err := url.Parse(address[:strings.LastIndex(address, "/m/")])
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, session.ErrLinkIncomplete
	}
	return &target{link: l, base: base, client: &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13},
			TLSHandshakeTimeout: dialTimeout,
			MaxIdleConnsPerHost: 1,
			DisableCompression:  true, // packing /metrics would be work of the server that is measured
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// A member is one seat of a meeting. It takes part in signalling and media, but
// has no keys: it never begins an epoch and opens nothing.
type member struct {
	log    *slog.Logger
	ws     *websocket.Conn
	cancel context.CancelFunc
	done   chan struct{} // closed when the connection has ended

	seat    uint32
	servers []webrtc.ICEServer
	offers  chan *api.SubscribeOffer // capacity 1: the server sends one at a time

	mu       sync.Mutex
	request  uint64
	replies  map[uint64]chan *api.Reply // capacity 1 each
	answered int                        // offers
	streams  []*api.Stream
	onView   func([]*api.Stream) // told all streams, in the goroutine that reads
}

// join takes a seat. onStreams, if not nil, is told all streams whenever they
// change; it must not block.
func join(ctx context.Context, t *target, name string, log *slog.Logger, onStreams func(*member, []*api.Stream)) (*member, error) {
	device, err := session.GenerateDevice(rand.Reader, t.link, session.Robot, name)
	if err != nil {
		return nil, fmt.Errorf("load: making a device: %w", err)
	}
	defer device.Erase() // it only has to be admitted
	m, err := dial(ctx, t, log)
	if err != nil {
		return nil, err
	}
	if onStreams != nil {
		m.onView = func(s []*api.Stream) { onStreams(m, s) }
	}
	reading, cancel := context.WithCancel(context.WithoutCancel(ctx))
	m.cancel = cancel
	go m.read(reading) // ends with close
	reply, err := m.ask(ctx, &api.ClientFrame{Body: &api.ClientFrame_Join{Join: &api.Join{
		Meeting: t.link.Meeting(), Create: true, Announcement: device.Announcement(), Protocol: protocolVersion,
		AdmissionKey: t.link.AdmissionKey(), Admission: device.Admission(),
	}}})
	if err != nil {
		m.close()
		return nil, err
	}
	joined := reply.GetJoined()
	for _, s := range joined.GetIceServers() {
		m.servers = append(m.servers, webrtc.ICEServer{URLs: s.GetUrls(), Username: s.GetUsername(), Credential: s.GetCredential()})
	}
	m.mu.Lock()
	m.seat = joined.GetSeat()
	streams := m.streams
	m.mu.Unlock()
	if m.onView != nil && streams != nil {
		m.onView(streams)
	}
	return m, nil
}

// dial opens the WebSocket.
func dial(ctx context.Context, t *target, log *slog.Logger) (*member, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	address := *t.base
	address.Scheme = map[string]string{"http": "ws", "https": "wss"}[t.base.Scheme]
	address.Path = strings.TrimSuffix(address.Path, "/") + connectPath
	//nolint:bodyclose // Dial closes the body or makes the connection of it
	ws, _, err := websocket.Dial(ctx, address.String(), &websocket.DialOptions{
		HTTPClient: t.client, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		// The error itself names the address.
		if errors.As(err, new(*tls.CertificateVerificationError)) {
			return nil, ErrUntrusted
		}
		return nil, ErrUnreachable
	}
	ws.SetReadLimit(readLimit)
	return &member{
		log: log, ws: ws, done: make(chan struct{}), offers: make(chan *api.SubscribeOffer, 1),
		replies: make(map[uint64]chan *api.Reply),
	}, nil
}

// read handles what the server sends until the connection ends.
func (m *member) read(ctx context.Context) {
	defer close(m.done)
	for {
		_, b, err := m.ws.Read(ctx)
		if err != nil {
			return
		}
		f := new(api.ServerFrame)
		if err := proto.Unmarshal(b, f); err != nil {
			m.log.WarnContext(ctx, "the server sent what does not parse")
			continue
		}
		m.handle(f)
	}
}

func (m *member) handle(f *api.ServerFrame) {
	switch b := f.GetBody().(type) {
	case *api.ServerFrame_Reply:
		m.mu.Lock()
		waiting := m.replies[b.Reply.GetRequest()]
		delete(m.replies, b.Reply.GetRequest())
		m.mu.Unlock()
		if waiting != nil {
			waiting <- b.Reply
		}
	case *api.ServerFrame_Streams:
		m.mu.Lock()
		m.streams = b.Streams.GetStreams()
		joined := m.seat != 0
		m.mu.Unlock()
		if joined && m.onView != nil {
			m.onView(b.Streams.GetStreams())
		}
	case *api.ServerFrame_SubscribeOffer:
		select {
		case m.offers <- b.SubscribeOffer:
		default: // the server does not wait for answers: it gets none
		}
	}
}

// send sends a frame. The error is ErrLost.
func (m *member) send(ctx context.Context, f *api.ClientFrame) error {
	b, err := proto.Marshal(f)
	if err != nil {
		return fmt.Errorf("load: encoding a frame: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := m.ws.Write(ctx, websocket.MessageBinary, b); err != nil {
		return ErrLost
	}
	return nil
}

// ask sends a frame and waits for its reply. The errors are ErrLost, a
// RefusedError, or that of ctx.
func (m *member) ask(ctx context.Context, f *api.ClientFrame) (*api.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	waiting := make(chan *api.Reply, 1)
	m.mu.Lock()
	m.request++
	f.Request = m.request
	m.replies[f.Request] = waiting
	m.mu.Unlock()
	if err := m.send(ctx, f); err != nil {
		return nil, err
	}
	var reply *api.Reply
	select {
	case reply = <-waiting:
	case <-m.done:
		select {
		case reply = <-waiting: // it came just before the end
		default:
			return nil, ErrLost
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("load: waiting for the server: %w", context.Cause(ctx))
	}
	if e := reply.GetError(); e != nil {
		m.log.DebugContext(ctx, "refused", slog.String("reason", e.GetMessage()))
		return nil, &RefusedError{Code: e.GetCode(), Limit: e.GetLimit()}
	}
	return reply, nil
}

// publish is an Exchange: it offers what publishes the streams.
func (m *member) publish(ctx context.Context, text string, streams []*api.PublishedStream) (string, error) {
	reply, err := m.ask(ctx, &api.ClientFrame{Body: &api.ClientFrame_Publish{Publish: &api.Publish{Sdp: text, Streams: streams}}})
	if err != nil {
		return "", err
	}
	return reply.GetPublished().GetSdp(), nil
}

// view says what the member shows.
func (m *member) view(ctx context.Context, items []*api.ViewItem) error {
	return m.send(ctx, &api.ClientFrame{Body: &api.ClientFrame_View{View: &api.View{Items: items}}})
}

// answerOffers answers the server's offers until ctx or the connection ends.
func (m *member) answerOffers(ctx context.Context, s *Subscriber) {
	for {
		select {
		case o := <-m.offers:
			answer, err := s.Answer(ctx, o.GetSdp())
			if err != nil {
				m.log.WarnContext(ctx, "offer not answered", slog.Any("error", err))
				continue
			}
			m.mu.Lock()
			m.answered++
			m.mu.Unlock()
			_ = m.send(ctx, &api.ClientFrame{Body: &api.ClientFrame_SubscribeAnswer{SubscribeAnswer: &api.SubscribeAnswer{
				Generation: o.GetGeneration(), Sdp: answer,
			}}}) // fails only if the connection ended, which done tells
		case <-m.done:
			return
		case <-ctx.Done():
			return
		}
	}
}

// close gives the seat up and waits until the connection has ended.
func (m *member) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// Who cannot say so is noticed by the server after its grace time.
	_ = m.send(ctx, &api.ClientFrame{Body: &api.ClientFrame_Leave{Leave: &api.Leave{}}})
	select {
	case <-m.done: // the server ends the connection of who leaves
	case <-ctx.Done():
	}
	m.drop()
}

// drop ends the connection without a word.
func (m *member) drop() {
	m.cancel()
	_ = m.ws.CloseNow() // ended already if the seat was given up
	<-m.done
}
