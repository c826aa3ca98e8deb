// Package room keeps the meetings of one server in memory: who sits in which
// seat, the ordered log of events, and the queue of frames for each connection.
//
// Start with [NewRegistry] and [Registry.Join]; a [Session] then handles the
// frames of one connection. api/conclave.proto describes what the frames mean.
//
// The package opens nothing: announcements, headers, sealed keys and data are
// bytes that it hands on. Of whoever takes a seat it checks only the admission, a
// signature by the key that the meeting's id follows from. It has no clock, no
// socket and no goroutine: time is an argument, frames to send wait in an
// [Outbox], and [Registry.Tick] makes seats and meetings expire. A panic in the
// code of one meeting ends that meeting only.
package room
