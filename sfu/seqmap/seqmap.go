// Package seqmap remembers which incoming packet each outgoing RTP sequence
// number of one receiver stands for, so that a NACK can be answered from the
// publisher's cache after packets were dropped and renumbered.
package seqmap

// A Map belongs to one outgoing stream and one goroutine.
type Map struct{}

// A Source is the server's own handle of one incoming RTP stream (one SSRC).
// It is unique among the streams that may ever be forwarded in the same slot.
type Source uint32

// An Origin names an incoming packet.
type Origin struct {
	Source   Source
	Sequence uint64 // extended incoming sequence number
}
