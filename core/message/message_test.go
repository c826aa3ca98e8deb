package message_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"conclave/core/attach"
	"conclave/core/message"
)

var (
	one  = message.ID{1}
	two  = message.ID{2}
	file = attach.Descriptor{ID: [16]byte{3}, Key: [32]byte{4}, Layout: attach.Layout{Size: 5, Chunk: 64 << 10}, Root: [32]byte{6}}
)

func encode(t testing.TB, c message.Content) []byte {
	t.Helper()
	b, err := c.Encode()
	if err != nil {
		t.Fatalf("Encode(%T): %v", c.Body, err)
	}
	return b
}

func said(body message.Body) message.Content {
	c := message.Content{ID: one, Counter: 2, Previous: message.Digest{9}, Time: 7, ExpiresAfter: 60, Body: body}
	if body.Kind() == message.KindTyping {
		c.Counter, c.Previous = 0, message.Digest{}
	}
	return c
}

func bodies(t testing.TB) []message.Body {
	t.Helper()
	return []message.Body{
		message.Text{Text: "**hello**\n\tGrace", ReplyTo: two, Mentions: []message.User{{1}, {2}}},
		message.Edit{Target: two, Text: "hello"},
		message.Delete{Target: two},
		message.Reaction{Target: two, Emoji: "👩🏽‍🚀", Remove: true},
		message.Receipt{Delivered: []message.ID{one, two}, Read: []message.ID{one}},
		message.Typing{},
		message.File{File: file, Name: "plan.pdf", Media: "application/pdf", Thumbnail: &file, Caption: "the plan"},
		message.Pin{Target: two, Pinned: true},
		message.Resend{Device: message.Device{5}, Counters: []uint64{3, 4, 9}},
		message.Again{Original: encode(t, said(message.Text{Text: "hello"}))},
		message.Merged{Epoch: 12},
		message.History{Archive: file},
		message.Unknown{Number: 200, Data: []byte("a poll")},
	}
}

func TestContentKeepsItsBody(t *testing.T) {
	for _, body := range bodies(t) {
		want := said(body)
		b := encode(t, want)
		got, err := message.Decode(b)
		if err != nil {
			t.Errorf("%T: %v", body, err)
			continue
		}
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("%T: got %+v, want %+v", body, *got, want)
		}
		for n := range b {
			if _, err := message.Decode(b[:n]); err == nil {
				t.Fatalf("%T: accepted with %d of %d bytes", body, n, len(b))
			}
		}
		if _, err := message.Decode(append(b, 0)); !errors.Is(err, message.ErrContent) {
			t.Errorf("%T: with a byte more: %v", body, err)
		}
	}
}

func TestEncodingIsWhatTheProtocolSays(t *testing.T) {
	c := message.Content{ID: one, Counter: 1, Time: 7, Body: message.Pin{Target: two, Pinned: true}}
	want := "0001" + "01" + strings.Repeat("00", 15) + "0000000000000001" + strings.Repeat("00", 16) +
		"0000000000000007" + "00000000" + "08" + "11" + "02" + strings.Repeat("00", 15) + "01"
	if got := hex.EncodeToString(encode(t, c)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLargestTextCanBeSentAgain(t *testing.T) {
	c := said(message.Text{Text: strings.Repeat("x", message.MaxText), ReplyTo: two})
	original := encode(t, c)
	again := encode(t, said(message.Again{Original: original}))
	if _, err := message.Decode(again); err != nil {
		t.Fatal(err)
	}
	largest := encode(t, said(message.Unknown{Number: 99, Data: make([]byte, message.MaxBody)}))
	b := encode(t, said(message.Again{Original: largest}))
	if _, err := message.Decode(b); err != nil || len(b) > message.MaxContent {
		t.Fatalf("%d bytes: %v", len(b), err)
	}
}

func TestContentsOutOfBoundsAreRefused(t *testing.T) {
	nested := encode(t, said(message.Again{Original: encode(t, said(message.Delete{Target: two}))}))
	for name, c := range map[string]message.Content{
		"no id":                {Counter: 1, Body: message.Merged{}},
		"no body":              {ID: one, Counter: 1},
		"previous of first":    {ID: one, Counter: 1, Previous: message.Digest{1}, Body: message.Merged{}},
		"no previous":          {ID: one, Counter: 2, Body: message.Merged{}},
		"uncounted":            {ID: one, Body: message.Merged{}},
		"counted typing":       {ID: one, Counter: 1, Body: message.Typing{}},
		"empty text":           said(message.Text{}),
		"long text":            said(message.Text{Text: strings.Repeat("x", message.MaxText+1)}),
		"not UTF-8":            said(message.Text{Text: "\xff"}),
		"control character":    said(message.Text{Text: "a\x1b[2J"}),
		"mentions in disorder": said(message.Text{Text: "a", Mentions: []message.User{{2}, {1}}}),
		"no target":            said(message.Delete{}),
		"letter as emoji":      said(message.Reaction{Target: two, Emoji: "lol"}),
		"empty receipt":        said(message.Receipt{}),
		"receipt twice":        said(message.Receipt{Read: []message.ID{one, one}}),
		"file out of folder":   said(message.File{File: file, Name: "../x", Media: "a/b"}),
		"file turned around":   said(message.File{File: file, Name: "a\u202efdp.exe", Media: "a/b"}),
		"dots":                 said(message.File{File: file, Name: "..", Media: "a/b"}),
		"media type":           said(message.File{File: file, Name: "x", Media: "text/html; a"}),
		"one side":             said(message.File{File: file, Name: "x", Media: "a/b", Width: 3}),
		"resend none":          said(message.Resend{}),
		"resend the zeroth":    said(message.Resend{Counters: []uint64{0}}),
		"again within again":   said(message.Again{Original: nested}),
		"again nothing":        said(message.Again{}),
		"known unknown":        said(message.Unknown{Number: message.KindText}),
		"no archive":           said(message.History{}),
	} {
		if _, err := c.Encode(); !errors.Is(err, message.ErrContent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLaterFormatIsNamed(t *testing.T) {
	b := encode(t, said(message.Merged{}))
	b[1] = 2
	if _, err := message.Decode(b); !errors.Is(err, message.ErrFormat) {
		t.Errorf("got %v", err)
	}
}

// FuzzDecode checks that what is accepted is encoded as it came, and that a
// Ledger takes anything.
func FuzzDecode(f *testing.F) {
	for _, body := range bodies(f) {
		f.Add(encode(f, said(body)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := message.Decode(b)
		if err != nil {
			return
		}
		again, err := c.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("encodes as %x (%v), came as %x", again, err, b)
		}
		var l message.Ledger
		l.Take(c, b)
		kept, err := message.ParseLedger(l.Encode())
		if err != nil || kept.Take(c, b) != l.Take(c, b) {
			t.Fatalf("the stored ledger judges otherwise (%v)", err)
		}
	})
}
