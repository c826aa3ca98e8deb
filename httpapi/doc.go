// Package httpapi is the server's face to the network: the WebSocket that
// clients speak api/conclave.proto over, the account routes of api/account.go, the
// key directory, the web client's files, /healthz and /metrics. It decodes, calls
// and encodes; it decides nothing about meetings, accounts or keys.
//
// Start with [New].
package httpapi
