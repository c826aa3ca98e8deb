// Package server wires together what `conclave serve` starts: meetings, media,
// the HTTP interface and metrics. Nothing it imports can open a message or a
// media frame; internal/archtest holds that.
//
// Start with [Listen], which binds the addresses, and then [Server.Run].
package server
