// Package ice is the answering half of ICE (RFC 8445) for a server with public
// addresses: an ICE-lite agent (Section 2.5), which is always controlled, sends
// no checks of its own and only answers those of clients.
//
// It has no socket, clock or goroutine. [ReadRequest] reads a STUN datagram
// (RFC 8489), [Request.Username] says whose it is, [Request.Authenticate] whether the
// sender knows the password, and [Request.Respond] writes the answer.
// [GenerateCredentials] makes what a client has to know, [Candidates] what it is told to
// send to. Nothing here allocates for a request, and no answer is longer than
// three times its request.
package ice
