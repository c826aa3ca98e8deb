package server

import (
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"conclave/httpapi"
	"conclave/room"
	"conclave/sfu/engine"
	sfu "conclave/sfu/room"
	"conclave/sfu/udp"
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

// addMedia adds what is counted of media.
func (m *metrics) addMedia(s *engine.Stats) {
	m.addForwarding(&s.Room)
	m.addTransport(&s.Transport)
}

func (m *metrics) addForwarding(s *sfu.Stats) {
	m.counter("sfu_rtp_packets_received_total", "RTP packets from publishers.", &s.PacketsReceived)
	m.counter("sfu_rtp_packets_sent_total", "RTP packets to receivers.", &s.PacketsSent)
	m.counter("sfu_rtp_bytes_received_total", "Bytes of RTP from publishers.", &s.BytesReceived)
	m.counter("sfu_rtp_bytes_sent_total", "Bytes of RTP to receivers.", &s.BytesSent)
	m.counter("sfu_rtp_duplicates_total", "Packets received twice.", &s.Duplicates)
	m.counter("sfu_rtp_padding_total", "Packets received without payload.", &s.PaddingReceived)
	m.counter("sfu_rtp_malformed_total", "Packets received that do not parse.", &s.Malformed)
	m.counter("sfu_rtp_unknown_total", "Packets received of streams that were not announced.", &s.Unknown)
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

func (m *metrics) addTransport(s *udp.Stats) {
	m.counter("media_datagrams_received_total", "Datagrams of all kinds from clients.", &s.DatagramsReceived)
	m.counter("media_bytes_received_total", "Bytes of them.", &s.BytesReceived)
	m.counter("media_datagrams_sent_total", "Datagrams of media to clients.", &s.DatagramsSent)
	m.counter("media_bytes_sent_total", "Bytes of them.", &s.BytesSent)
	m.counter("media_send_errors_total", "Datagrams that could not be sent.", &s.SendErrors)
	m.counter("media_stun_answered_total", "Connectivity checks answered.", &s.STUNAnswered)
	m.counter("media_stun_refused_total", "Connectivity checks not answered: not authentic, or too many.", &s.STUNRefused)
	m.counter("media_handshakes_total", "DTLS handshakes completed.", &s.Handshakes)
	m.counter("media_handshakes_failed_total", "DTLS handshakes that failed or took too long.", &s.DTLSFailures)
	m.counter("media_dtls_dropped_total", "DTLS records of unknown senders, or too many.", &s.DTLSDropped)
	m.counter("media_auth_failures_total", "SRTP and SRTCP packets that are not authentic.", &s.AuthFailures)
	m.counter("media_replays_total", "SRTP and SRTCP packets received before, or too old.", &s.Replays)
	m.counter("media_malformed_total", "Datagrams of no known protocol, too short, or of too many sources.", &s.Malformed)
	m.counter("media_unknown_total", "Media from addresses that have not proven themselves.", &s.Unknown)
	m.counter("media_clipped_total", "Packets above what one client may send.", &s.Clipped)
	m.counter("media_early_total", "Packets to or from clients that are not connected.", &s.Early)
	m.counter("media_tcp_dropped_total", "Packets to clients on TCP that do not read fast enough.", &s.TCPDropped)
	m.counter("media_address_changes_total", "Clients that went on from another address.", &s.AddressChanges)
	m.counter("media_consent_lost_total", "Clients that were silent for too long.", &s.ConsentLost)
	m.gauge("media_peers", "Connections of clients now.", &s.Peers)
	m.gauge("media_peers_connected", "Of them, those with keys.", &s.Connected)
	m.gauge("media_tcp_connections", "TCP connections for media now.", &s.TCPConnections)
}

// addAccounts adds what is counted of accounts; nothing if there are none.
func (m *metrics) addAccounts(a *accounts) {
	if a == nil {
		return
	}
	s := a.store.Stats()
	m.counter("store_changes_total", "Changes of the database that are on the disk.", &s.Changes)
	m.counter("store_groups_total", "Transactions that they shared.", &s.Groups)
	m.counter("store_failed_total", "Transactions that the database did not take.", &s.Failed)
	m.counter("store_full_total", "Of them, those for lack of room on the disk.", &s.Full)

	d := a.directory.Stats()
	m.gauge("directory_running", "1 while the directory takes updates.", &a.running)
	m.gauge("directory_epochs", "Epochs committed.", &d.Epochs)
	m.gauge("directory_published", "Epochs under the newest checkpoint.", &d.Published)
	m.gauge("directory_entries", "Entries in the map.", &d.Entries)
	m.gauge("directory_waiting", "Updates that wait for an epoch.", &d.Waiting)
	m.gauge("directory_cosigned", "1 if the newest checkpoint has the cosignatures that the policy asks for.", &d.Cosigned)
	m.counter("directory_updates_total", "Identity records accepted.", &d.Updates)
	m.counter("directory_refused_total", "Identity records refused.", &d.Refused)
	m.counter("directory_lookups_total", "Lookups answered.", &d.Lookups)
	m.counter("directory_monitors_total", "Monitoring requests answered.", &d.Monitors)
	m.counter("directory_store_failures_total", "Epochs that could not be committed.", &d.StoreFailures)
	m.counter("directory_log_failures_total", "Leaves that could not be appended at first.", &d.LogFailures)

	w := a.witness.Stats()
	m.counter("witness_cosigned_total", "Checkpoints of other servers cosigned.", &w.Cosigned)
	m.counter("witness_refused_total", "Checkpoints of other servers refused.", &w.Refused)
}

// gaugeUint is gauge for an unsigned number.
func (m *metrics) gaugeUint(name, help string, v *atomic.Uint64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "conclave", Name: name, Help: help,
	}, func() float64 { return float64(v.Load()) }))
}
