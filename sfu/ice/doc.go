// Package ice is the answering half of ICE (RFC 8445) for a server with public
// addresses: an ICE-lite agent (Section 2.5), which is always controlled, sends
// no checks of its own and only answers those of clients.
//
// It has no socket, clock or goroutine. [Request.Read] reads a connectivity check, a
// STUN datagram (RFC 8489); [Request.Username] says whose it is,
// [Request.Authenticate] whether its sender knows the password, and
// [Request.Respond] writes the answer, which is never longer than three
// times the request. [GenerateCredentials] makes what a client has to know, and
// [Candidates] what it is told to send to.
package ice
