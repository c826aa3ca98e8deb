package conn

import (
	"context"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"conclave/client/meeting"
	"conclave/core/session"
	"conclave/httpapi"
	"conclave/room"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startServer runs the project's own server of meetings and returns a link to it.
func startServer(t *testing.T, secure bool) (*httptest.Server, string) {
	t.Helper()
	meetings, err := room.NewRegistry(room.Config{Grace: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	api, err := httpapi.New(httpapi.Config{
		Meetings: meetings,
		Web:      fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")}},
		Log:      slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(api)
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	link, err := session.GenerateLink(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return server, link.URL(server.URL)
}

// A listener collects the events of a Conn until it is closed.
type listener struct {
	*Conn
	t *testing.T
}

func dialTest(t *testing.T, link string, cfg Config) *listener {
	t.Helper()
	c, err := Dial(context.Background(), link, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &listener{c, t}
}

// await returns the first event of type T that fits.
func await[T meeting.Output](l *listener, fits func(T) bool) T {
	l.t.Helper()
	for o := range l.Events() {
		if v, ok := o.(T); ok && fits(v) {
			return v
		}
		if f, ok := o.(meeting.Failed); ok {
			l.t.Fatalf("failed: %v", f.Code)
		}
	}
	l.t.Fatalf("ended without the event: %v", l.Err())
	panic("unreachable")
}

func members(n int) func(meeting.Roster) bool {
	return func(r meeting.Roster) bool { return len(r.Members) == n }
}

func TestMeet(t *testing.T) {
	_, link := startServer(t, false)
	ada := dialTest(t, link, Config{Name: "Ada", Create: true})
	await(ada, members(1))
	lin := dialTest(t, link, Config{Name: "Lin"})
	await(lin, members(2))
	await(ada, members(2))
	if _, err := lin.SendChat("hello"); err != nil {
		t.Fatal(err)
	}
	got := await(ada, func(meeting.Chat) bool { return true })
	if got.Name != "Lin" || got.Text != "hello" {
		t.Errorf("got %+v", got)
	}
	from, to, err := lin.Lease(1, 100)
	if err != nil || from != 0 || to != 100 {
		t.Errorf("Lease = %d, %d, %v", from, to, err)
	}
	if err := lin.Close(); err != nil {
		t.Fatal(err)
	}
	await(ada, members(1))
	if err := lin.SetState(meeting.State{}); !errors.Is(err, ErrClosed) {
		t.Errorf("SetState after Close = %v, want ErrClosed", err)
	}
	if lin.Err() != nil {
		t.Errorf("Err = %v", lin.Err())
	}
}

// cuttable is a proxy whose connections can be cut.
type cuttable struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
	wg    sync.WaitGroup
}

func newProxy(t *testing.T, target string) *cuttable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &cuttable{Listener: l}
	p.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, in, out)
			p.mu.Unlock()
			p.wg.Go(func() { io.Copy(out, in); out.Close() })
			p.wg.Go(func() { io.Copy(in, out); in.Close() })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *cuttable) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func TestReconnect(t *testing.T) {
	server, link := startServer(t, false)
	host := strings.TrimPrefix(server.URL, "http://")
	proxy := newProxy(t, host)
	ada := dialTest(t, link, Config{Name: "Ada", Create: true})
	await(ada, members(1))
	lin := dialTest(t, strings.Replace(link, host, proxy.Addr().String(), 1), Config{Name: "Lin"})
	await(lin, members(2))
	proxy.cut()
	await(lin, func(meeting.Reconnecting) bool { return true })
	if _, err := lin.SendChat("typed while away"); err != nil {
		t.Fatal(err)
	}
	j := await(lin, func(meeting.Joined) bool { return true })
	if !j.Resumed {
		t.Error("the seat was not taken back")
	}
	if got := await(ada, func(meeting.Chat) bool { return true }); got.Text != "typed while away" {
		t.Errorf("got %q", got.Text)
	}
}

func TestTLS(t *testing.T) {
	server, link := startServer(t, true)
	file := filepath.Join(t.TempDir(), "root.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	roots, err := LoadRoots(file)
	if err != nil {
		t.Fatal(err)
	}
	ada := dialTest(t, link, Config{Name: "Ada", Create: true, Roots: roots})
	await(ada, members(1))
	if _, err := LoadRoots(os.DevNull); !errors.Is(err, ErrRoots) {
		t.Errorf("LoadRoots of an empty file = %v, want ErrRoots", err)
	}
}

// A server whose certificate is not trusted is never spoken to.
func TestUntrusted(t *testing.T) {
	var reached sync.Once
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		reached.Do(func() { t.Error("a request reached a server that is not trusted") })
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	link, err := session.GenerateLink(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c, err := Dial(ctx, link.URL(server.URL), Config{Name: "Ada", Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SendChat("never sent"); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-c.Done()
	if !errors.Is(c.Err(), context.Canceled) {
		t.Errorf("Err = %v, want canceled", c.Err())
	}
}

func TestAddress(t *testing.T) {
	for _, c := range []struct {
		link, want string
		err        error
	}{
		{"https://meet.example/m/abc#x", "wss://meet.example/api/v1/connect", nil},
		{"https://meet.example:8443/conclave/m/abc?x#x", "wss://meet.example:8443/conclave/api/v1/connect", nil},
		{"http://localhost:8080/m/abc#x", "ws://localhost:8080/api/v1/connect", nil},
		{"http://127.0.0.1:8080/m/abc#x", "ws://127.0.0.1:8080/api/v1/connect", nil},
		{"http://[::1]/m/abc#x", "ws://[::1]/api/v1/connect", nil},
		{"http://meet.example/m/abc#x", "", ErrPlain},
		{"http://localhost.example/m/abc#x", "", ErrPlain},
		{"ftp://meet.example/m/abc#x", "", meeting.ErrLink},
		{"https://user:pass@meet.example/m/abc#x", "", meeting.ErrLink},
		{"nonsense", "", meeting.ErrLink},
	} {
		got, err := address(c.link)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("address(%q) = %q, %v, want %q, %v", c.link, got, err, c.want, c.err)
		}
	}
}

// Who does not read events is cut off and told so.
func TestSlow(t *testing.T) {
	_, link := startServer(t, false)
	ada, err := dial(context.Background(), link, Config{Name: "Ada", Create: true}, 8)
	if err != nil {
		t.Fatal(err)
	}
	for !errors.Is(err, ErrClosed) {
		_, err = ada.SendChat("again")
	}
	if !errors.Is(ada.Err(), ErrSlow) {
		t.Errorf("Err = %v, want ErrSlow", ada.Err())
	}
}
