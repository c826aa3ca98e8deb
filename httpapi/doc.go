// Package httpapi is the server's face to the network: the WebSocket that
// clients speak api/conclave.proto over, the web client's files, /healthz and
// /metrics. It decodes, calls and encodes; it decides nothing about meetings.
//
// Start with [New].
package httpapi
