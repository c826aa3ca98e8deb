package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/internal/testkit"
)

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{3, 1, 2}, spread{2, 1, 3}},
		{[]float64{4, 1, 3, 2}, spread{2.5, 1, 4}},
	} {
		if got := spreadOf(test.values); got != test.want {
			t.Errorf("spreadOf(%v) = %v, want %v", test.values, got, test.want)
		}
	}
}

// TestFigures checks that void windows do not count and that ratios are of
// medians.
func TestFigures(t *testing.T) {
	window := func(cpu float64, forwarded, lost int64) windowed {
		return windowed{Seconds: 1, Sent: 1000, Forwarded: forwarded, Lost: lost, CPU: cpu}
	}
	r := report{Machine: "a machine"}
	for _, m := range []struct {
		server  string
		windows []windowed
	}{
		{"conclave", []windowed{window(0.004, 1000, 0), window(0.005, 1000, 0), window(0.003, 1000, 0)}},
		{"janus", []windowed{window(0.030, 1000, 0), window(0.001, 500, 0), window(0.001, 1000, 20), window(0.032, 1000, 0), window(0.034, 1000, 0)}},
		{"limit", []windowed{window(0.002, 1000, 0)}},
	} {
		x := measurement{Server: m.server, Work: "burst10", MemoryEach: 100_000}
		for _, w := range m.windows {
			x.add(w)
		}
		r.Measurements = append(r.Measurements, x)
	}
	r.Measurements = append(r.Measurements, measurement{Server: "pion", Work: "burst10", Skipped: "not installed"})
	var b strings.Builder
	r.write(&b)
	for _, want := range []string{
		"| conclave | 4.00 (3.00–5.00) | 2.0 | – | 1000 |",
		"| janus | 32.00 (30.00–34.00) | 16.0 | 8.0 | 1000 |",
		"| 5, 2 void |", "100 KB", "not installed",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestOrderTurns(t *testing.T) {
	o, err := readOptions([]string{"-servers", "conclave,janus,limit"}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	w := o.works()[0]
	if got := strings.Join(o.order(w, 0), " ") + ", " + strings.Join(o.order(w, 1), " "); got != "conclave janus limit, limit janus conclave" {
		t.Errorf("order: %s", got)
	}
	for _, bad := range [][]string{{"-servers", "nobody"}, {"-patterns", "never"}, {"-nonsense"}} {
		var said strings.Builder
		if _, err := readOptions(bad, &said); err == nil || said.Len() == 0 {
			t.Errorf("readOptions(%q) = %v, said %q", bad, err, said.String())
		}
	}
}

func TestSince(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name string
		u, e usage
		want time.Duration
	}{
		{"finer", usage{CPU: 123456, Ticks: 0}, usage{}, 123456},
		{"a thread ended", usage{CPU: 100 * ms, Ticks: 500 * ms}, usage{CPU: 90 * ms, Ticks: 90 * ms}, 410 * ms},
	} {
		if got := test.u.since(test.e); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestProcess measures a process that does nothing but wait to be ended.
func TestProcess(t *testing.T) {
	if _, err := os.Stat("/proc/self/schedstat"); err != nil {
		testkit.Missing(t, "/proc, which only Linux has")
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	p, err := start(t.Context(), t.TempDir(), shell, "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo ready; read -r line; exec sleep 60")
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	if line, err := p.line(t.Context()); err != nil || line != "ready" {
		t.Fatalf("line = %q, %v", line, err)
	}
	u, err := p.usage()
	// How much that is, is the kernel's word: some sandboxes count next to nothing.
	if err != nil || u.CPU <= 0 || u.Resident <= 0 {
		t.Errorf("usage = %+v, %v", u, err)
	}
	if _, err := start(t.Context(), t.TempDir(), "no-such-program"); err == nil {
		t.Error("started what is not there")
	}
}

// TestResident reads memory as the kernel writes it.
func TestResident(t *testing.T) {
	name := filepath.Join(t.TempDir(), "smaps_rollup")
	for text, want := range map[string]int64{
		"00400000-7ffd6b5f4000 ---p 00000000 00:00 0    [rollup]\nRss:                1640 kB\nPss:                 211 kB\n": 1640 << 10,
		"Pss:   12 kB\n":   0,
		"Rss:   many kB\n": 0,
		"":                 0,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := resident(name); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
}
