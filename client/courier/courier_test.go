package courier_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"conclave/api"
	"conclave/client/courier"
)

// A server is the other end of sockets.
type server struct {
	mu      sync.Mutex
	dials   []time.Time
	down    bool
	sockets []*socket
	answer  func(s *socket, req *api.DeliveryRequest)
}

type socket struct {
	out    chan []byte // to the client
	closed chan struct{}
	once   sync.Once
	server *server
}

func (s *server) dial(context.Context) (courier.Socket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials = append(s.dials, time.Now())
	if s.down {
		return nil, errors.New("refused")
	}
	k := &socket{out: make(chan []byte, 64), closed: make(chan struct{}), server: s}
	s.sockets = append(s.sockets, k)
	return k, nil
}

func (s *server) first() *socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sockets[0]
}

func (k *socket) Read(ctx context.Context) ([]byte, error) {
	select {
	case b := <-k.out:
		return b, nil
	case <-k.closed:
		return nil, io.EOF
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (k *socket) Write(_ context.Context, b []byte) error {
	req := new(api.DeliveryRequest)
	if err := proto.Unmarshal(b, req); err != nil {
		return err
	}
	k.server.mu.Lock()
	answer := k.server.answer
	k.server.mu.Unlock()
	answer(k, req)
	return nil
}

func (k *socket) Close() error {
	k.once.Do(func() { close(k.closed) })
	return nil
}

// send gives the client a frame.
func (k *socket) send(f *api.DeliveryFrame) {
	b, err := proto.Marshal(f)
	if err != nil {
		panic(err)
	}
	k.out <- b
}

// polite answers every request.
func polite(k *socket, req *api.DeliveryRequest) {
	k.send(&api.DeliveryFrame{Request: req.GetRequest(), Body: &api.DeliveryFrame_Done{Done: &api.Done{}}})
}

func alive() *api.DeliveryRequest {
	return &api.DeliveryRequest{Body: &api.DeliveryRequest_Alive{Alive: &api.Alive{}}}
}

// run lets a Courier run until the test ends.
func run(t *testing.T, s *server, cfg courier.Config) (c *courier.Courier, ended <-chan error) {
	t.Helper()
	cfg.Dial, cfg.Token = s.dial, func(context.Context) (string, error) { return "token", nil }
	cfg.Jitter = func() float64 { return 0.5 }
	c = courier.New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() { cancel(); synctest.Wait() })
	return c, done
}

// TestCalls sends requests and takes news in order.
func TestCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: polite}
		var mu sync.Mutex
		var got []uint64
		c, _ := run(t, s, courier.Config{OnNews: func(f *api.DeliveryFrame) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, f.GetInboxItem().GetSeq())
		}})
		synctest.Wait()
		for range 3 {
			if f, err := c.Call(t.Context(), alive()); err != nil || f.GetDone() == nil {
				t.Fatal(f, err)
			}
		}
		for seq := range uint64(20) {
			s.first().send(&api.DeliveryFrame{Body: &api.DeliveryFrame_InboxItem{InboxItem: &api.InboxItem{Seq: seq}}})
		}
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(got) != 20 || !slices.IsSorted(got) {
			t.Errorf("news: %v", got)
		}
	})
}

// TestReconnect breaks connections: calls fail at once, tries become rarer, and Wake
// makes one now.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: polite}
		c, _ := run(t, s, courier.Config{})
		synctest.Wait()
		s.mu.Lock()
		s.down = true
		s.answer = func(*socket, *api.DeliveryRequest) {} // no reply any more
		s.mu.Unlock()
		failed := make(chan error, 1)
		go func() {
			_, err := c.Call(t.Context(), alive())
			failed <- err
		}()
		synctest.Wait()
		_ = s.first().Close()
		if err := <-failed; !errors.Is(err, courier.ErrOffline) {
			t.Errorf("a call when the connection broke: %v", err)
		}
		if _, err := c.Call(t.Context(), alive()); !errors.Is(err, courier.ErrOffline) {
			t.Errorf("a call without a connection: %v", err)
		}
		for range 9 {
			<-time.After(15 * time.Second) // of the bubble's clock
		}
		s.mu.Lock()
		n := len(s.dials)
		first, last := s.dials[2].Sub(s.dials[1]), s.dials[n-1].Sub(s.dials[n-2])
		s.down, s.answer = false, polite
		s.mu.Unlock()
		if first >= last || last > 30*time.Second {
			t.Errorf("waits from %v to %v", first, last)
		}
		c.Wake()
		synctest.Wait()
		if _, err := c.Call(t.Context(), alive()); err != nil {
			t.Errorf("after Wake: %v", err)
		}
	})
}

// TestHalfOpen notices a server that is silent.
func TestHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: polite}
		run(t, s, courier.Config{})
		synctest.Wait()
		s.mu.Lock()
		s.answer = func(*socket, *api.DeliveryRequest) {}
		s.mu.Unlock()
		<-s.first().closed // the test ends when this never happens: all wait
	})
}

// TestFinal ends for good when the server says that it is no use.
func TestFinal(t *testing.T) {
	for _, code := range []api.RefusalCode{
		api.RefusalCode_REFUSAL_CODE_NO_SESSION, api.RefusalCode_REFUSAL_CODE_NOT_BOUND, api.RefusalCode_REFUSAL_CODE_PROTOCOL,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{answer: func(k *socket, req *api.DeliveryRequest) {
				k.send(&api.DeliveryFrame{Request: req.GetRequest(), Body: &api.DeliveryFrame_Refusal{Refusal: &api.Refusal{Code: code}}})
			}}
			_, ended := run(t, s, courier.Config{})
			var refused *courier.RefusalError
			if err := <-ended; !errors.As(err, &refused) || refused.Code != code {
				t.Errorf("%v: %v", code, err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.dials) != 1 {
				t.Errorf("%d tries", len(s.dials))
			}
		})
	}
}

// TestJunk drops a connection on which nonsense comes.
func TestJunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: polite}
		run(t, s, courier.Config{})
		synctest.Wait()
		s.first().out <- []byte{0xff, 0xff}
		<-s.first().closed
		<-time.After(2 * time.Second) // of the bubble's clock
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.sockets) != 2 {
			t.Errorf("%d connections", len(s.sockets))
		}
	})
}
