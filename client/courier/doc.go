// Package courier keeps the connection of a device to its server's messages: it
// connects again when the connection breaks, matches replies with requests, and hands
// on what the server sends by itself. It has no network of its own and reads nothing
// that is sealed. See api/delivery.proto.
package courier
