//go:build js && wasm

package main

import "syscall/js"

func main() {
	js.Global().Set("conclaveAccount", newDoor().object())
	if ready := js.Global().Get("conclaveReady"); ready.Type() == js.TypeFunction {
		ready.Invoke()
	}
	select {} // the worker's calls come in from here on
}
