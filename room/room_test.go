package room

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"conclave/api"
)

var epoch0 = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// client is one connection in a test, with the frames it was sent.
type client struct {
	t       *testing.T
	out     *Outbox
	session *Session
	joined  *api.Joined
	request uint64
}

func newRegistry(t *testing.T, cfg Config) *Registry {
	t.Helper()
	g, err := NewRegistry(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// take returns the frames that wait for the client.
func (c *client) take() []*api.ServerFrame {
	c.t.Helper()
	c.out.mu.Lock()
	batch := c.out.queue
	c.out.queue, c.out.bytes = nil, 0
	c.out.mu.Unlock()
	var frames []*api.ServerFrame
	for _, b := range batch {
		f := new(api.ServerFrame)
		if err := proto.Unmarshal(b, f); err != nil {
			c.t.Fatal(err)
		}
		frames = append(frames, f)
	}
	return frames
}

// join takes a seat, or fails the test.
func join(t *testing.T, g *Registry, now time.Time) *client {
	t.Helper()
	c, err := tryJoin(t, g, now, joinFrame(meeting, "announcement"))
	if err != nil {
		t.Fatalf("Join() = %v", err)
	}
	return c
}

func tryJoin(t *testing.T, g *Registry, now time.Time, j *api.Join) (*client, error) {
	t.Helper()
	c := &client{t: t, out: NewOutbox(), request: 1}
	s, err := g.Join(now, 1, j, c.out)
	if err != nil {
		return c, err
	}
	c.session = s
	frames := c.take()
	if len(frames) == 0 || frames[0].GetReply().GetJoined() == nil {
		t.Fatalf("Join() queued %v, want Joined first", frames)
	}
	c.joined = frames[0].GetReply().GetJoined()
	for _, f := range frames[1:] { // events that a resume sends again
		c.out.Send(f)
	}
	return c, nil
}

// do handles one frame and returns what the client was sent.
func (c *client) do(now time.Time, f *api.ClientFrame) ([]*api.ServerFrame, error) {
	c.t.Helper()
	c.request++
	f.Request = c.request
	err := c.session.Handle(context.Background(), now, f)
	return c.take(), err
}

func commitFrame(epoch uint64, seats ...uint32) *api.ClientFrame {
	c := &api.Commit{Epoch: epoch, Header: []byte(fmt.Sprintf("header %d", epoch))}
	for _, s := range seats {
		c.Sealed = append(c.Sealed, &api.SealedKey{Seat: s, Sealed: []byte(fmt.Sprintf("sealed for %d", s))})
	}
	return &api.ClientFrame{Body: &api.ClientFrame_Commit{Commit: c}}
}

func dataFrame(s string) *api.ClientFrame {
	return &api.ClientFrame{Body: &api.ClientFrame_Data{Data: &api.Data{Sealed: []byte(s)}}}
}

// meet returns two members of a meeting in epoch 1, who have read all events.
func meet(t *testing.T, g *Registry) (a, b *client) {
	t.Helper()
	a, b = join(t, g, epoch0), join(t, g, epoch0)
	if frames, err := a.do(epoch0, commitFrame(1, b.joined.GetSeat())); err != nil || code(frames) != 0 {
		t.Fatalf("first commit: %v, %v", frames, err)
	}
	b.take()
	return a, b
}

// flood lets members send n messages of the largest size, as fast as they may,
// and returns when they are done.
func flood(t *testing.T, now time.Time, n int, members ...*client) time.Time {
	t.Helper()
	for i := range n {
		if i%len(members) == 0 {
			now = now.Add(100 * time.Millisecond)
		}
		if frames, err := members[i%len(members)].do(now, dataFrame(strings.Repeat("x", MaxData))); err != nil || code(frames) != 0 {
			t.Fatal(code(frames), err)
		}
	}
	return now
}

func events(frames []*api.ServerFrame) []*api.Event {
	var out []*api.Event
	for _, f := range frames {
		if e := f.GetEvent(); e != nil {
			out = append(out, e)
		}
	}
	return out
}

func code(frames []*api.ServerFrame) api.ErrorCode {
	for _, f := range frames {
		if e := f.GetReply().GetError(); e != nil {
			return e.GetCode()
		}
	}
	return api.ErrorCode_ERROR_CODE_UNSPECIFIED
}

func wantCode(t *testing.T, err error, want api.ErrorCode) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != want {
		t.Fatalf("error = %v, want code %v", err, want)
	}
	return e
}

func TestJoinIsToldToAll(t *testing.T) {
	g := newRegistry(t, Config{Limit: 3})
	a := join(t, g, epoch0)
	b := join(t, g, epoch0)
	if got := len(b.joined.GetSeats()); got != 2 {
		t.Errorf("second Joined has %d seats, want 2", got)
	}
	if len(b.joined.GetToken()) != tokenLen || bytes.Equal(a.joined.GetToken(), b.joined.GetToken()) {
		t.Error("tokens are not 16 bytes, one for each seat")
	}
	want := []*api.Event{{
		Sequence: b.joined.GetLastEvent(),
		Body: &api.Event_SeatJoined{SeatJoined: &api.SeatJoined{Seat: &api.Seat{
			Seat: b.joined.GetSeat(), Announcement: []byte("announcement"),
		}}},
	}}
	if diff := cmp.Diff(want, events(a.take()), protocmp.Transform()); diff != "" {
		t.Errorf("first seat's events (-want +got):\n%s", diff)
	}
	if got := b.take(); len(got) != 0 {
		t.Errorf("the joiner was sent %v, want nothing: Joined holds it", got)
	}
	if g.Stats().Seats.Load() != 2 || g.Stats().Meetings.Load() != 1 {
		t.Errorf("stats = %d seats, %d meetings, want 2 and 1", g.Stats().Seats.Load(), g.Stats().Meetings.Load())
	}
}

func TestJoinRefused(t *testing.T) {
	g := newRegistry(t, Config{Limit: 1, MaxMeetings: 1})
	ok := func() *api.Join { return joinFrame(meeting, "a") }
	for _, tt := range []struct {
		name string
		edit func(*api.Join)
		want api.ErrorCode
	}{
		{"protocol", func(j *api.Join) { j.Protocol = 0 }, api.ErrorCode_ERROR_CODE_PROTOCOL},
		{"unknown meeting", func(j *api.Join) { j.Create = false }, api.ErrorCode_ERROR_CODE_MEETING_UNKNOWN},
		{"no link", func(j *api.Join) { j.AdmissionKey = nil }, api.ErrorCode_ERROR_CODE_NOT_ADMITTED},
		{"short id", func(j *api.Join) { j.Meeting = "abc" }, api.ErrorCode_ERROR_CODE_MALFORMED},
		{"upper case id", func(j *api.Join) { j.Meeting = strings.ToUpper(meeting) }, api.ErrorCode_ERROR_CODE_MALFORMED},
		{"no announcement", func(j *api.Join) { j.Announcement = nil }, api.ErrorCode_ERROR_CODE_MALFORMED},
		{"large announcement", func(j *api.Join) { j.Announcement = make([]byte, MaxAnnouncement+1) }, api.ErrorCode_ERROR_CODE_TOO_LARGE},
		{"resume of nothing", func(j *api.Join) { j.Resume = &api.Resume{Seat: 1} }, api.ErrorCode_ERROR_CODE_SEAT_GONE},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := ok()
			tt.edit(j)
			_, err := tryJoin(t, g, epoch0, j)
			wantCode(t, err, tt.want)
		})
	}
	if _, err := tryJoin(t, g, epoch0, nil); err == nil {
		t.Error("Join(nil) = nil error")
	}
	if _, err := tryJoin(t, g, epoch0, ok()); err != nil {
		t.Fatalf("Join() = %v", err)
	}
	_, err := tryJoin(t, g, epoch0, ok())
	if e := wantCode(t, err, api.ErrorCode_ERROR_CODE_MEETING_FULL); e.Limit != 1 {
		t.Errorf("limit = %d, want 1", e.Limit)
	}
	_, err = tryJoin(t, g, epoch0, joinFrame(otherMeeting, "a"))
	wantCode(t, err, api.ErrorCode_ERROR_CODE_RATE_LIMITED)
}

// closing ends the client's connection as its writer would and returns the
// reason it was given.
func closing(c *client) api.Closing_Reason {
	c.t.Helper()
	reason := api.Closing_REASON_UNSPECIFIED
	for _, f := range c.take() {
		if f.GetClosing() != nil {
			reason = f.GetClosing().GetReason()
		}
	}
	return reason
}

func TestRateLimit(t *testing.T) {
	g := newRegistry(t, Config{})
	a, _ := meet(t, g)
	limited := 0
	for range 100 {
		frames, err := a.do(epoch0, dataFrame("x"))
		if err != nil {
			t.Fatal(err)
		}
		if code(frames) == api.ErrorCode_ERROR_CODE_RATE_LIMITED {
			limited++
		}
	}
	if limited != 40 {
		t.Errorf("%d of 100 messages at once were refused, want 40", limited)
	}
	if frames, _ := a.do(epoch0.Add(time.Second), dataFrame("x")); code(frames) != 0 {
		t.Errorf("a second later: %v", frames)
	}
}

// panickingMedia fails in the way a bug would.
