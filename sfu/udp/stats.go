package udp

import "sync/atomic"

// Stats count what happened on the transport. All fields are safe to read at
// any time.
type Stats struct {
	DatagramsReceived atomic.Uint64 // of all kinds, from UDP and TCP
	BytesReceived     atomic.Uint64
	DatagramsSent     atomic.Uint64 // media; not STUN and DTLS
	BytesSent         atomic.Uint64

	STUNAnswered atomic.Uint64
	STUNRefused  atomic.Uint64 // malformed, not authentic or too many; not answered
	Handshakes   atomic.Uint64 // of DTLS, complete
	DTLSFailures atomic.Uint64 // handshakes that failed or took too long
	DTLSDropped  atomic.Uint64 // records: of unknown senders, or too many

	AuthFailures atomic.Uint64 // SRTP and SRTCP that is not authentic
	Replays      atomic.Uint64 // received before, or too old
	Malformed    atomic.Uint64 // too short, of too many sources, or of no known protocol
	Unknown      atomic.Uint64 // media from addresses that have not proven themselves
	Clipped      atomic.Uint64 // above what one peer may send
	Early        atomic.Uint64 // to send to, or received from, a peer that is not connected
	SendErrors   atomic.Uint64
	TCPDropped   atomic.Uint64 // to clients that do not read fast enough

	AddressChanges atomic.Uint64 // of the path that is sent to, without the first
	ConsentLost    atomic.Uint64
	Peers          atomic.Int64 // now
	Connected      atomic.Int64 // of them, with keys, now
	TCPConnections atomic.Int64 // now
}
