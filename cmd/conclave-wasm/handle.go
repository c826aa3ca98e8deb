//go:build js && wasm

package main

import (
	"syscall/js"
	"time"

	"conclave/client/meeting"
)

// A handle is a meeting as the page holds it.
type handle struct {
	m     *meeting.Meeting
	funcs []js.Func
}

// newHandle returns the MeetingHandle of bridge.d.ts.
func newHandle(m *meeting.Meeting) js.Value {
	h := &handle{m: m}
	o := object()
	set := func(name string, f func(a *arguments) (any, error)) {
		fn := method(f)
		h.funcs = append(h.funcs, fn)
		o.Set(name, fn)
	}
	// does adds a method that takes the time first and returns outputs.
	does := func(name string, f func(now time.Time, a *arguments) error) {
		set(name, func(a *arguments) (any, error) {
			now := a.time(0)
			if a.err != nil {
				return nil, a.err
			}
			if err := f(now, a); err != nil {
				return nil, err
			}
			return h.drain(), nil
		})
	}
	set("poll", func(*arguments) (any, error) { return h.drain(), nil })
	set("wake", func(*arguments) (any, error) { return h.wake(), nil })
	set("lease", h.lease)
	set("dispose", h.dispose)
	h.connection(does)
	h.messages(does)
	h.media(does)
	return o
}

type doer func(name string, f func(now time.Time, a *arguments) error)

// connection adds what the page reports of the socket and the clock.
func (h *handle) connection(does doer) {
	does("connected", func(now time.Time, _ *arguments) error {
		h.m.Connected(now)
		return nil
	})
	does("disconnected", func(now time.Time, _ *arguments) error {
		h.m.Disconnected(now)
		return nil
	})
	does("receive", func(now time.Time, a *arguments) error {
		frame := a.bytes(1, meeting.MaxFrame)
		if a.err == nil {
			h.m.Receive(now, frame)
		}
		return a.err
	})
	does("tick", func(now time.Time, _ *arguments) error {
		h.m.Tick(now)
		return nil
	})
	does("leave", func(now time.Time, _ *arguments) error { return h.m.Leave(now) })
}

// messages adds chat and state.
func (h *handle) messages(does doer) {
	does("sendChat", func(now time.Time, a *arguments) error {
		text := a.text(1)
		if a.err != nil {
			return a.err
		}
		_, err := h.m.SendChat(now, text)
		return err
	})
	does("retryChat", func(now time.Time, a *arguments) error {
		id := a.text(1)
		if a.err != nil {
			return a.err
		}
		return h.m.RetryChat(now, id)
	})
	does("setState", func(now time.Time, a *arguments) error {
		o := a.object(1)
		s := meeting.State{
			Mic: o.boolean("mic"), Camera: o.boolean("camera"), Screen: o.boolean("screen"), Hand: o.boolean("hand"),
		}
		if a.err != nil {
			return a.err
		}
		return h.m.SetState(now, s)
	})
}

// media adds the commands about peer connections.
func (h *handle) media(does doer) {
	does("publish", func(now time.Time, a *arguments) error {
		sdp := a.text(1)
		var streams []meeting.PublishedStream
		a.each(2, func(o options) {
			streams = append(streams, meeting.PublishedStream{
				Mid: o.text("mid"), Kind: meeting.StreamKind(o.text("kind")), Active: o.boolean("active"),
			})
		})
		if a.err != nil {
			return a.err
		}
		return h.m.Publish(now, sdp, streams)
	})
	does("answerSubscribe", func(now time.Time, a *arguments) error {
		generation, sdp := a.integer(1), a.text(2)
		if a.err != nil {
			return a.err
		}
		return h.m.AnswerSubscribe(now, uint64(generation), sdp)
	})
	does("view", func(now time.Time, a *arguments) error {
		var items []meeting.ViewItem
		a.each(1, func(o options) {
			items = append(items, meeting.ViewItem{
				Stream: meeting.StreamID(o.integer("stream")),
				Width:  o.integer("width"), Height: o.integer("height"), Priority: o.integer("priority"),
			})
		})
		if a.err != nil {
			return a.err
		}
		return h.m.View(now, items)
	})
	does("requestKeyFrame", func(now time.Time, a *arguments) error {
		stream := a.integer(1)
		if a.err != nil {
			return a.err
		}
		return h.m.RequestKeyFrame(now, meeting.StreamID(stream))
	})
	does("restartSubscribe", func(now time.Time, _ *arguments) error { return h.m.RestartSubscribe(now) })
}

// lease hands out frame counters as {from, to}, both BigInt.
func (h *handle) lease(a *arguments) (any, error) {
	context, n := a.integer(0), a.integer(1)
	if a.err != nil {
		return nil, a.err
	}
	if context > maxContext {
		return nil, errArgument
	}
	from, to, err := h.m.Lease(uint8(context), uint64(n))
	if err != nil {
		return nil, err
	}
	o := object()
	o.Set("from", bigInt(from))
	o.Set("to", bigInt(to))
	return o, nil
}

func (h *handle) wake() any {
	t := h.m.Wake()
	if t.IsZero() {
		return js.Undefined()
	}
	return float64(t.UnixMilli())
}

// drain returns all outputs that wait.
func (h *handle) drain() js.Value {
	list := js.Global().Get("Array").New()
	for {
		o, ok := h.m.Poll()
		if !ok {
			return list
		}
		list.Call("push", convert(o))
	}
}

// dispose frees the methods. It is called from one of them, which Release
// allows.
func (h *handle) dispose(*arguments) (any, error) {
	for _, f := range h.funcs {
		f.Release()
	}
	h.funcs = nil
	return js.Undefined(), nil
}
