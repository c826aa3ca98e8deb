package load

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"conclave/core/session"
	"conclave/server"
)

// startServer runs a server on loopback until the test ends.
func startServer(t *testing.T, limit int) *server.Server {
	t.Helper()
	s, err := server.Listen(server.Config{Listen: "127.0.0.1:0", MediaListen: "127.0.0.1:0", MaxParticipants: limit})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	return s
}

// short is a measurement that takes no longer than it must.
func short(s *server.Server) Config {
	l, err := ParseLayers("L3T3_KEY")
	if err != nil {
		panic("load: internal error: " + err.Error())
	}
	return Config{
		Server: s.URL(), Publishers: 1, Subscribers: 3, Stream: Stream{Layers: l},
		Lead: time.Millisecond, JoinEvery: time.Millisecond, WarmUp: time.Millisecond, For: time.Second, Windows: 2,
	}
}

func TestRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	cfg := short(startServer(t, 0))
	cfg.Publishers, cfg.Audio = 2, true
	windows := 0
	cfg.OnWindow = func(Window) { windows++ }
	r, err := Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Subscribers != 3 || r.Publishers != 2 || len(r.Windows) != 2 || windows != 2 || r.ForwardedPPS <= 0 || r.Failed != 0 {
		t.Errorf("result %+v", r)
	}
	if r.ServerCPUPerPacket == nil || r.ServerRSSPerSubscriber == nil || r.Windows[0].Goroutines == nil {
		t.Error("CPU and memory are not measured")
	}
	if r.Latency.P50 <= 0 || r.Latency.P99 < r.Latency.P50 {
		t.Errorf("latency %+v", r.Latency)
	}
}

// TestChurn lets subscribers leave and others come.
func TestChurn(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	cfg := short(startServer(t, 0))
	cfg.Churn = 10
	cfg.Links = []Link{{}, {Loss: 0.05}}
	r, err := Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed != 0 || r.ForwardedPPS <= 0 {
		t.Errorf("result %+v", r)
	}
}

func TestFullMeeting(t *testing.T) {
	_, err := Run(t.Context(), short(startServer(t, 2)))
	if refused := new(RefusedError); !errors.As(err, &refused) || refused.Limit != 2 || !errors.Is(err, ErrRefused) {
		t.Errorf("Run() = %v, want that the meeting is full", err)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg := short(startServer(t, 0))
	cfg.For, cfg.Windows = time.Hour, 3600*4
	cfg.OnWindow = func(Window) { cancel() }
	r, err := Run(ctx, cfg)
	if !errors.Is(err, context.Canceled) || len(r.Windows) == 0 {
		t.Errorf("Run() = %d windows, %v", len(r.Windows), err)
	}
}

func TestRunErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	link, err := session.GenerateLink(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		cfg  Config
		want error
	}{
		{"nothing", Config{}, ErrConfig},
		{"no link", Config{Link: "http://localhost/m/x"}, session.ErrLinkIncomplete},
		{"no server", Config{Server: nobody}, ErrUnreachable},
		{"no server at the link", Config{Link: link.URL(nobody)}, ErrUnreachable},
		{"no metrics", Config{Server: nobody, Metrics: nobody + "/metrics"}, ErrMetrics},
		{"too many publishers", Config{Server: nobody, Publishers: 1000}, ErrConfig},
		{"short windows", Config{Server: nobody, For: time.Second, Windows: 100}, ErrConfig},
		{"stream", Config{Server: nobody, Stream: Stream{Size: 1}}, ErrStream},
		{"link profile", Config{Server: nobody, Links: []Link{{Loss: 2}}}, ErrConfig},
		{"churn", Config{Server: nobody, Churn: -1}, ErrConfig},
	} {
		if _, err := Run(t.Context(), c.cfg); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestUntrustedServer(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	defer s.Close()
	if _, err := Run(t.Context(), Config{Server: s.URL}); !errors.Is(err, ErrUntrusted) {
		t.Errorf("Run() = %v, want ErrUntrusted", err)
	}
}

func TestMetrics(t *testing.T) {
	for _, c := range []struct {
		name, page string
		status     int
		want       error
	}{
		{"usual", "# HELP x\nprocess_cpu_seconds_total 12.5\nother{a=\"b\"} 3\nprocess_resident_memory_bytes 1.5e+07\n", 200, nil},
		{"without the processor", "go_goroutines 7\n", 200, ErrMetrics},
		{"error", "process_cpu_seconds_total 12.5\n", 500, ErrMetrics},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.page))
		}))
		m, err := readMetrics(t.Context(), s.Client(), s.URL)
		if !errors.Is(err, c.want) || c.want == nil && (m[metricCPU] != 12.5 || m[metricResident] != 15_000_000) {
			t.Errorf("%s: %v, %v", c.name, m, err)
		}
		s.Close()
	}
}
