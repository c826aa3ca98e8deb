// Package api is the Go code of conclave.proto: what a client and the server say
// to each other over one WebSocket. The generated code is not changed by hand;
// docs/protocol.md says what the frames are for.
package api
