//go:build js && wasm

package main

import (
	"errors"
	"math"
	"syscall/js"
	"time"
)

// Limits of what the page may hand over, far above what it has reason to.
const (
	maxTextUnits = 1 << 20 // UTF-16 units of a string
	maxList      = 4096    // elements of a list
	maxContext   = 255
)

var errArgument = errors.New("an argument is missing or has the wrong type")

// arguments reads the arguments of one call. The first that does not fit sets
// err; what is read after it means nothing.
type arguments struct {
	values []js.Value
	err    error
}

func (a *arguments) at(i int) js.Value {
	if i >= len(a.values) {
		return js.Undefined()
	}
	return a.values[i]
}

func (a *arguments) refuse() { a.err = errArgument }

func (a *arguments) text(i int) string { return a.toText(a.at(i)) }
func (a *arguments) integer(i int) int { return a.toInteger(a.at(i)) }

// time reads milliseconds since 1970, as Date.now() returns them.
func (a *arguments) time(i int) time.Time {
	v := a.at(i)
	if v.Type() != js.TypeNumber {
		a.refuse()
		return time.Time{}
	}
	ms := v.Float()
	if math.IsNaN(ms) || ms < 0 || ms > 1<<50 {
		a.refuse()
		return time.Time{}
	}
	return time.UnixMilli(int64(ms))
}

// bytes copies a Uint8Array of at most limit bytes.
func (a *arguments) bytes(i, limit int) []byte {
	v := a.at(i)
	if !v.InstanceOf(js.Global().Get("Uint8Array")) {
		a.refuse()
		return nil
	}
	n := v.Get("byteLength").Int()
	if n > limit {
		a.refuse()
		return nil
	}
	b := make([]byte, n)
	js.CopyBytesToGo(b, v)
	return b
}

// object reads an object by its fields.
func (a *arguments) object(i int) options { return options{a, a.at(i)} }

// each calls f for each element of a list of objects.
func (a *arguments) each(i int, f func(o options)) {
	v := a.at(i)
	if !js.Global().Get("Array").Call("isArray", v).Bool() || v.Length() > maxList {
		a.refuse()
		return
	}
	for n := range v.Length() {
		f(options{a, v.Index(n)})
	}
}

func (a *arguments) toText(v js.Value) string {
	// Only the object of a string has a length that can be read from here.
	if v.Type() != js.TypeString || js.Global().Get("Object").Invoke(v).Get("length").Int() > maxTextUnits {
		a.refuse()
		return ""
	}
	return v.String()
}

// toInteger reads a whole number from 0 to 2^32 - 1, or one that is rounded to it.
func (a *arguments) toInteger(v js.Value) int {
	if v.Type() != js.TypeNumber {
		a.refuse()
		return 0
	}
	f := v.Float()
	if math.IsNaN(f) || f < 0 || f > math.MaxUint32 {
		a.refuse()
		return 0
	}
	return int(f)
}

// options are the fields of one object.
type options struct {
	a *arguments
	v js.Value
}

func (o options) field(name string) js.Value {
	if o.v.Type() != js.TypeObject {
		o.a.refuse()
		return js.Undefined()
	}
	return o.v.Get(name)
}

func (o options) text(name string) string { return o.a.toText(o.field(name)) }
func (o options) integer(name string) int { return o.a.toInteger(o.field(name)) }

func (o options) boolean(name string) bool {
	v := o.field(name)
	if v.Type() != js.TypeBoolean {
		o.a.refuse()
		return false
	}
	return v.Bool()
}
