//go:build js && wasm

package main

import (
	"strconv"
	"syscall/js"
	"time"

	"conclave/client/meeting"
)

func object() js.Value { return js.Global().Get("Object").New() }

// fields makes an object.
type fields map[string]any

// convert returns an output as bridge.d.ts describes it. Keys are erased here
// once the page has them.
func convert(o meeting.Output) js.Value {
	v := js.ValueOf(map[string]any(outputFields(o)))
	v.Set("kind", o.Kind())
	return v
}

func outputFields(o meeting.Output) fields {
	switch o := o.(type) {
	case meeting.Send:
		return fields{"frame": uint8Array(o.Frame)}
	case meeting.Connect:
		return fields{"delayMs": milliseconds(o.Delay)}
	case meeting.Joined:
		return fields{
			"seat": int(o.Seat), "limit": o.Limit, "resumed": o.Resumed,
			"graceMs": milliseconds(o.Grace), "iceServers": list(o.IceServers, iceServer),
		}
	case meeting.Roster:
		return fields{
			"epoch": float64(o.Epoch), "self": int(o.Self), "owner": int(o.Owner),
			"members": list(o.Members, member), "joining": o.Joining,
		}
	case meeting.Keys:
		return fields{
			"epoch": float64(o.Epoch), "self": int(o.Self), "previousForMs": milliseconds(o.PreviousFor),
			"send": list(o.Send, sendKey), "receive": list(o.Receive, receiveKey),
		}
	case meeting.Failed:
		f := fields{"code": string(o.Code)}
		if o.Code == meeting.FailRoomFull {
			f["limit"] = o.Limit
		}
		return f
	case meeting.Reconnecting:
		return fields{"untilMs": float64(o.Until.UnixMilli())}
	case meeting.Left:
		return fields{"reason": string(o.Reason)}
	case meeting.Alarm:
		f := fields{"id": string(o.ID)}
		if o.HasIndex {
			f["index"] = int(o.Index)
		}
		return f
	case meeting.Chat:
		return fields{
			"id": o.ID, "index": int(o.Index), "name": o.Name, "text": o.Text,
			"sentAt": float64(o.SentAt.UnixMilli()), "you": o.You,
		}
	case meeting.ChatSent:
		return fields{"id": o.ID}
	case meeting.ChatFailed:
		return fields{"id": o.ID}
	default:
		return mediaFields(o)
	}
}

func mediaFields(o meeting.Output) fields {
	switch o := o.(type) {
	case meeting.Streams:
		return fields{"streams": list(o.Streams, stream)}
	case meeting.Published:
		return fields{"sdp": o.SDP}
	case meeting.PublishFailed:
		return fields{"message": o.Message}
	case meeting.SubscribeOffer:
		return fields{"generation": float64(o.Generation), "sdp": o.SDP, "slots": list(o.Slots, slot)}
	case meeting.Slots:
		return fields{"slots": list(o.Slots, slot)}
	case meeting.StreamStates:
		return fields{"states": list(o.States, streamState)}
	case meeting.Speakers:
		return fields{"indexes": list(o.Indexes, func(i meeting.Index) any { return int(i) })}
	default: // Close, KeysGone and Reconnected have no fields
		return fields{}
	}
}

func list[T any](in []T, f func(T) any) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

func iceServer(s meeting.IceServer) any {
	return map[string]any{
		"urls":     list(s.URLs, func(u string) any { return u }),
		"username": s.Username, "credential": s.Credential,
	}
}

func member(m meeting.Member) any {
	return map[string]any{
		"index": int(m.Index), "seat": int(m.Seat), "device": m.Device, "name": m.Name, "class": string(m.Class),
		"you": m.You, "owner": m.Owner, "away": m.Away,
		"mic": m.Mic, "camera": m.Camera, "screen": m.Screen, "hand": m.Hand,
	}
}

func sendKey(k meeting.MediaKey) any { return mediaKey(k) }

func receiveKey(k meeting.MediaKey) any {
	v := mediaKey(k)
	v["index"] = int(k.Index)
	return v
}

// mediaKey converts a key and erases it here.
func mediaKey(k meeting.MediaKey) map[string]any {
	v := map[string]any{
		"context": int(k.Context), "kid": bigInt(k.KID),
		"key": uint8Array(k.Key.Expose()), "salt": uint8Array(k.Salt.Expose()),
	}
	k.Key.Erase()
	k.Salt.Erase()
	return v
}

func stream(s meeting.Stream) any {
	return map[string]any{
		"stream": int(s.Stream), "seat": int(s.Seat), "index": int(s.Index),
		"kind": string(s.StreamKind), "codec": s.Codec, "active": s.Active,
	}
}

func slot(s meeting.Slot) any {
	return map[string]any{"mid": s.Mid, "stream": int(s.Stream)}
}

func streamState(s meeting.StreamState) any {
	return map[string]any{
		"stream": int(s.Stream), "reason": s.Reason, "spatial": s.Spatial, "temporal": s.Temporal,
		"estimate": float64(s.Estimate),
	}
}

func milliseconds(d time.Duration) any { return float64(d.Milliseconds()) }

func uint8Array(b []byte) js.Value {
	v := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(v, b)
	return v
}

// bigInt converts by way of text, since a js.Value holds no 64-bit integers.
func bigInt(n uint64) js.Value {
	return js.Global().Get("BigInt").Invoke(strconv.FormatUint(n, 10))
}
