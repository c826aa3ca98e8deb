// Command fanout measures what a forwarded packet costs: Conclave, a plain
// pion/webrtc fan-out, Janus and the limit of the machine, one after the other in
// turns, on loopback. See README.md for the method.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"conclave/client/load"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// options are what the command line says.
type options struct {
	servers     []string
	patterns    []load.Pattern
	subscribers int
	rounds      int
	windows     int
	window      time.Duration
	warmUp      time.Duration
	layered     bool
	bin         string // folder of the programs
	json        string // file; empty: none
	isolated    bool   // already in a network of its own
}

func run(args []string, stdout, stderr io.Writer) int {
	o, err := readOptions(args, stderr)
	if err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if !o.isolated {
		// The network that follows reaches no package server.
		if slices.Contains(o.servers, "janus") {
			if err := installJanus(ctx, stderr); err != nil {
				_, _ = fmt.Fprintln(stderr, "fanout: without Janus:", err)
			}
		}
		code, done, err := isolate(ctx, args, stdout, stderr)
		if err != nil {
			_, _ = fmt.Fprintln(stderr, "fanout: in the network of the machine, without Janus:", err)
		}
		if done {
			return code
		}
	}
	if err := bench(ctx, o, stdout, stderr); err != nil {
		_, _ = fmt.Fprintln(stderr, "fanout:", err)
		return 1
	}
	return 0
}

func readOptions(args []string, stderr io.Writer) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("fanout", flag.ContinueOnError)
	flags.SetOutput(stderr)
	servers := flags.String("servers", "conclave,pion,janus,limit", "what to measure, in turns")
	patterns := flags.String("patterns", "burst10,burst20,spaced", "how packets leave the publisher")
	flags.IntVar(&o.subscribers, "subscribers", 100, "receivers of the one publisher")
	flags.IntVar(&o.rounds, "rounds", 2, "times that each is measured, by a fresh process")
	flags.IntVar(&o.windows, "windows", 3, "windows of each run")
	flags.DurationVar(&o.window, "window", 5*time.Second, "length of a window")
	flags.DurationVar(&o.warmUp, "warm-up", 3*time.Second, "time from when all receive to the first window")
	flags.BoolVar(&o.layered, "layered", true, "measure Conclave with 10 publishers of 9 layers and 10 receivers too")
	flags.StringVar(&o.bin, "bin", "bin", "folder of the programs conclave, pionfan and limit")
	flags.StringVar(&o.json, "json", "", "file for all windows, as JSON")
	flags.BoolVar(&o.isolated, "isolated", false, "for itself: it runs in a network of its own")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	o.servers = strings.Split(*servers, ",")
	for _, s := range o.servers {
		if targets[s] == nil {
			_, _ = fmt.Fprintf(stderr, "fanout: no server %q\n", s)
			return nil, errors.New("no such server")
		}
	}
	for name := range strings.SplitSeq(*patterns, ",") {
		p, err := load.ParsePattern(name)
		if err != nil {
			_, _ = fmt.Fprintln(stderr, "fanout:", err)
			return nil, err
		}
		o.patterns = append(o.patterns, p)
	}
	return o, nil
}

// bench runs everything and writes the tables to stdout. An interrupt ends it
// with what there is.
func bench(ctx context.Context, o *options, stdout, stderr io.Writer) error {
	r := &report{Machine: describeMachine()}
	for _, work := range o.works() {
		for round := range o.rounds {
			for _, name := range o.order(work, round) {
				if ctx.Err() != nil {
					break
				}
				m := measurement{Server: name, Work: work.Name, Round: round + 1, Load: loadAverage()}
				err := targets[name](ctx, o, work, &m)
				switch {
				case errors.Is(err, errMissing):
					m.Skipped = err.Error()
				case err != nil:
					m.Failed = err.Error()
				}
				_, _ = fmt.Fprintln(stderr, m.line())
				r.Measurements = append(r.Measurements, m)
			}
		}
	}
	r.write(stdout)
	if o.json != "" {
		b, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(b, '\n'), 0o600); err != nil { //nolint:gosec // whoever runs this says where
			return err
		}
	}
	return context.Cause(ctx)
}

// A work is what servers are given to do.
type work struct {
	Name        string
	Stream      load.Stream
	Publishers  int
	Subscribers int
	Links       []load.Link
	Limit       bool // it is the load of the table, which all can do
}

// works returns what is measured: each pattern with one publisher, and Conclave's
// own cases.
func (o *options) works() []work {
	var all []work
	for _, p := range o.patterns {
		all = append(all, work{
			Name: p.String(), Stream: load.Stream{Codec: load.VP8, Pattern: p},
			Publishers: 1, Subscribers: o.subscribers, Limit: true,
		})
	}
	if o.layered {
		all = append(all, layeredWorks()...)
	}
	return all
}

// order returns the servers of one round, each second round the other way round.
func (o *options) order(w work, round int) []string {
	if !w.Limit {
		return []string{"conclave"}
	}
	names := slices.Clone(o.servers)
	if round%2 == 1 {
		slices.Reverse(names)
	}
	return names
}

// layeredWorks are ten publishers and ten receivers: of one layer, of nine, and of
// nine over links that do not carry them all.
func layeredWorks() []work {
	// A camera's usual rate. All of them together stay below what the server's
	// estimate goes up to.
	const rate = 1_500_000
	plain := load.Stream{Codec: load.VP9, Rate: rate}
	layers, err := load.ParseLayers("L3T3_KEY")
	if err != nil {
		panic("fanout: internal error: " + err.Error())
	}
	layered := load.Stream{Codec: load.VP9, Layers: layers, Rate: rate}
	const each = 10
	return []work{
		{Name: "10 publishers of 1 layer", Stream: plain, Publishers: each, Subscribers: each},
		{Name: "10 publishers of 9 layers", Stream: layered, Publishers: each, Subscribers: each},
		{Name: "10 publishers of 9 layers, mixed links", Stream: layered, Publishers: each, Subscribers: each, Links: []load.Link{
			{}, {}, {Rate: 20_000_000}, {Rate: 10_000_000}, {Rate: 5_000_000},
		}},
	}
}
