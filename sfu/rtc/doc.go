// Package rtc is the first media transport of a meeting, on pion/webrtc: it
// receives each participant's sealed streams on one peer connection, decides
// what each receiver gets, and sends it on another.
//
// Start with [NewEngine], which owns the UDP sockets; [Engine.NewRoom] makes
// the media of one meeting and [Room.Attach] the side of one participant.
//
// What is in a frame is never read: the package has no key. What it decides by
// (layers, key frames, loudness, sizes) is what browsers leave in clear on the
// way to the server.
//
// # The way of a packet
//
//	receive (pion, one goroutine for each SSRC)   ingest.go
//	-> new? stored, layer read                    stream.go    holds stream.mu
//	-> for each slot that shows the stream        slot.go      holds egress.mu too
//	   chosen and renumbered (sfu/layer), header written, sent
//
// Feedback comes back in feedback.go: bandwidth to sfu/bwe, NACK to the cache,
// PLI to the publisher. Each participant has one control goroutine (seat.go),
// which owns its view, its slots and the negotiation with its client; what it
// is to send is decided in allocate.go.
//
// Locks are taken in this order: Room.mu, stream.mu, egress.mu. The control
// goroutine calls pion's peer connection with none of them held.
package rtc
