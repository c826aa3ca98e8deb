//go:build linux

// Command limit measures the least that a forwarding server can spend on a packet:
// it seals each for each receiver (AES-128-GCM) and sends a batch with one sendmmsg
// of messages that UDP_SEGMENT cuts, and does nothing else. See README.md.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// A result is one window. It is written as a line of JSON.
type result struct {
	Pattern       string  `json:"pattern"`
	Receivers     int     `json:"receivers"`
	Microseconds  float64 `json:"us_per_packet"` // CPU of this process, user and system
	Packets       int     `json:"packets"`       // sent
	Received      int     `json:"received"`      // read by the sink in the window, and late ones of the one before
	Calls         int     `json:"calls"`         // of sendmmsg
	WindowSeconds float64 `json:"window_seconds"`
}

// frames is how many frames the publisher of the standard work sends a second.
const frames = 26

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("limit", flag.ContinueOnError)
	flags.SetOutput(stderr)
	name := flags.String("pattern", "burst10", "burst10 or burst20: that many packets at once, 26 times a second; spaced: 260 a second, evenly")
	receivers := flags.Int("receivers", 100, "how many receivers each packet goes to")
	window := flags.Duration("window", 5*time.Second, "length of a window")
	windows := flags.Int("windows", 1, "how many windows; each is a line of JSON")
	warmUp := flags.Duration("warm-up", time.Second, "time before the first window")
	asSink := flags.Bool("sink", false, "for itself: be the receivers")
	if flags.Parse(args) != nil {
		return 2
	}
	if *asSink {
		return report(stderr, sink(*receivers, stdin, stdout))
	}
	p, ok := patterns[*name]
	if !ok || *receivers < 1 || *receivers > maxReceivers {
		_, _ = fmt.Fprintf(stderr, "limit: there is no pattern %q, or the receivers are not 1 to %d\n", *name, maxReceivers)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return report(stderr, measure(ctx, *name, p, *receivers, *warmUp, *window, *windows, stdout))
}

// report says what went wrong, if anything did, and returns the exit status.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintln(stderr, "limit:", err)
	return 1
}

// A pattern is how many packets are sent at once, and how often.
type pattern struct {
	packets int
	every   time.Duration
}

var patterns = map[string]pattern{
	"burst10": {10, time.Second / frames},
	"burst20": {20, time.Second / frames},
	"spaced":  {1, time.Second / frames / 10},
}

// measure starts the sink, sends, and writes the result of each window.
func measure(ctx context.Context, name string, p pattern, receivers int, warmUp, window time.Duration, windows int, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	receiving, err := startSink(ctx, receivers)
	if err != nil {
		return fmt.Errorf("starting the sink: %w", err)
	}
	defer receiving.stop()
	s, err := newSender(receiving.ports, p.packets)
	if err != nil {
		return err
	}
	defer s.close()
	ticker := time.NewTicker(p.every)
	defer ticker.Stop()
	if err := s.play(ctx, ticker.C, warmUp); err != nil {
		return err
	}
	if s.before, err = receiving.count(); err != nil {
		return err
	}
	lines := json.NewEncoder(out)
	for range windows {
		packets, calls, before, began := s.packets, s.calls, used(), time.Now()
		if err := s.play(ctx, ticker.C, window); err != nil {
			return err
		}
		cpu, lasted := used()-before, time.Since(began)
		received, err := receiving.count()
		if err != nil {
			return err
		}
		sent := s.packets - packets
		if sent == 0 {
			return fmt.Errorf("nothing was sent in %v: take a longer window", window)
		}
		if err := lines.Encode(result{
			Pattern: name, Receivers: receivers, Packets: sent, Received: received - s.before, Calls: s.calls - calls,
			Microseconds:  float64(cpu) / float64(time.Microsecond) / float64(sent),
			WindowSeconds: lasted.Seconds(),
		}); err != nil {
			return err
		}
		s.before = received
	}
	return nil
}

// used returns the CPU time that this process has used, user and system.
func used() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic("limit: internal error: getrusage: " + err.Error())
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// join writes numbers with spaces between them.
func join(all []int) string {
	text := make([]string, len(all))
	for i, n := range all {
		text[i] = strconv.Itoa(n)
	}
	return strings.Join(text, " ")
}
