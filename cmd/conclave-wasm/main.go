//go:build js && wasm

package main

import "syscall/js"

func main() {
	js.Global().Set("conclave", door())
	if ready := js.Global().Get("conclaveReady"); ready.Type() == js.TypeFunction {
		ready.Invoke()
	}
	select {} // the page's calls come in from here on
}
