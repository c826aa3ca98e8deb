package load

import (
	"math"
	"slices"
	"time"
)

// A Window is what was measured in a part of the time. Fields that are nil could
// not be measured.
type Window struct {
	Seconds      float64  `json:"seconds"`
	Subscribers  int      `json:"subscribers"`
	SentPPS      float64  `json:"sent_pps"`      // by all publishers
	ForwardedPPS float64  `json:"forwarded_pps"` // to all subscribers
	ForwardedBPS float64  `json:"forwarded_bps"`
	Lost         int64    `json:"lost"`
	LostShare    float64  `json:"lost_share"` // of what should have come
	Repaired     int64    `json:"repaired"`
	Duplicates   int64    `json:"duplicates"`
	Dropped      int64    `json:"dropped"` // by the emulated links
	Latency      Latency  `json:"latency_ms"`
	CPUPerPacket *float64 `json:"server_cpu_us_per_packet"`
	CPU          *float64 `json:"server_cpu"` // cores in use
	Resident     *float64 `json:"server_rss"` // bytes at the end
	Heap         *float64 `json:"server_heap"`
	Goroutines   *float64 `json:"server_goroutines"`
	Files        *float64 `json:"server_fds"`
}

// A Latency is in milliseconds, from the publisher's write to the subscriber
// having decrypted the packet.
type Latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
}

// A Result is a whole measurement. Rate and CPU are the medians of its windows;
// losses and latency are of all of them together.
type Result struct {
	Subscribers            int      `json:"subscribers"`
	Publishers             int      `json:"publishers"`
	ForwardedPPS           float64  `json:"forwarded_pps"`
	Lost                   int64    `json:"lost"`
	Latency                Latency  `json:"latency_ms"`
	ServerCPUPerPacket     *float64 `json:"server_cpu_us_per_packet"`
	ServerRSSBefore        *float64 `json:"server_rss_before"`         // bytes
	ServerRSSPerSubscriber *float64 `json:"server_rss_per_subscriber"` // bytes
	Failed                 int      `json:"failed"`                    // subscribers whose connection ended unasked
	Windows                []Window `json:"windows"`
}

// A sample is the state of everything at one time.
type sample struct {
	at          time.Time
	sent        uint64
	count       Count
	subscribers int
	server      map[string]float64 // nil: not known
}

// windowBetween compares two samples.
func windowBetween(a, b sample) Window {
	seconds := b.at.Sub(a.at).Seconds()
	c := b.count.Sub(a.count)
	w := Window{
		Seconds:      seconds,
		Subscribers:  b.subscribers,
		SentPPS:      float64(b.sent-a.sent) / seconds,
		ForwardedPPS: float64(c.Packets) / seconds,
		ForwardedBPS: float64(c.Bytes*8) / seconds,
		Lost:         c.Lost,
		Repaired:     c.Repaired,
		Duplicates:   c.Duplicates,
		Dropped:      c.Dropped,
		Latency:      latencyOf(c.Latency),
	}
	if total := c.Packets + c.Lost; total > 0 {
		w.LostShare = float64(c.Lost) / float64(total)
	}
	if a.server == nil || b.server == nil {
		return w
	}
	get := func(name string) *float64 {
		v, ok := b.server[name]
		if !ok {
			return nil
		}
		return &v
	}
	w.Resident, w.Heap, w.Goroutines, w.Files = get(metricResident), get(metricHeap), get(metricGoroutines), get(metricFiles)
	cpu := b.server[metricCPU] - a.server[metricCPU]
	cores := cpu / seconds
	w.CPU = &cores
	if c.Packets > 0 {
		per := cpu * 1e6 / float64(c.Packets)
		w.CPUPerPacket = &per
	}
	return w
}

func latencyOf(h Histogram) Latency {
	ms := func(q float64) float64 { return math.Round(h.Quantile(q).Seconds()*1e6) / 1e3 }
	return Latency{P50: ms(0.5), P90: ms(0.9), P99: ms(0.99)}
}

// summary returns the result of windows.
func summary(cfg Config, windows []Window, total Histogram) Result {
	r := Result{
		Subscribers: cfg.Subscribers, Publishers: cfg.Publishers, Windows: windows, Latency: latencyOf(total),
		ForwardedPPS: *median(windows, func(w Window) *float64 { return &w.ForwardedPPS }),
	}
	for _, w := range windows {
		r.Lost += w.Lost
	}
	r.ServerCPUPerPacket = median(windows, func(w Window) *float64 { return w.CPUPerPacket })
	return r
}

// median returns the median of a figure, or nil if a window lacks it.
func median(windows []Window, of func(Window) *float64) *float64 {
	var values []float64
	for _, w := range windows {
		v := of(w)
		if v == nil {
			return nil
		}
		values = append(values, *v)
	}
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	middle := (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	return &middle
}
