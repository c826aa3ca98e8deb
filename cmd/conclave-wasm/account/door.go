//go:build js && wasm

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"syscall/js"

	"golang.org/x/crypto/argon2"

	"conclave/client/account"
	"conclave/client/remote"
	"conclave/core/identity"
)

// maxArguments bounds the JSON list of a call, in bytes.
const maxArguments = 64 << 10

// A door is the account of this browser as the worker holds it.
type door struct {
	mu      sync.Mutex
	account *account.Account
}

func newDoor() *door { return new(door) }

// object returns the AccountDoor of bridge.d.ts.
func (d *door) object() js.Value {
	o := js.Global().Get("Object").New()
	o.Set("open", js.FuncOf(func(_ js.Value, args []js.Value) any {
		host, name := args[0], args[1].String()
		return promise(func() js.Value { return d.open(host, name) })
	}))
	o.Set("call", js.FuncOf(func(_ js.Value, args []js.Value) any {
		method, list := args[0].String(), args[1].String()
		return promise(func() js.Value { return d.call(method, list) })
	}))
	o.Set("stretch", js.FuncOf(func(_ js.Value, args []js.Value) any {
		passphrase, salt := args[0].String(), args[1]
		return promise(func() js.Value { return stretch(passphrase, salt) })
	}))
	return o
}

func (d *door) open(host js.Value, deviceName string) js.Value {
	a, err := account.Open(context.Background(), account.Config{
		Server:     remote.New(carrier{host}),
		Vault:      store{host},
		Class:      identity.Web,
		DeviceName: deviceName,
	})
	if err != nil {
		return faultAnswer(err)
	}
	d.mu.Lock()
	d.account = a
	d.mu.Unlock()
	return result(nil)
}

func (d *door) call(name, list string) js.Value {
	d.mu.Lock()
	a := d.account
	d.mu.Unlock()
	if a == nil {
		return faultAnswer(errOpen)
	}
	m, ok := methods[name]
	if !ok {
		return faultAnswer(fmt.Errorf("%w: %q", errMethod, name))
	}
	var args []json.RawMessage
	if len(list) > maxArguments || json.Unmarshal([]byte(list), &args) != nil {
		return faultAnswer(errArguments)
	}
	v, err := m(context.Background(), a, args)
	if err != nil {
		return faultAnswer(err)
	}
	return result(v)
}

// stretch makes the key of the app lock: Argon2id (RFC 9106) with 64 MiB, 3
// passes and one lane. It returns a Uint8Array of 32 bytes.
func stretch(passphrase string, salt js.Value) js.Value {
	b, err := toBytes(salt, 64)
	if err != nil {
		return js.Undefined()
	}
	return fromBytes(argon2.IDKey([]byte(passphrase), b, 3, 64<<10, 1, 32))
}
