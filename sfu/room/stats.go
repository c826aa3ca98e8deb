package room

import "sync/atomic"

// Stats count what happened to media. All fields are safe to read at any time.
type Stats struct {
	PacketsReceived atomic.Uint64 // RTP packets from publishers, duplicates included
	PacketsSent     atomic.Uint64 // RTP packets to receivers, all kinds
	BytesReceived   atomic.Uint64 // RTP payload and header
	BytesSent       atomic.Uint64 // RTP payload and header

	Duplicates      atomic.Uint64 // received twice; not forwarded
	PaddingReceived atomic.Uint64 // without payload; not forwarded
	Malformed       atomic.Uint64 // RTP that does not parse, or whose layer cannot be read
	MalformedRTCP   atomic.Uint64
	Unknown         atomic.Uint64 // of streams that were not announced
	Excess          atomic.Uint64 // more than a client has reason to send, of sound or feedback; dropped
	Retransmitted   atomic.Uint64
	NACKs           atomic.Uint64 // packets asked for by receivers
	NACKsMissed     atomic.Uint64 // of them not in the cache, or over the limit
	Probes          atomic.Uint64 // padding packets sent to measure bandwidth
	KeyFrameAsks    atomic.Uint64 // sent to publishers
	KeyFrameMerged  atomic.Uint64 // asked for by receivers, but one was under way
	LayerSwitches   atomic.Uint64
	Feedbacks       atomic.Uint64 // bandwidth feedback of receivers
	Offers          atomic.Uint64 // sent to receivers
	WriteErrors     atomic.Uint64

	Streams    atomic.Int64  // published now
	Publishers atomic.Int64  // sending peer connections now
	Receivers  atomic.Int64  // receiving peer connections now
	Estimate   atomic.Uint64 // bit/s, the last estimate of any receiver
}
