// Package turn embeds a TURN server (RFC 8656) for networks that let clients
// reach nothing but a few ports: over UDP, TCP and TLS. It relays only to this
// server's own media addresses, so it is of no use for anything else; and a
// client needs credentials that hold for a while only.
//
// [Listen] starts it; [Server.Credentials] and [Server.URLs] are what a client has
// to be told. The protocol is pion's; what is here bounds it.
package turn
