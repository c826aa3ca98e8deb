//go:build js

// Command conclave gives a web page core/mls to be measured: functions that take
// and return bytes, under globalThis.conclave. See ../README.md.
package main

import (
	"errors"
	"syscall/js"
	"time"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// A device is one client with what it has.
type device struct {
	client   *mls.Client
	packages []*mls.KeyPackage
	group    *mls.Group
}

var devices []*device

func main() {
	functions := map[string]func(args []js.Value) (any, error){
		"device":     newDevice,
		"keyPackage": with(keyPackage),
		"create":     with(create),
		"add":        with(add),
		"join":       with(join),
		"update":     with(update),
		"process":    with(process),
		"encrypt":    with(encrypt),
		"decrypt":    with(decrypt),
		"drop":       func(args []js.Value) (any, error) { devices[args[0].Int()] = nil; return nil, nil },
	}
	exports := js.Global().Get("Object").New()
	for name, f := range functions {
		exports.Set(name, promising(f))
	}
	js.Global().Set("conclave", exports)
	select {}
}

// promising makes a function of JavaScript that returns a promise: joining waits
// for the verifier.
func promising(f func([]js.Value) (any, error)) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		return js.Global().Get("Promise").New(js.FuncOf(func(_ js.Value, settle []js.Value) any {
			go func() {
				v, err := f(args)
				if err != nil {
					settle[1].Invoke(js.Global().Get("Error").New(err.Error()))
					return
				}
				settle[0].Invoke(v)
			}()
			return nil
		}))
	})
}

func with(f func(d *device, args []js.Value) (any, error)) func([]js.Value) (any, error) {
	return func(args []js.Value) (any, error) { return f(devices[args[0].Int()], args[1:]) }
}

// newDevice takes a suite, a name, and a function that verifies many signatures,
// or null.
func newDevice(args []js.Value) (any, error) {
	config := mls.Config{
		Suite:        suite.ID(args[0].Int()), //nolint:gosec // a constant of the page
		Credential:   mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte(args[1].String())},
		Now:          time.Now,
		Authenticate: func(mls.Identity) error { return nil },
	}
	if !args[2].IsNull() {
		config.Verifier = verifier{args[2]}
	}
	client, err := mls.NewClient(config)
	if err != nil {
		return nil, err
	}
	devices = append(devices, &device{client: client})
	return len(devices) - 1, nil
}

func keyPackage(d *device, _ []js.Value) (any, error) {
	k, err := d.client.NewKeyPackage()
	if err != nil {
		return nil, err
	}
	d.packages = append(d.packages, k)
	return toJS(k.Bytes()), nil
}

func create(d *device, _ []js.Value) (any, error) {
	var err error
	d.group, err = d.client.CreateGroup(nil, nil)
	return nil, err
}

func add(d *device, args []js.Value) (any, error) {
	var o mls.CommitOptions
	o.ForcePath = true
	for i := range args[0].Length() {
		o.Add = append(o.Add, fromJS(args[0].Index(i)))
	}
	c, err := d.commit(o)
	if err != nil {
		return nil, err
	}
	return []any{toJS(c.Message), toJS(c.Welcomes[0].Message)}, nil
}

func update(d *device, _ []js.Value) (any, error) {
	c, err := d.commit(mls.CommitOptions{ForcePath: true})
	if err != nil {
		return nil, err
	}
	return toJS(c.Message), nil
}

// commit makes a commit and merges it at once.
func (d *device) commit(o mls.CommitOptions) (*mls.Commit, error) {
	c, err := d.group.Commit(o)
	if err != nil {
		return nil, err
	}
	return c, d.group.MergeCommit()
}

func join(d *device, args []js.Value) (any, error) {
	if len(d.packages) == 0 {
		return nil, errors.New("no key package")
	}
	var err error
	d.group, err = d.packages[0].Join(fromJS(args[0]), mls.JoinOptions{})
	return nil, err
}

func process(d *device, args []js.Value) (any, error) {
	received, err := d.group.Process(fromJS(args[0]))
	if err != nil {
		return nil, err
	}
	staged, ok := received.(*mls.StagedCommit)
	if !ok {
		return nil, errors.New("not a commit")
	}
	return nil, d.group.Merge(staged)
}

func encrypt(d *device, args []js.Value) (any, error) {
	m, err := d.group.Protect(fromJS(args[0]), nil)
	if err != nil {
		return nil, err
	}
	return toJS(m), nil
}

func decrypt(d *device, args []js.Value) (any, error) {
	received, err := d.group.Process(fromJS(args[0]))
	if err != nil {
		return nil, err
	}
	message, ok := received.(*mls.Application)
	if !ok {
		return nil, errors.New("not application data")
	}
	return toJS(message.Plaintext), nil
}

func toJS(b []byte) js.Value {
	v := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(v, b)
	return v
}

func fromJS(v js.Value) []byte {
	b := make([]byte, v.Length())
	js.CopyBytesToGo(b, v)
	return b
}
