// Package srtp protects RTP and RTCP packets: RFC 3711 with AES-CM and
// HMAC-SHA1, RFC 7714 with AES-GCM. Keys come from a DTLS handshake (RFC 5764).
//
// [New] makes both directions of a connection. A [Sealer] keeps nothing between
// RTP packets: whoever sends says the packet's index, so any goroutine may seal
// for any receiver at any time. An [Opener] keeps what RFC 3711 asks a receiver
// to keep: rollover counters and replay windows.
//
// Not here, and refused or dropped: unencrypted SRTCP, master key identifiers,
// re-keying, encrypted header extensions.
package srtp
