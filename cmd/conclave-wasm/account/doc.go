// Command account is the door between a browser's account worker and the Go code
// of an account: it sets globalThis.conclaveAccount, which
// web/src/account/bridge.d.ts describes, and calls globalThis.conclaveReady if
// there is such a function. It is a program of its own so that a guest in a call
// does not download it. It converts types and decides nothing. Build it with
// GOOS=js GOARCH=wasm.
package main
