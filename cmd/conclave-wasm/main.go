//go:build js && wasm

// Command conclave-wasm is the door between a browser's page and the Go code of
// a participant: it sets globalThis.conclave, which web/src/engine/bridge.d.ts
// describes, and calls globalThis.conclaveReady if there is such a function.
// It is the only importer of syscall/js.
package main

import "syscall/js"

func main() {
	js.Global().Set("conclave", door())
	if ready := js.Global().Get("conclaveReady"); ready.Type() == js.TypeFunction {
		ready.Invoke()
	}
	select {} // the page's calls come in from here on
}
