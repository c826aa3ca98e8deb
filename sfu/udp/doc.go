// Package udp carries media between clients and rooms: UDP sockets shared by
// all peers and sharded by core, ICE-lite, DTLS-SRTP (RFC 5764), and ICE-TCP for networks
// without UDP. It knows nothing of rooms: decrypted packets of a peer go to its
// [Handler], and what that wants sent is sealed and leaves in batches.
//
// Start with [Listen] and [Transport.NewPeer]; tell the client [Transport.Candidates],
// [Transport.Fingerprint] and [Peer.Credentials], and the peer what the client
// says with [Peer.SetRemote]. This side is always ICE-lite and always the DTLS
// server; DTLS is 1.2, as pion has no other.
//
// Each socket has one goroutine, a shard, that reads a batch, finds the peers by
// source address, decrypts in place, calls the handlers, and seals and sends
// what they put out. On that path nothing is allocated and nothing waits.
package udp
