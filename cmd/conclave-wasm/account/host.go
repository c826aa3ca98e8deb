//go:build js && wasm

package main

import (
	"context"
	"fmt"
	"syscall/js"

	"conclave/client/remote"
	"conclave/client/vault"
)

// carrier is the remote.Doer of the page: its fetch.
type carrier struct{ host js.Value }

var _ remote.Doer = carrier{}

// Do carries one request.
func (c carrier) Do(ctx context.Context, r remote.Request) (remote.Response, error) {
	o := js.Global().Get("Object").New()
	o.Set("method", r.Method)
	o.Set("path", r.Path)
	header := js.Global().Get("Object").New()
	for k, v := range r.Header {
		header.Set(k, v)
	}
	o.Set("header", header)
	if r.Body != nil {
		o.Set("body", fromBytes(r.Body))
	}
	o.Set("limit", r.Limit)
	v, err := await(ctx, c.host.Call("request", o))
	if ctx.Err() != nil {
		return remote.Response{}, ctx.Err()
	}
	if err != nil || v.Type() != js.TypeObject {
		return remote.Response{}, remote.ErrUnreachable
	}
	if v.Get("tooLarge").Truthy() {
		return remote.Response{}, remote.ErrTooLarge
	}
	body, err := toBytes(v.Get("body"), r.Limit)
	if err != nil {
		return remote.Response{}, remote.ErrTooLarge
	}
	return remote.Response{Status: v.Get("status").Int(), Type: v.Get("type").String(), Body: body}, nil
}

// store is the vault.Store of the page: its IndexedDB, which seals.
type store struct{ host js.Value }

var _ vault.Store = store{}

// Get returns the value of a key.
func (s store) Get(ctx context.Context, key string) ([]byte, error) {
	if err := vault.CheckKey(key); err != nil {
		return nil, err
	}
	v, err := await(ctx, s.host.Call("get", key))
	if err != nil {
		return nil, storageError(ctx)
	}
	if v.IsUndefined() {
		return nil, vault.ErrMissing
	}
	b, err := toBytes(v, vault.MaxValue)
	if err != nil {
		return nil, vault.ErrDamaged
	}
	return b, nil
}

// Put sets the value of a key.
func (s store) Put(ctx context.Context, key string, value []byte) error {
	if err := vault.CheckKey(key); err != nil {
		return err
	}
	if err := vault.CheckValue(value); err != nil {
		return err
	}
	if _, err := await(ctx, s.host.Call("put", key, fromBytes(value))); err != nil {
		return storageError(ctx)
	}
	return nil
}

// Delete removes a key.
func (s store) Delete(ctx context.Context, key string) error {
	if err := vault.CheckKey(key); err != nil {
		return err
	}
	if _, err := await(ctx, s.host.Call("remove", key)); err != nil {
		return storageError(ctx)
	}
	return nil
}

// Keys returns the keys that begin with prefix, sorted.
func (s store) Keys(ctx context.Context, prefix string) ([]string, error) {
	v, err := await(ctx, s.host.Call("keys", prefix))
	if err != nil {
		return nil, storageError(ctx)
	}
	if !js.Global().Get("Array").Call("isArray", v).Bool() {
		return nil, fmt.Errorf("listing the vault: %w", errHost)
	}
	keys := make([]string, v.Length())
	for i := range keys {
		keys[i] = v.Index(i).String()
	}
	return keys, nil
}

// storageError is the error of a call that the host did not carry out.
func storageError(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return errStorage
}
