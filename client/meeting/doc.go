// Package meeting is what one participant of a Conclave meeting knows and
// does: it takes a seat, proves and checks keys, begins epochs when it is its
// turn, seals and opens chat and state, and survives lost connections. It is
// the state machine behind every client; docs/protocol.md describes what it
// says to the server, which it never trusts.
//
// A [Meeting] does no I/O, starts no goroutine and reads no clock. A driver
// makes one with [New], opens a WebSocket when it is told to by a [Connect],
// reports what happens by [Meeting.Connected], [Meeting.Receive] and
// [Meeting.Disconnected], calls [Meeting.Tick] at or after [Meeting.Wake], and
// after every call carries out what [Meeting.Poll] returns, in order. A Meeting
// is not safe for concurrent use: one goroutine owns it.
//
// After the outputs [Failed] and [Left] nothing more happens; a new attempt is
// a new Meeting with new keys.
package meeting
