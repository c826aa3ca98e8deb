//go:build js

package main

import (
	"syscall/js"

	"conclave/core/suite"
)

// A verifier has a function of the page verify signatures. That function takes
// an array of [public key, message, signature] and resolves to a Uint8Array with
// a 1 for each that is valid.
type verifier struct{ verify js.Value }

// VerifyAll implements [suite.Verifier]. It waits, so it must not be called on
// the goroutine of an event handler.
func (v verifier) VerifyAll(_ suite.ID, checks []suite.RawCheck) []bool {
	list := js.Global().Get("Array").New(len(checks))
	for i, c := range checks {
		list.SetIndex(i, []any{toJS(c.PublicKey), toJS(c.Message), toJS(c.Signature)})
	}
	answer := make(chan []byte, 1)
	resolved := js.FuncOf(func(_ js.Value, args []js.Value) any {
		answer <- fromJS(args[0])
		return nil
	})
	defer resolved.Release()
	refused := js.FuncOf(func(js.Value, []js.Value) any {
		answer <- nil
		return nil
	})
	defer refused.Release()
	v.verify.Invoke(list).Call("then", resolved, refused)
	valid := make([]bool, len(checks))
	for i, b := range <-answer {
		valid[i] = b == 1
	}
	return valid
}
