package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A windowed is what was measured in one window.
type windowed struct {
	Seconds   float64 `json:"seconds"`
	Sent      int64   `json:"sent"`      // packets, times receivers
	Forwarded int64   `json:"forwarded"` // packets that all receivers got
	Lost      int64   `json:"lost"`
	P50       float64 `json:"latency_p50_ms"`
	P99       float64 `json:"latency_p99_ms"`
	CPU       float64 `json:"cpu_seconds"` // of the server's process
	PerPacket float64 `json:"cpu_us_per_packet"`
}

// A measurement is one run of one server's process.
type measurement struct {
	Server     string     `json:"server"`
	Work       string     `json:"work"`
	Round      int        `json:"round"`
	Load       float64    `json:"load_average"` // of the machine when it began
	MemoryEach float64    `json:"memory_per_receiver"`
	Windows    []windowed `json:"windows"`
	Skipped    string     `json:"skipped,omitempty"`
	Failed     string     `json:"failed,omitempty"`
}

func (m *measurement) add(w windowed) {
	if w.Forwarded > 0 {
		w.PerPacket = w.CPU * 1e6 / float64(w.Forwarded)
	}
	m.Windows = append(m.Windows, w)
}

// line says in a line how the run went.
func (m *measurement) line() string {
	s := fmt.Sprintf("%-10s %-8s round %d, load %.1f:", m.Work, m.Server, m.Round, m.Load)
	switch {
	case m.Skipped != "":
		return s + " SKIP: " + m.Skipped
	case m.Failed != "":
		return s + " FAIL: " + m.Failed
	}
	for _, w := range m.Windows {
		s += fmt.Sprintf(" %.2f", w.PerPacket)
	}
	last := m.Windows[len(m.Windows)-1]
	return s + fmt.Sprintf(" µs, p50 %.1f, p99 %.1f ms, %.0f/s, %d lost, %.0f KB each",
		last.P50, last.P99, float64(last.Forwarded)/last.Seconds, last.Lost, m.MemoryEach/1000)
}

// mostMissing is the share of packets that may be missing in a window that counts.
const mostMissing = 0.01

// isVoid reports whether a window with the given ideal does not count, for a
// server that drops packets has less to do.
func (w windowed) isVoid() bool {
	return float64(w.Forwarded) < (1-mostMissing)*float64(w.Sent) || float64(w.Lost) > mostMissing*float64(w.Forwarded)
}

// A report is everything that was measured.
type report struct {
	Machine      string        `json:"machine"`
	Measurements []measurement `json:"measurements"`
}

// A figure is what all windows of one server at one work say.
type figure struct {
	server   string
	windows  int
	void     int
	cost     spread // µs a packet
	p50, p99 spread // ms
	rate     spread // packets a second
	memory   spread // bytes a receiver
	lost     int64
	note     string
}

// A spread is a median with the least and the most.
type spread struct{ median, least, most float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	slices.Sort(values)
	n := len(values)
	return spread{(values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1]}
}

func (s spread) format(verb string) string {
	if s == (spread{}) {
		return "–"
	}
	return fmt.Sprintf(verb+" ("+verb+"–"+verb+")", s.median, s.least, s.most)
}

// figures sums up one work, server by server in the order of their first run.
func (r *report) figures(work string) []figure {
	var servers []string
	for _, m := range r.Measurements {
		if m.Work == work && !slices.Contains(servers, m.Server) {
			servers = append(servers, m.Server)
		}
	}
	var all []figure
	for _, s := range servers {
		all = append(all, r.figure(work, s))
	}
	return all
}

func (r *report) figure(work, server string) figure {
	f := figure{server: server}
	var cost, p50, p99, rate, memory []float64
	for _, m := range r.Measurements {
		if m.Work != work || m.Server != server {
			continue
		}
		if m.Skipped != "" || m.Failed != "" {
			f.note = m.Skipped + m.Failed
		}
		for _, w := range m.Windows {
			f.windows++
			f.lost += w.Lost
			if !strings.Contains(work, "layers") && w.isVoid() {
				f.void++
				continue
			}
			cost, rate = append(cost, w.PerPacket), append(rate, float64(w.Forwarded)/w.Seconds)
			p50, p99 = append(p50, w.P50), append(p99, w.P99)
		}
		if m.MemoryEach != 0 {
			memory = append(memory, m.MemoryEach)
		}
	}
	f.cost, f.p50, f.p99, f.rate, f.memory = spreadOf(cost), spreadOf(p50), spreadOf(p99), spreadOf(rate), spreadOf(memory)
	return f
}

// write writes the tables in Markdown.
func (r *report) write(out io.Writer) {
	var works []string
	for _, m := range r.Measurements {
		if !slices.Contains(works, m.Work) {
			works = append(works, m.Work)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s. Loopback. Median of all windows (least–most).\n", r.Machine)
	for _, work := range works {
		figures := r.figures(work)
		fmt.Fprintf(&b, "\n%s:\n\n| | CPU of the server, µs a forwarded packet | × limit | Conclave is cheaper by | packets/s | latency p50 ms | p99 ms | memory a receiver | lost | windows |\n", work)
		b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
		limit, own := costOf(figures, "limit"), costOf(figures, "conclave")
		for _, f := range figures {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %.0f | %s | %s | %s | %d | %s |\n", f.server, f.cost.format("%.2f"),
				ratio(f.cost.median, limit), ratio(f.cost.median, own), f.rate.median, f.p50.format("%.1f"), f.p99.format("%.1f"),
				kilobytes(f.memory.median), f.lost, f.count())
		}
	}
	_, _ = io.WriteString(out, b.String()) // standard output has gone: nobody reads it
}

// count says how many windows there are, and how many of them are void.
func (f figure) count() string {
	s := fmt.Sprint(f.windows)
	if f.void > 0 {
		s += fmt.Sprintf(", %d void", f.void)
	}
	if f.note != "" {
		s += ", " + f.note
	}
	return s
}

func costOf(all []figure, server string) float64 {
	for _, f := range all {
		if f.server == server {
			return f.cost.median
		}
	}
	return 0
}

func ratio(a, b float64) string {
	if a == 0 || b == 0 || a == b {
		return "–"
	}
	return fmt.Sprintf("%.1f", a/b)
}

func kilobytes(bytes float64) string {
	if bytes <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f KB", bytes/1000)
}
