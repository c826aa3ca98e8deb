// Package room forwards the sealed media of one meeting: packets and times go
// in, packets come out. It has no socket, clock, goroutine or lock.
//
// Start with [New]. Each participant is a seat ([Room.Join]) with at most two
// connections: one that it publishes on ([Room.Publish], [Room.Receive]) and one
// that it receives on ([Room.Connect], [Room.Bind], [Room.Feedback]). What a seat
// shows comes in by [Room.View]; what its client is to be told, and which seats
// need a new offer, is collected by [Room.Pending]. [Room.Tick] lets time pass;
// [Room.Next] says when it is to be called.
//
// What is in a frame is never read: the server has no key. What the room decides
// by (layers, key frames, loudness, sizes) is what browsers leave in clear on the
// way to the server.
//
// # The way of a packet
//
//	received: section and encoding found, RTX unwrapped, duplicates dropped   receive.go
//	-> kept for repair, its layer read                                        receive.go
//	-> at the end of the batch, for each slot that shows the stream:
//	   chosen and renumbered (sfu/layer), header written                      forward.go
//
// Feedback comes back in feedback.go: bandwidth to sfu/bwe, NACK to the cache of
// the publisher (repair.go), PLI to the publisher (keyframe.go). What each slot
// gets is decided in allocate.go, who is heard in stage.go.
//
// # What clients can cause
//
// Nothing that a client sends makes the room panic, and what it can cause is
// bounded: sources and slots by number, repair, sound and feedback by budgets
// (budget.go), key frames by time. An index of SRTP is given out once, whatever
// numbers a publisher makes up (index.go).
package room
