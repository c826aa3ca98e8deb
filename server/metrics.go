package server

import (
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"conclave/httpapi"
	"conclave/room"
)

// metrics are the numbers at /metrics. None has a label for a meeting, a seat
// or an address: they say how the server does, not who talks to whom.
type metrics struct{ registry *prometheus.Registry }

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(),
	)
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// counter adds a number that only grows.
func (m *metrics) counter(name, help string, v *atomic.Uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Namespace: "conclave", Name: name, Help: help,
	}, func() float64 { return float64(v.Load()) }))
}

// gauge adds a number that goes up and down.
func (m *metrics) gauge(name, help string, v *atomic.Int64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "conclave", Name: name, Help: help,
	}, func() float64 { return float64(v.Load()) }))
}

func (m *metrics) addMeetings(s *room.Stats) {
	m.gauge("meetings", "Meetings known now, empty ones included.", &s.Meetings)
	m.gauge("seats", "Seats taken now, those of lost connections included.", &s.Seats)
	m.counter("joins_total", "Seats taken.", &s.Joins)
	m.counter("resumes_total", "Seats taken back after a lost connection.", &s.Resumes)
	m.counter("epochs_total", "Epochs begun.", &s.Commits)
	m.counter("epoch_conflicts_total", "Commits refused because another won.", &s.Conflicts)
	m.counter("data_total", "Sealed messages relayed.", &s.Data)
	m.counter("frames_refused_total", "Client frames answered with an error.", &s.Refused)
	m.counter("meeting_panics_total", "Meetings ended by a bug of the server.", &s.RoomPanics)
}

func (m *metrics) addConnections(s *httpapi.Stats) {
	m.gauge("connections", "WebSockets open now.", &s.Connections)
	m.counter("connections_total", "WebSockets accepted.", &s.Accepted)
	m.counter("connections_refused_total", "WebSockets refused.", &s.Refused)
	m.counter("connections_slow_total", "WebSockets dropped for taking frames too slowly.", &s.Slow)
	m.counter("frames_malformed_total", "Messages that are no frame.", &s.Malformed)
}
