// Package rtp reads RTP packets and writes their headers (RFC 3550, RFC 8285),
// in place and without allocating, and has the types in which packets pass
// between the transport (sfu/udp) and the room (sfu/room).
package rtp
