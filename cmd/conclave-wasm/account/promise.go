//go:build js && wasm

package main

import (
	"context"
	"errors"
	"syscall/js"
)

// errHost says that a function of the host was rejected, or answered with
// something of another type.
var errHost = errors.New("the page did not do what was asked of it")

// promise runs work in a goroutine and returns a promise that is resolved with
// its answer. It never rejects: a panic becomes a fault, since an error thrown
// into the page would end the program.
func promise(work func() js.Value) js.Value {
	executor := js.FuncOf(func(_ js.Value, args []js.Value) any {
		resolve := args[0]
		go func() {
			var result js.Value
			defer func() {
				if p := recover(); p != nil {
					result = faultAnswer(errPanic)
				}
				resolve.Invoke(result)
			}()
			result = work()
		}()
		return nil
	})
	defer executor.Release() // a promise calls its executor once, at once
	return js.Global().Get("Promise").New(executor)
}

// await waits for a promise of the host. It returns errHost if that is rejected,
// and the context's error if that ends first.
func await(ctx context.Context, p js.Value) (js.Value, error) {
	type outcome struct {
		value js.Value
		err   error
	}
	if p.Type() != js.TypeObject || p.Get("then").Type() != js.TypeFunction {
		return js.Undefined(), errHost
	}
	ended := make(chan outcome, 1)
	var settle [2]js.Func
	release := func() {
		settle[0].Release()
		settle[1].Release()
	}
	settle[0] = js.FuncOf(func(_ js.Value, args []js.Value) any {
		ended <- outcome{value: args[0]}
		release()
		return nil
	})
	settle[1] = js.FuncOf(func(js.Value, []js.Value) any {
		ended <- outcome{err: errHost}
		release()
		return nil
	})
	p.Call("then", settle[0], settle[1])
	select {
	case o := <-ended:
		return o.value, o.err
	case <-ctx.Done():
		return js.Undefined(), ctx.Err()
	}
}

// toBytes copies a Uint8Array of at most limit bytes.
func toBytes(v js.Value, limit int) ([]byte, error) {
	if !v.InstanceOf(js.Global().Get("Uint8Array")) {
		return nil, errHost
	}
	n := v.Get("byteLength").Int()
	if n > limit {
		return nil, errHost
	}
	b := make([]byte, n)
	js.CopyBytesToGo(b, v)
	return b, nil
}

func fromBytes(b []byte) js.Value {
	v := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(v, b)
	return v
}
