package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"conclave/internal/netem"
	"conclave/internal/netem/link"
	"conclave/internal/testkit"
)

func TestRateFlag(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want rate
	}{{"0", 0}, {"300kbit", 300_000}, {"2mbit", 2_000_000}, {"2.5Mbit", 2_500_000}, {"1gbit", 1e9}, {"64000", 64_000}, {"9bit", 9}} {
		var r rate
		if err := r.Set(tt.in); err != nil || r != tt.want {
			t.Errorf("Set(%q) = %d, %v, want %d", tt.in, r, err, tt.want)
		}
	}
	for _, in := range []string{"", "kbit", "-1", "NaN", "1e99", "3 mbit", "2mbps"} {
		var r rate
		if err := r.Set(in); err == nil {
			t.Errorf("Set(%q) = %d, want an error", in, r)
		}
	}
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"run", "--name", "n1", "--subnet", "7", "--down", "300kbit", "--up", "2mbit", "--delay", "20ms", "--jitter", "5ms", "--queue", "9000", "--down-loss", "0.1", "--", "prog", "--flag"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := options{
		name: "n1", command: []string{"prog", "--flag"},
		config: netem.Config{
			Subnet: 7, Seed: 1,
			Down: link.Profile{Rate: 300_000, Queue: 9000, Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.1},
			Up:   link.Profile{Rate: 2_000_000, Queue: 9000, Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond},
		},
	}
	if diff := cmp.Diff(want, o, cmp.AllowUnexported(options{})); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
	for _, args := range [][]string{nil, {"walk"}, {"run"}, {"run", "--down", "fast", "--", "x"}, {"run", "--"}} {
		if _, err := parse(args, io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("parse(%q) = %v, want %v", args, err, errUsage)
		}
	}
}

// A fakePath keeps profiles.
type fakePath struct{ down, up link.Profile }

func (f *fakePath) Down() link.Profile { return f.down }
func (f *fakePath) Up() link.Profile   { return f.up }
func (f *fakePath) Stats() netem.Stats { return netem.Stats{Refused: 4} }

func (f *fakePath) SetDown(p link.Profile) error {
	if err := p.Validate(); err != nil {
		return err
	}
	f.down = p
	return nil
}

func (f *fakePath) SetUp(p link.Profile) error {
	f.up = p
	return nil
}

func TestControl(t *testing.T) {
	start := link.Profile{Rate: 1000, Queue: 5000, Delay: time.Millisecond}
	f := &fakePath{down: start, up: start}
	h := (&control{path: f, inside: "10.77.7.2", outside: "10.77.7.1"}).handler()
	ask := func(method, path, contentType, body string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	const jsonType = "application/json; charset=utf-8"
	for _, bad := range []struct {
		contentType, body string
		want              int
	}{
		{"text/plain", `{"down_bps":5}`, http.StatusUnsupportedMediaType},
		{jsonType, `{`, http.StatusBadRequest},
		{jsonType, `{"down":5}`, http.StatusBadRequest},
		{jsonType, `{"down_bps":-5}`, http.StatusBadRequest},
		{jsonType, `{"delay_ms":-1}`, http.StatusBadRequest},
		{jsonType, `{"delay_ms":1e300}`, http.StatusBadRequest},
		{jsonType, `{"up_loss":1.5,"down_bps":77}`, http.StatusBadRequest},
		{jsonType, `{"down_bps":` + strings.Repeat(" ", maxRequest) + `5}`, http.StatusBadRequest},
	} {
		if code, _ := ask("POST", "/profile", bad.contentType, bad.body); code != bad.want {
			t.Errorf("POST %.40q = %d, want %d", bad.body, code, bad.want)
		}
		if f.down != start || f.up != start {
			t.Fatalf("a refused request %q changed %+v, %+v", bad.body, f.down, f.up)
		}
	}
	code, body := ask("POST", "/profile", jsonType, `{"down_bps":300000,"delay_ms":25,"up_delay_ms":2.5,"down_loss":0.1,"jitter_ms":3,"queue_bytes":700}`)
	if code != http.StatusOK || !strings.Contains(body, `"inside":"10.77.7.2"`) || !strings.Contains(body, `"bps":300000`) {
		t.Errorf("POST = %d %s", code, body)
	}
	wantDown := link.Profile{Rate: 300_000, Queue: 700, Delay: 25 * time.Millisecond, Jitter: 3 * time.Millisecond, Loss: 0.1}
	wantUp := link.Profile{Rate: 1000, Queue: 700, Delay: 2500 * time.Microsecond, Jitter: 3 * time.Millisecond}
	if f.down != wantDown || f.up != wantUp {
		t.Errorf("profiles %+v and %+v, want %+v and %+v", f.down, f.up, wantDown, wantUp)
	}
	if code, body := ask("GET", "/stats", "", ""); code != http.StatusOK || !strings.Contains(body, `"Refused":4`) {
		t.Errorf("GET /stats = %d %s", code, body)
	}
}

// TestRun runs a program behind a path, and looks at what it is given.
func TestRun(t *testing.T) {
	probe, err := netem.New(netem.Config{})
	if errors.Is(err, netem.ErrUnsupported) {
		testkit.Missing(t, "no emulator here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := probe.Close(); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	script := fmt.Sprintf(`echo "$NETEM_INSIDE $NETEM_OUTSIDE $(cat /proc/net/dev | grep -c tun0)" >%s; exit 7`, out)
	code, err := run([]string{"run", "--control", "127.0.0.1:0", "--down", "1mbit", "--", "sh", "-c", script}, io.Discard)
	if err != nil || code != 7 {
		t.Fatalf("run = %d, %v, want the program's code 7", code, err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b))
	if len(fields) != 3 || !strings.HasPrefix(fields[0], "10.77.") || !strings.HasSuffix(fields[1], ".1") || fields[2] != "1" {
		t.Errorf("the program saw %q, want its addresses and the device tun0", b)
	}
	if code, err := run([]string{"run", "--control", "0.0.0.0:0", "--", "true"}, io.Discard); err == nil || code != exitNoRun {
		t.Errorf("run with a public control address = %d, %v, want an error", code, err)
	}
	if code, err := run([]string{"run", "--", "/no/such/program"}, io.Discard); err == nil || code != exitNoRun {
		t.Errorf("run of nothing = %d, %v, want an error", code, err)
	}
}
