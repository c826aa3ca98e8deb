// Command conclave-wasm is the door between a browser's page and the Go code of
// a participant: it sets globalThis.conclave, which web/src/engine/bridge.d.ts
// describes, and calls globalThis.conclaveReady if there is such a function.
// It is the only importer of syscall/js. Build it with GOOS=js GOARCH=wasm.
package main
