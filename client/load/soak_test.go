//go:build soak

package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"conclave/internal/testkit"
)

// What a server may grow by between two times when it carries the same: memory by
// a tenth, goroutines and files by a few, for subscribers that are on their way in
// or out.
const (
	soakMemory = 1.10
	soakOthers = 1.05
	soakSlack  = 40 // goroutines or files
)

// TestSoak fills a meeting with 100 subscribers on mixed links, of whom one a
// second leaves, every other one without a word, and is replaced, while others
// change what they show. The server must not grow. CONCLAVE_SOAK is how long it
// takes; 30m. The first sixth of it is not looked at.
func TestSoak(t *testing.T) {
	length := 30 * time.Minute
	if v := os.Getenv("CONCLAVE_SOAK"); v != "" {
		var err error
		if length, err = time.ParseDuration(v); err != nil {
			t.Fatalf("CONCLAVE_SOAK: %v; write 30m", err)
		}
	}
	layers, err := ParseLayers("L3T3_KEY")
	if err != nil {
		t.Fatal(err)
	}
	const windows = 60
	cfg := Config{
		Server: serveAlone(t), Publishers: 2, Subscribers: 100, Audio: true,
		Stream: Stream{Layers: layers, Rate: 800_000},
		Links: []Link{
			{},
			{Loss: 0.05},
			{Rate: 1_500_000, Delay: 50 * time.Millisecond},
			{Rate: 3_000_000, Jitter: 30 * time.Millisecond},
			{Rate: 400_000},
			{Loss: 0.2, Delay: 100 * time.Millisecond},
		},
		Churn: 1, For: length, Windows: windows,
		OnWindow: func(w Window) {
			t.Logf("%d subscribers, %.0f packets/s, %.2f %% lost, %.0f MB, heap %.0f MB, %.0f goroutines, %.0f files",
				w.Subscribers, w.ForwardedPPS, 100*w.LostShare, *w.Resident/1e6, *w.Heap/1e6, *w.Goroutines, *w.Files)
		},
	}
	result, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if result.Failed > 0 {
		t.Errorf("%d subscribers were cut off", result.Failed)
	}
	early, late := result.Windows[windows/6:windows/3], result.Windows[windows-windows/6:]
	for _, c := range []struct {
		what  string
		of    func(Window) float64
		bound float64 // times what it was early, and slack added
		slack float64
	}{
		{"resident memory", func(w Window) float64 { return *w.Resident }, soakMemory, 0},
		{"heap", func(w Window) float64 { return *w.Heap }, soakMemory, 0},
		{"goroutines", func(w Window) float64 { return *w.Goroutines }, soakOthers, soakSlack},
		{"open files", func(w Window) float64 { return *w.Files }, soakOthers, soakSlack},
	} {
		a, b := least(early, c.of), least(late, c.of)
		t.Logf("%s: %.0f, then %.0f (%+.1f %%)", c.what, a, b, 100*(b/a-1))
		if b > a*c.bound+c.slack {
			t.Errorf("%s grew from %.0f to %.0f", c.what, a, b)
		}
	}
}

// least returns the least value of a figure: of memory, what it is when the
// collector has just run.
func least(windows []Window, of func(Window) float64) float64 {
	v := of(windows[0])
	for _, w := range windows {
		v = min(v, of(w))
	}
	return v
}

// serveAlone runs a server in a process of its own, whose memory and files are
// its own, until the test ends, and returns its address.
func serveAlone(t *testing.T) string {
	t.Helper()
	program := filepath.Join(testkit.Root(t), "bin", "conclave")
	if _, err := os.Stat(program); err != nil {
		testkit.Missing(t, "bin/conclave is not here; run make build")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "serve", "--listen", "127.0.0.1:0", "--media-listen", "127.0.0.1:0",
		"--max-participants", "300", "--data", t.TempDir(), "--json")
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was interrupted
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(line, &said); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", line, err))
	}
	return said.URL
}
