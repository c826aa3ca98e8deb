package server

import (
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"conclave/httpapi"
	"conclave/room"
	"conclave/sfu/rtc"
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

func (m *metrics) addMedia(s *rtc.Stats) {
	m.counter("sfu_rtp_packets_received_total", "RTP packets from publishers.", &s.PacketsReceived)
	m.counter("sfu_rtp_packets_sent_total", "RTP packets to receivers.", &s.PacketsSent)
	m.counter("sfu_rtp_bytes_received_total", "Bytes of RTP from publishers.", &s.BytesReceived)
	m.counter("sfu_rtp_bytes_sent_total", "Bytes of RTP to receivers.", &s.BytesSent)
	m.counter("sfu_rtp_duplicates_total", "Packets received twice.", &s.Duplicates)
	m.counter("sfu_rtp_padding_total", "Packets received without payload.", &s.PaddingReceived)
	m.counter("sfu_rtp_malformed_total", "Packets received that do not parse.", &s.Malformed)
	m.counter("sfu_rtp_unknown_total", "Packets received of streams that were not announced.", &s.Unknown)
	m.counter("sfu_rtp_write_errors_total", "Packets that could not be sent.", &s.WriteErrors)
	m.counter("sfu_rtcp_malformed_total", "RTCP packets that do not parse.", &s.MalformedRTCP)
	m.counter("sfu_nacks_total", "Packets that receivers asked for again.", &s.NACKs)
	m.counter("sfu_nacks_missed_total", "Of them, those not sent again.", &s.NACKsMissed)
	m.counter("sfu_retransmissions_total", "Packets sent again.", &s.Retransmitted)
	m.counter("sfu_probe_packets_total", "Padding sent to measure bandwidth.", &s.Probes)
	m.counter("sfu_key_frame_requests_total", "Key frame requests sent to publishers.", &s.KeyFrameAsks)
	m.counter("sfu_key_frame_requests_merged_total", "Key frame requests that waited for another.", &s.KeyFrameMerged)
	m.counter("sfu_layer_switches_total", "Changes of the layer that a receiver is sent.", &s.LayerSwitches)
	m.counter("sfu_bandwidth_feedback_total", "Bandwidth feedback from receivers.", &s.Feedbacks)
	m.counter("sfu_offers_total", "Offers made to receivers.", &s.Offers)
	m.gauge("sfu_streams", "Streams published now.", &s.Streams)
	m.gauge("sfu_publishers", "Sending peer connections now.", &s.Publishers)
	m.gauge("sfu_receivers", "Receiving peer connections now.", &s.Receivers)
	m.gaugeUint("sfu_bandwidth_estimate_bits", "The newest bandwidth estimate of any receiver, bit/s.", &s.Estimate)
}

// gaugeUint is gauge for an unsigned number.
func (m *metrics) gaugeUint(name, help string, v *atomic.Uint64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "conclave", Name: name, Help: help,
	}, func() float64 { return float64(v.Load()) }))
}
