package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"conclave/client/load"
)

// A target measures one server at one work.
type target func(ctx context.Context, o *options, w work, m *measurement) error

var targets = map[string]target{
	"conclave": measureConclave,
	"pion":     measurePion,
	"janus":    measureJanus,
	"limit":    measureLimit,
}

const spareSeats = 16 // of a meeting, for those who have not left yet

// measureConclave measures bin/conclave by client/load, with what the system says
// of its process in place of what it says itself.
func measureConclave(ctx context.Context, o *options, w work, m *measurement) error {
	dir, err := os.MkdirTemp("", "fanout")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays behind does no harm
	p, err := start(ctx, dir, filepath.Join(o.bin, "conclave"), "serve", "--listen", "127.0.0.1:0", "--data", dir,
		"--media-address", "127.0.0.1", "--max-participants", strconv.Itoa(w.Publishers+w.Subscribers+spareSeats), "--json")
	if err != nil {
		return err
	}
	defer p.stop()
	line, err := p.line(ctx)
	if err != nil {
		return err
	}
	var at struct{ URL string }
	if err := json.Unmarshal([]byte(line), &at); err != nil {
		return fmt.Errorf("conclave said %q", line)
	}
	meter, err := newMeter(ctx, p)
	if err != nil {
		return err
	}
	defer meter.close()
	result, err := load.Run(ctx, load.Config{
		Server: at.URL, Metrics: meter.address, Publishers: w.Publishers, Subscribers: w.Subscribers, Stream: w.Stream,
		Links: w.Links, JoinEvery: joinEvery, WarmUp: o.warmUp, For: time.Duration(o.windows) * o.window, Windows: o.windows,
	})
	if err != nil {
		return err
	}
	readings := meter.last(len(result.Windows) + 1)
	if readings == nil {
		return errors.New("the meter was not read")
	}
	for i, x := range result.Windows {
		m.add(windowed{
			Seconds:   x.Seconds,
			Sent:      int64(x.SentPPS*x.Seconds+0.5) * int64(w.Subscribers),
			Forwarded: int64(x.ForwardedPPS*x.Seconds + 0.5),
			Lost:      x.Lost,
			P50:       x.Latency.P50,
			P99:       x.Latency.P99,
			CPU:       readings[i+1].since(readings[i]).Seconds(),
		})
	}
	if result.ServerRSSPerSubscriber != nil {
		m.MemoryEach = *result.ServerRSSPerSubscriber
	}
	return nil
}

// A meter tells client/load what the system says of a process, in the form in
// which a server tells it, and remembers what it told.
type meter struct {
	address string
	server  *http.Server
	process *process

	mu       sync.Mutex
	readings []usage
}

func newMeter(ctx context.Context, p *process) (*meter, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &meter{address: "http://" + l.Addr().String(), process: p}
	m.server = &http.Server{Handler: http.HandlerFunc(m.tell), ReadHeaderTimeout: time.Minute}
	go func() { _ = m.server.Serve(l) }() // ends with close
	return m, nil
}

func (m *meter) tell(w http.ResponseWriter, _ *http.Request) {
	u, err := m.process.usage()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	m.mu.Lock()
	m.readings = append(m.readings, u)
	m.mu.Unlock()
	// Who reads this hears of a broken connection by itself.
	_, _ = fmt.Fprintf(w, "process_cpu_seconds_total %.6f\nprocess_resident_memory_bytes %d\n", u.CPU.Seconds(), u.Resident)
}

// last returns the last n readings, or nil if there are not as many.
func (m *meter) last(n int) []usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.readings) < n {
		return nil
	}
	return m.readings[len(m.readings)-n:]
}

func (m *meter) close() { _ = m.server.Close() }
