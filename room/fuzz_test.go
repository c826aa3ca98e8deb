package room

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"conclave/api"
)

// FuzzFrames hands frames that clients made up to a meeting: nothing may panic,
// and what is kept stays within its bounds. A program is a list of steps
// {client, seconds, length (2), frame}.
func FuzzFrames(f *testing.F) {
	step := func(program []byte, client byte, seconds byte, frame *api.ClientFrame) []byte {
		b, err := proto.Marshal(frame)
		if err != nil {
			f.Fatal(err)
		}
		program = append(program, client, seconds)
		program = binary.BigEndian.AppendUint16(program, uint16(len(b)))
		return append(program, b...)
	}
	joinIn := &api.ClientFrame{Request: 1, Body: &api.ClientFrame_Join{Join: joinFrame(meeting, "a")}}
	for _, frame := range []*api.ClientFrame{
		commitFrame(1, 2), dataFrame("x"),
		{},
		{Request: 2, Body: &api.ClientFrame_Leave{Leave: &api.Leave{}}},
		{Request: 3, Body: &api.ClientFrame_Ping{Ping: &api.Ping{}}},
		{Request: 4, Body: &api.ClientFrame_Publish{Publish: &api.Publish{Sdp: "v=0"}}},
		{Request: 5, Body: &api.ClientFrame_View{View: &api.View{Items: []*api.ViewItem{{Stream: 1}}}}},
		{Request: 6, Body: &api.ClientFrame_Join{Join: &api.Join{
			Meeting: meeting, Protocol: 1, Resume: &api.Resume{Seat: 1, Token: make([]byte, tokenLen), LastEvent: 1 << 63},
		}}},
	} {
		f.Add(step(step(step(nil, 0, 0, joinIn), 1, 0, joinIn), 0, 20, frame))
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		g := newRegistry(t, Config{Limit: 4, MaxMeetings: 2})
		now := epoch0
		clients := make([]*fuzzClient, 4)
		for len(program) >= 4 {
			i, n := int(program[0])%len(clients), int(binary.BigEndian.Uint16(program[2:]))
			now = now.Add(time.Duration(program[1]) * time.Second)
			program = program[4:]
			n = min(n, len(program))
			frame := new(api.ClientFrame)
			if clients[i] == nil {
				clients[i] = &fuzzClient{out: NewOutbox()}
			}
			if proto.Unmarshal(program[:n], frame) == nil && !clients[i].handle(g, now, frame) {
				clients[i] = nil
			}
			program = program[n:]
			g.Tick(now)
		}
		for _, r := range g.all() {
			if len(r.seats) > 4 || len(r.events.entries) > maxLogEvents || r.events.bytes > maxLogBytes {
				t.Errorf("meeting has %d seats, %d events, %d bytes", len(r.seats), len(r.events.entries), r.events.bytes)
			}
		}
		if g.Stats().RoomPanics.Load() != 0 {
			t.Error("a meeting panicked")
		}
	})
}

type fuzzClient struct {
	out     *Outbox
	session *Session
}

// handle does what a connection does and reports whether it goes on.
func (c *fuzzClient) handle(g *Registry, now time.Time, f *api.ClientFrame) bool {
	if c.session == nil {
		s, err := g.Join(now, f.GetRequest(), f.GetJoin(), c.out)
		c.session = s
		return err == nil
	}
	err := c.session.Handle(context.Background(), now, f)
	var e *Error
	if err != nil && (!errors.As(err, &e) || e.Code == api.ErrorCode_ERROR_CODE_INTERNAL) {
		panic(err)
	}
	if err != nil {
		c.session.Lost(now)
	}
	return err == nil
}
