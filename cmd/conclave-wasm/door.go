//go:build js && wasm

package main

import (
	"crypto/rand"
	"errors"
	"syscall/js"
	"time"

	"conclave/client/meeting"
	"conclave/core/session"
)

// door returns the object that is globalThis.conclave.
func door() js.Value {
	o := object()
	o.Set("newLink", method(newLink))
	o.Set("parseLink", method(parseLink))
	o.Set("newMeeting", method(newMeeting))
	return o
}

// method makes f callable from JavaScript. What goes wrong in it is returned as
// a DoorError, also a panic: an error thrown into the page would end the Go
// program, and all calls with it.
func method(f func(a *arguments) (any, error)) js.Func {
	return js.FuncOf(func(_ js.Value, values []js.Value) (result any) {
		defer func() {
			if p := recover(); p != nil {
				result = doorError("unknown", panicText(p))
			}
		}()
		a := &arguments{values: values}
		v, err := f(a)
		if err == nil {
			err = a.err
		}
		if err != nil {
			return doorError(errorCode(err), err.Error())
		}
		return v
	})
}

func panicText(p any) string {
	switch p := p.(type) {
	case error:
		return p.Error()
	case string:
		return p
	default:
		return "panic"
	}
}

func doorError(code, message string) js.Value {
	o := object()
	o.Set("code", code)
	o.Set("message", message)
	return o
}

// errorCode returns the code of bridge.d.ts for an error.
func errorCode(err error) string {
	for _, c := range []struct {
		err  error
		code string
	}{
		{errArgument, "argument"},
		{session.ErrLinkIncomplete, "link-wrong"},
		{session.ErrLinkMismatch, "link-wrong"},
		{meeting.ErrLink, "link-wrong"},
		{meeting.ErrName, "name"},
		{meeting.ErrOver, "over"},
		{meeting.ErrAway, "away"},
		{meeting.ErrTooLarge, "too-large"},
		{meeting.ErrOutboxFull, "outbox-full"},
		{meeting.ErrUnknownChat, "argument"},
	} {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return "unknown"
}

func newLink(a *arguments) (any, error) {
	base := a.text(0)
	if a.err != nil {
		return nil, a.err
	}
	link, err := session.GenerateLink(rand.Reader)
	if err != nil {
		return nil, err
	}
	o := object()
	o.Set("url", link.URL(base))
	o.Set("meeting", link.Meeting())
	return o, nil
}

func parseLink(a *arguments) (any, error) {
	url := a.text(0)
	if a.err != nil {
		return nil, a.err
	}
	link, err := session.ParseLink(url)
	if err != nil {
		return nil, err
	}
	o := object()
	o.Set("meeting", link.Meeting())
	return o, nil
}

func newMeeting(a *arguments) (any, error) {
	options := a.object(0)
	cfg := meeting.Config{
		URL:    options.text("url"),
		Create: options.boolean("create"),
		Name:   options.text("name"),
		Class:  meeting.Web,
		Rand:   rand.Reader,
	}
	if a.err != nil {
		return nil, a.err
	}
	m, err := meeting.New(cfg, time.Now())
	if err != nil {
		return nil, err
	}
	return newHandle(m), nil
}
