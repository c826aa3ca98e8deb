package session_test

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"conclave/core/session"
	"conclave/core/sframe"
)

var epochStart = time.Date(2026, 11, 23, 12, 0, 0, 123_000_000, time.UTC)

func chat(text string) session.Message {
	return session.Message{Kind: session.Chat, ID: session.MessageID{1, 2, 3}, SentAt: epochStart, Text: text}
}

func sealData(t testing.TB, g *session.Group, m session.Message) []byte {
	t.Helper()
	b, err := g.SealData(m)
	if err != nil {
		t.Fatalf("SealData: %v", err)
	}
	return b
}

func TestData(t *testing.T) {
	m := newMeeting(t, 3)
	id, err := session.NewMessageID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	messages := []session.Message{
		chat("x"),
		chat("Hello\n\tworld \u202e and ليلى 👩\u200d👧"),
		chat(strings.Repeat("x", session.MaxText)),
		{Kind: session.ParticipantState, SentAt: epochStart},
		{Kind: session.ParticipantState, ID: id, SentAt: time.UnixMilli(0).UTC(), State: session.State{Microphone: true}},
		{Kind: session.ParticipantState, SentAt: epochStart, State: session.State{Camera: true, Hand: true}},
		{Kind: session.ParticipantState, SentAt: epochStart, State: session.State{Microphone: true, Camera: true, Screen: true, Hand: true}},
	}
	for _, want := range messages {
		sealed := sealData(t, m.groups[1], want)
		if len(sealed) > session.MaxData {
			t.Errorf("a message of %d bytes is over MaxData", len(sealed))
		}
		if len(want.Text) > 3 && bytes.Contains(sealed, []byte(want.Text[:4])) {
			t.Error("the server can read the text")
		}
		want.Sender = 1
		for i, g := range m.groups { // the sender too: the log gives it back
			got, err := g.OpenData(sealed)
			if err != nil {
				t.Errorf("member %d: OpenData: %v", i, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("member %d: OpenData (-want +got):\n%s", i, diff)
			}
		}
	}
	// The server learns the length of a text only roughly.
	if a, b := sealData(t, m.groups[0], chat("yes")), sealData(t, m.groups[0], chat("certainly not")); len(a) != len(b) {
		t.Errorf("messages have %d and %d bytes, want the same", len(a), len(b))
	}
}

func TestSealDataRefuses(t *testing.T) {
	g := newMeeting(t, 1).groups[0]
	for name, m := range map[string]session.Message{
		"no kind":             {SentAt: epochStart, Text: "x"},
		"unknown kind":        {Kind: 3, SentAt: epochStart, Text: "x"},
		"empty text":          chat(""),
		"text too long":       chat(strings.Repeat("x", session.MaxText+1)),
		"text not UTF-8":      chat("x\xff"),
		"NUL":                 chat("x\x00"),
		"escape":              chat("\x1b[2J"),
		"C1 control":          chat("\u009b2J"),
		"before 1970":         {Kind: session.Chat, Text: "x", SentAt: time.UnixMilli(-1)},
		"no time":             {Kind: session.Chat, Text: "x"},
		"after the last time": {Kind: session.Chat, Text: "x", SentAt: time.UnixMilli(8_640_000_000_000_001)},
	} {
		if _, err := g.SealData(m); !errors.Is(err, session.ErrMessage) {
			t.Errorf("%s: SealData = %v, want ErrMessage", name, err)
		}
	}
	if _, err := session.NewMessageID(bytes.NewReader(nil)); err == nil {
		t.Error("NewMessageID without randomness succeeds")
	}
}

func TestDataOrder(t *testing.T) {
	m := newMeeting(t, 2)
	from, to := m.groups[0], m.groups[1]
	var sealed [][]byte
	for range 8 {
		sealed = append(sealed, sealData(t, from, chat("x")))
	}
	for _, step := range []struct {
		message int
		missed  uint64
		want    error
	}{
		{2, 0, nil}, // the first that comes: we may have joined late
		{2, 0, session.ErrReplay},
		{1, 0, session.ErrReplay}, // older than one that came
		{3, 0, nil},
		{6, 2, nil}, // 4 and 5 are missing
		{5, 0, session.ErrReplay},
		{7, 0, nil},
		{7, 0, session.ErrReplay},
	} {
		got, err := to.OpenData(sealed[step.message])
		if !errors.Is(err, step.want) || got.Missed != step.missed {
			t.Errorf("message %d: OpenData = %d missed, %v, want %d, %v", step.message, got.Missed, err, step.missed, step.want)
		}
	}
}

// Counters go on over epochs, and the epoch before can still be opened.
func TestDataOverEpochs(t *testing.T) {
	m := newMeeting(t, 2)
	before := m.groups[1]
	one, late := sealData(t, m.groups[0], chat("one")), sealData(t, m.groups[0], chat("late"))
	m.commit(t, 0, []*session.Device{m.device(t, "Ada")}, nil)
	after := m.groups[1]
	three := sealData(t, m.groups[0], chat("three"))

	if _, err := after.OpenData(one); !errors.Is(err, session.ErrEpoch) {
		t.Errorf("opening a message of the epoch before = %v, want ErrEpoch", err)
	}
	if _, err := before.OpenData(three); !errors.Is(err, session.ErrEpoch) {
		t.Errorf("opening a message of the epoch after = %v, want ErrEpoch", err)
	}
	if got, err := before.OpenData(one); err != nil || got.Text != "one" {
		t.Errorf("the epoch before opens %q, %v", got.Text, err)
	}
	if got, err := after.OpenData(three); err != nil || got.Missed != 1 {
		t.Errorf("OpenData = %d missed, %v, want 1", got.Missed, err)
	}
	if _, err := before.OpenData(late); !errors.Is(err, session.ErrReplay) {
		t.Errorf("a message held back over an epoch = %v, want ErrReplay", err)
	}
	if _, err := m.groups[2].OpenData(one); !errors.Is(err, session.ErrEpoch) {
		t.Errorf("a joiner opening what was said before = %v, want ErrEpoch", err)
	}
	// 16 epochs later the key id is the same again, the key is not.
	for range 15 {
		m.commit(t, 0, nil, nil)
	}
	if _, err := m.groups[1].OpenData(sealData(t, before, chat("x"))); !errors.Is(err, session.ErrOpen) {
		t.Errorf("a message of 16 epochs before = %v, want ErrOpen", err)
	}
}

// TestOpenDataRefuses is the corpus of messages that must be refused, by a
// server and by a member that holds the keys. After each the honest one opens.
func TestOpenDataRefuses(t *testing.T) {
	m := newMeeting(t, 4)
	mallory, victim := m.groups[1], m.groups[2]
	other := newMeeting(t, 4)
	fork, forkVictim := m.propose(t, 3, nil, nil), m.propose(t, 0, nil, nil)

	// plain builds a message with counter 900, signed by Mallory.
	plain := func(kind byte, body string, sign func([]byte) []byte) []byte {
		b := []byte{kind}
		b = binary.BigEndian.AppendUint64(b, 900)
		b = binary.BigEndian.AppendUint64(b, 1)
		b = append(b, make([]byte, 16)...)
		b = append(b, byte(len(body)))
		b = append(b, body...)
		b = append(b, sign(b)...)
		return append(b, make([]byte, -len(b)&127)...)
	}
	raw := func(as session.SenderIndex, counter uint64, body func(sign func([]byte) []byte) []byte) []byte {
		return session.TestingOnlySealRaw(mallory, as, counter, body)
	}
	body := func(kind byte, text string) func(func([]byte) []byte) []byte {
		return func(sign func([]byte) []byte) []byte { return plain(kind, text, sign) }
	}
	changed := func(change func(b []byte) []byte) []byte {
		return raw(1, 900, func(sign func([]byte) []byte) []byte { return change(plain(1, "x", sign)) })
	}
	honestFrom0 := sealData(t, m.groups[0], chat("honest"))
	// What Mallory can take out of an honest message and seal again.
	reused := func() []byte {
		o := sframe.NewOpener()
		key, err := mallory.MediaKey(0, sframe.Data)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Add(key); err != nil {
			t.Fatal(err)
		}
		plaintext, _, err := o.Open(nil, honestFrom0, []byte("Conclave 1.0 data"+m.link.Meeting()))
		if err != nil {
			t.Fatal(err)
		}
		return plaintext
	}()
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[(at+len(b))%len(b)] ^= 1
		return b
	}

	tests := []struct {
		name   string
		sealed []byte
		want   error
	}{
		// The server.
		{"empty", nil, session.ErrMalformed},
		{"half a header", honestFrom0[:2], session.ErrMalformed},
		{"header only", honestFrom0[:3], session.ErrMalformed},
		{"oversized", make([]byte, session.MaxData+1), session.ErrMalformed},
		{"key id of media", sframe.Header{KID: sframe.NewKID(sframe.Camera, 0, 2), Counter: 1}.Append(nil), session.ErrMalformed},
		{"key id of another protocol", sframe.Header{KID: 1 << 40}.Append(nil), session.ErrMalformed},
		{"of nobody", append(sframe.Header{KID: sframe.NewKID(sframe.Data, 9, 2)}.Append(nil), make([]byte, 200)...), session.ErrNotMember},
		{"another epoch", append(sframe.Header{KID: sframe.NewKID(sframe.Data, 0, 3)}.Append(nil), make([]byte, 200)...), session.ErrEpoch},
		{"changed", flip(honestFrom0, -20), session.ErrOpen},
		{"cut short", honestFrom0[:len(honestFrom0)-1], session.ErrOpen},
		{"changed sender", relabel(honestFrom0, sframe.NewKID(sframe.Data, 1, 2)), session.ErrOpen},
		{"another meeting", sealData(t, other.groups[0], chat("x")), session.ErrOpen},

		// Mallory, a member.
		{"in another's name", raw(0, 900, body(1, "x")), session.ErrSignature},
		{"in the victim's name", raw(2, 900, body(1, "x")), session.ErrSignature},
		{"another's message as its own", raw(1, 1, func(func([]byte) []byte) []byte { return reused }), session.ErrSignature},
		{"another's message with a new counter", raw(0, 900, func(func([]byte) []byte) []byte { return reused }), session.ErrMalformed},
		{"another's message with a changed text", raw(0, 1, func(func([]byte) []byte) []byte { return flip(reused, 40) }), session.ErrSignature},
		{"counter of the frame differs", raw(1, 901, body(1, "x")), session.ErrMalformed},
		{"counter 0", raw(1, 0, func(sign func([]byte) []byte) []byte {
			b := plain(1, "x", sign)
			clear(b[1:9])
			return b
		}), session.ErrMalformed},
		{"kind 0", raw(1, 900, body(0, "x")), session.ErrMalformed},
		{"kind 3", raw(1, 900, body(3, "x")), session.ErrMalformed},
		{"empty text", raw(1, 900, body(1, "")), session.ErrMalformed},
		{"text with an escape", raw(1, 900, body(1, "\x1b[2J")), session.ErrMalformed},
		{"text not UTF-8", raw(1, 900, body(1, "\xff")), session.ErrMalformed},
		{"empty state", raw(1, 900, body(2, "")), session.ErrMalformed},
		{"long state", raw(1, 900, body(2, "\x01\x01")), session.ErrMalformed},
		{"unknown flag", raw(1, 900, body(2, "\x10")), session.ErrMalformed},
		{"nothing", raw(1, 900, func(func([]byte) []byte) []byte { return nil }), session.ErrMalformed},
		{"only zeros", raw(1, 900, func(func([]byte) []byte) []byte { return make([]byte, 128) }), session.ErrMalformed},
		{"time too late", changed(func(b []byte) []byte { b[9] = 0x7f; return b }), session.ErrMalformed},
		{"padding not zero", changed(func(b []byte) []byte { b[len(b)-1] = 1; return b }), session.ErrMalformed},
		{"more padding", changed(func(b []byte) []byte { return append(b, make([]byte, 128)...) }), session.ErrMalformed},
		{"no padding", changed(func(b []byte) []byte { return bytes.TrimRight(b, "\x00") }), session.ErrMalformed},
		{"changed time", changed(func(b []byte) []byte { b[16]++; return b }), session.ErrSignature},
		{"changed id", changed(func(b []byte) []byte { b[20]++; return b }), session.ErrSignature},
		{"changed signature", changed(func(b []byte) []byte { b[40]++; return b }), session.ErrSignature},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := victim.OpenData(tt.sealed); !errors.Is(err, tt.want) {
				t.Errorf("OpenData = %v, want %v", err, tt.want)
			}
			// Neither Mallory's nor anybody's counter has moved.
			honest := sealData(t, m.groups[1], chat("still here"))
			if got, err := victim.OpenData(honest); err != nil || got.Missed != 0 {
				t.Errorf("case %d: the honest message then gives %d missed, %v", i, got.Missed, err)
			}
		})
	}
	if got, err := victim.OpenData(honestFrom0); err != nil || got.Text != "honest" {
		t.Errorf("the honest message in the end gives %q, %v", got.Text, err)
	}

	// A signature made in one branch of a fork is worth nothing in the other.
	left, right := m.process(t, m.groups[1], fork), m.process(t, m.groups[1], forkVictim)
	victimRight := m.process(t, m.groups[2], forkVictim)
	inLeft := m.process(t, m.groups[0], fork)
	sealed := sealData(t, inLeft, chat("said in the left branch"))
	o := sframe.NewOpener()
	key, err := left.MediaKey(0, sframe.Data)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Add(key); err != nil {
		t.Fatal(err)
	}
	plaintext, h, err := o.Open(nil, sealed, []byte("Conclave 1.0 data"+m.link.Meeting()))
	if err != nil {
		t.Fatal(err)
	}
	moved := session.TestingOnlySealRaw(right, 0, h.Counter, func(func([]byte) []byte) []byte { return plaintext })
	if _, err := victimRight.OpenData(moved); !errors.Is(err, session.ErrSignature) {
		t.Errorf("a message moved across a fork = %v, want ErrSignature", err)
	}
}

// relabel changes the key id of a sealed message.
func relabel(sealed []byte, kid sframe.KID) []byte {
	h, size, err := sframe.ParseHeader(sealed)
	if err != nil {
		panic(err)
	}
	h.KID = kid
	return slices.Concat(h.Append(nil), sealed[size:])
}
