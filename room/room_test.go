package room

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"conclave/api"
)

var epoch0 = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const meeting = "abcdefghijkl2345"

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
	_, err = tryJoin(t, g, epoch0, joinFrame("zzzzzzzzzzzzzzzz", "a"))
	wantCode(t, err, api.ErrorCode_ERROR_CODE_RATE_LIMITED)
}

func TestOneCommitWinsAnEpoch(t *testing.T) {
	g := newRegistry(t, Config{})
	a, b := join(t, g, epoch0), join(t, g, epoch0)
	a.take()

	frames, err := a.do(epoch0, commitFrame(1, b.joined.GetSeat()))
	if err != nil {
		t.Fatal(err)
	}
	if got := events(frames); len(got) != 1 || len(got[0].GetEpochBegan().GetSealed()) != 0 {
		t.Errorf("committer's events = %v, want EpochBegan without a key", got)
	}
	got := events(b.take())
	want := []*api.Event{{Sequence: 3, Body: &api.Event_EpochBegan{EpochBegan: &api.EpochBegan{
		Epoch: 1, CommitterSeat: a.joined.GetSeat(), Header: []byte("header 1"),
		Sealed: []byte(fmt.Sprintf("sealed for %d", b.joined.GetSeat())),
	}}}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("member's events (-want +got):\n%s", diff)
	}

	// Both members race for epoch 2.
	if frames, _ = b.do(epoch0, commitFrame(2, a.joined.GetSeat())); code(frames) != 0 {
		t.Fatalf("commit of epoch 2: %v", frames)
	}
	frames, _ = a.do(epoch0, commitFrame(2, b.joined.GetSeat()))
	if code(frames) != api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT {
		t.Fatalf("second commit of epoch 2: %v, want a conflict", frames)
	}
	for _, f := range frames {
		if e := f.GetReply().GetError(); e != nil && e.GetCurrentEpoch() != 2 {
			t.Errorf("current epoch = %d, want 2", e.GetCurrentEpoch())
		}
	}
}

func TestCommitIsRefused(t *testing.T) {
	g := newRegistry(t, Config{})
	a, b := join(t, g, epoch0), join(t, g, epoch0)
	if frames, err := a.do(epoch0, commitFrame(1, b.joined.GetSeat())); err != nil || code(frames) != 0 {
		t.Fatal(frames, err)
	}
	outsider := join(t, g, epoch0)
	a.take()
	gone := join(t, g, epoch0)
	if _, err := gone.do(epoch0, &api.ClientFrame{Body: &api.ClientFrame_Leave{Leave: &api.Leave{}}}); err != nil {
		t.Fatal(err)
	}
	if frames, _ := outsider.do(epoch0, commitFrame(2)); code(frames) != api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT {
		t.Errorf("commit of somebody without the key: %v, want a conflict", frames)
	}
	if frames, _ := a.do(epoch0, commitFrame(2, gone.joined.GetSeat())); code(frames) != api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT {
		t.Errorf("key for a seat that left: %v, want a conflict", frames)
	}
	if frames, _ := a.do(epoch0, commitFrame(4)); code(frames) != api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT {
		t.Errorf("epoch 4 after 1: %v, want a conflict", frames)
	}
	large := commitFrame(2)
	large.GetCommit().Header = make([]byte, MaxHeader+1)
	if frames, err := a.do(epoch0, large); err != nil || code(frames) != api.ErrorCode_ERROR_CODE_TOO_LARGE {
		t.Errorf("large header: %v, %v, want TOO_LARGE", frames, err)
	}
	frames, err := b.do(epoch0, commitFrame(2, a.joined.GetSeat(), a.joined.GetSeat()))
	wantCode(t, err, api.ErrorCode_ERROR_CODE_MALFORMED)
	if got := frames[len(frames)-1].GetClosing().GetReason(); got != api.Closing_REASON_PROTOCOL {
		t.Errorf("closing reason = %v, want PROTOCOL", got)
	}
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

func TestWhenNoMemberIsLeftTheMeetingBeginsAnew(t *testing.T) {
	g := newRegistry(t, Config{})
	a := join(t, g, epoch0)
	if frames, _ := a.do(epoch0, commitFrame(1)); code(frames) != 0 {
		t.Fatal(frames)
	}
	b := join(t, g, epoch0)
	if b.joined.GetEpoch() != 1 {
		t.Fatalf("epoch = %d, want 1", b.joined.GetEpoch())
	}
	if _, err := a.do(epoch0, &api.ClientFrame{Body: &api.ClientFrame_Leave{Leave: &api.Leave{}}}); err != nil {
		t.Fatal(err)
	}
	if frames, _ := b.do(epoch0, commitFrame(1)); code(frames) != 0 {
		t.Errorf("first commit of the one left: %v, want it accepted", frames)
	}
}

func TestResume(t *testing.T) {
	g := newRegistry(t, Config{})
	a, b := join(t, g, epoch0), join(t, g, epoch0)
	a.do(epoch0, commitFrame(1, b.joined.GetSeat()))
	b.take()

	a.session.Lost(epoch0)
	if got := events(b.take()); len(got) != 1 || got[0].GetSeatAway().GetSeat() != a.joined.GetSeat() {
		t.Fatalf("events = %v, want SeatAway", got)
	}
	b.do(epoch0, dataFrame("while away"))
	resume := &api.Join{Meeting: meeting, Protocol: 1, Resume: &api.Resume{
		Seat: a.joined.GetSeat(), Token: a.joined.GetToken(), LastEvent: 3,
	}}
	wrong := proto.CloneOf(resume)
	wrong.Resume.Token = bytes.Repeat([]byte{1}, tokenLen)
	_, err := tryJoin(t, g, epoch0, wrong)
	wantCode(t, err, api.ErrorCode_ERROR_CODE_SEAT_GONE)

	back, err := tryJoin(t, g, epoch0.Add(9*time.Second), resume)
	if err != nil {
		t.Fatal(err)
	}
	if !back.joined.GetResumed() || back.joined.GetSeat() != a.joined.GetSeat() || back.joined.GetLastEvent() != 3 {
		t.Errorf("Joined = %v, want the seat resumed at event 3", back.joined)
	}
	var kinds []string
	for i, e := range events(back.take()) {
		if e.GetSequence() != uint64(4+i) {
			t.Errorf("event %d has number %d, want %d", i, e.GetSequence(), 4+i)
		}
		kinds = append(kinds, strings.TrimPrefix(fmt.Sprintf("%T", e.GetBody()), "*api.Event_"))
	}
	if diff := cmp.Diff([]string{"SeatAway", "DataSent", "SeatBack"}, kinds); diff != "" {
		t.Errorf("events after the resume (-want +got):\n%s", diff)
	}

	// The old connection is noticed late: the seat stays with the new one.
	a.session.Lost(epoch0.Add(9 * time.Second))
	g.Tick(epoch0.Add(time.Minute))
	if g.Stats().Seats.Load() != 2 {
		t.Errorf("seats = %d, want 2", g.Stats().Seats.Load())
	}
	if _, err := a.do(epoch0, dataFrame("stale")); err != nil {
		t.Errorf("frame on the old connection: %v", err)
	}
}

func TestResumeOfALiveSeatReplacesTheConnection(t *testing.T) {
	g := newRegistry(t, Config{})
	a := join(t, g, epoch0)
	if _, err := tryJoin(t, g, epoch0, &api.Join{Meeting: meeting, Protocol: 1, Resume: &api.Resume{
		Seat: a.joined.GetSeat(), Token: a.joined.GetToken(), LastEvent: 1,
	}}); err != nil {
		t.Fatal(err)
	}
	if got := closing(a); got != api.Closing_REASON_REPLACED {
		t.Errorf("closing reason = %v, want REPLACED", got)
	}
}

func TestSeatIsGivenUpAfterGrace(t *testing.T) {
	g := newRegistry(t, Config{})
	a, b := join(t, g, epoch0), join(t, g, epoch0)
	a.session.Lost(epoch0)
	b.take()
	g.Tick(epoch0.Add(9 * time.Second))
	if got := b.take(); len(got) != 0 {
		t.Fatalf("within grace: %v", got)
	}
	g.Tick(epoch0.Add(10 * time.Second))
	if got := events(b.take()); len(got) != 1 || got[0].GetSeatLeft().GetSeat() != a.joined.GetSeat() {
		t.Fatalf("events = %v, want SeatLeft", got)
	}
	_, err := tryJoin(t, g, epoch0, &api.Join{Meeting: meeting, Protocol: 1, Resume: &api.Resume{
		Seat: a.joined.GetSeat(), Token: a.joined.GetToken(),
	}})
	wantCode(t, err, api.ErrorCode_ERROR_CODE_SEAT_GONE)
}

func TestSeatThatMissedTooMuchIsGivenUp(t *testing.T) {
	g := newRegistry(t, Config{})
	a, b := join(t, g, epoch0), join(t, g, epoch0)
	a.session.Lost(epoch0)
	now := epoch0
	for range 70 { // 64 KiB each: more than the log holds
		now = now.Add(100 * time.Millisecond)
		if frames, err := b.do(now, dataFrame(strings.Repeat("x", MaxData))); err != nil || code(frames) != 0 {
			t.Fatal(code(frames), err)
		}
	}
	_, err := tryJoin(t, g, now, &api.Join{Meeting: meeting, Protocol: 1, Resume: &api.Resume{
		Seat: a.joined.GetSeat(), Token: a.joined.GetToken(), LastEvent: 2,
	}})
	wantCode(t, err, api.ErrorCode_ERROR_CODE_SEAT_GONE)
	if got := events(b.take()); len(got) != 1 || got[0].GetSeatLeft() == nil {
		t.Errorf("events = %v, want SeatLeft", got)
	}
}

func TestSlowConnectionIsDropped(t *testing.T) {
	g := newRegistry(t, Config{})
	slow, b := join(t, g, epoch0), join(t, g, epoch0)
	now := epoch0
	for range 140 { // 64 KiB each: more than a connection may have waiting
		now = now.Add(100 * time.Millisecond)
		b.do(now, dataFrame(strings.Repeat("x", MaxData)))
	}
	if _, err := slow.out.Next(t.Context()); !errors.Is(err, ErrSlow) {
		t.Fatalf("Next() = %v, want ErrSlow", err)
	}
	slow.session.Lost(now)
	if got := events(b.take()); len(got) != 1 || got[0].GetSeatAway() == nil {
		t.Errorf("events = %v, want SeatAway", got)
	}
}

func TestRateLimit(t *testing.T) {
	g := newRegistry(t, Config{})
	a := join(t, g, epoch0)
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

func TestMeetingExpires(t *testing.T) {
	g := newRegistry(t, Config{MeetingTTL: time.Hour})
	a := join(t, g, epoch0)
	a.do(epoch0, &api.ClientFrame{Body: &api.ClientFrame_Leave{Leave: &api.Leave{}}})
	again := joinFrame(meeting, "a")
	again.Create, again.AdmissionKey = false, nil
	g.Tick(epoch0.Add(59 * time.Minute))
	b, err := tryJoin(t, g, epoch0.Add(59*time.Minute), again)
	if err != nil {
		t.Fatalf("before it expires: %v", err)
	}
	b.do(epoch0, &api.ClientFrame{Body: &api.ClientFrame_Leave{Leave: &api.Leave{}}})
	g.Tick(epoch0.Add(3 * time.Hour))
	_, err = tryJoin(t, g, epoch0.Add(3*time.Hour), again)
	wantCode(t, err, api.ErrorCode_ERROR_CODE_MEETING_UNKNOWN)
	if g.Stats().Meetings.Load() != 0 {
		t.Errorf("meetings = %d, want 0", g.Stats().Meetings.Load())
	}
}

func TestCloseTellsEverybody(t *testing.T) {
	g := newRegistry(t, Config{})
	a := join(t, g, epoch0)
	g.Close(api.Closing_REASON_SHUTDOWN)
	if got := closing(a); got != api.Closing_REASON_SHUTDOWN {
		t.Errorf("closing reason = %v, want SHUTDOWN", got)
	}
	a.session.Lost(epoch0)
	if _, err := a.do(epoch0, dataFrame("x")); err != nil {
		t.Errorf("frame after the end: %v", err)
	}
	_, err := tryJoin(t, g, epoch0, joinFrame(meeting, "a"))
	wantCode(t, err, api.ErrorCode_ERROR_CODE_RATE_LIMITED)
	if g.Stats().Seats.Load() != 0 || g.Stats().Meetings.Load() != 0 {
		t.Error("seats or meetings are left")
	}
}

// panickingMedia fails in the way a bug would.
type panickingMedia struct{ NoMedia }

type panickingSeat struct{ noMediaSeat }

func (panickingMedia) Attach(SeatID, func(*api.ServerFrame)) MediaSeat { return panickingSeat{} }
func (panickingSeat) View([]*api.ViewItem)                             { panic("a bug") }

func TestPanicEndsOneMeeting(t *testing.T) {
	var logged bytes.Buffer
	g := newRegistry(t, Config{
		NewMedia: func(*slog.Logger, func(any)) Media { return panickingMedia{} },
		Log:      slog.New(slog.NewTextHandler(&logged, nil)),
	})
	a := join(t, g, epoch0)
	other, err := tryJoin(t, g, epoch0, joinFrame("zzzzzzzzzzzzzzzz", "a"))
	if err != nil {
		t.Fatal(err)
	}
	frames, err := a.do(epoch0, &api.ClientFrame{Body: &api.ClientFrame_View{View: &api.View{}}})
	wantCode(t, err, api.ErrorCode_ERROR_CODE_INTERNAL)
	ended := false
	for _, f := range frames {
		ended = ended || f.GetClosing().GetReason() == api.Closing_REASON_MEETING_ENDED
	}
	if !ended {
		t.Errorf("frames = %v, want Closing MEETING_ENDED", frames)
	}
	if frames, err := other.do(epoch0, dataFrame("x")); err != nil || code(frames) != 0 {
		t.Errorf("the other meeting: %v, %v", frames, err)
	}
	if g.Stats().RoomPanics.Load() != 1 || g.Stats().Meetings.Load() != 1 {
		t.Errorf("panics = %d, meetings = %d, want 1 and 1", g.Stats().RoomPanics.Load(), g.Stats().Meetings.Load())
	}
	if got := logged.String(); !strings.Contains(got, "a bug") || strings.Contains(got, meeting) {
		t.Errorf("log = %q, want the reason and no meeting id", got)
	}
}

func TestOutboxWakesAndEnds(t *testing.T) {
	o := NewOutbox()
	var wg sync.WaitGroup
	var got int
	var last error
	wg.Go(func() {
		for {
			batch, err := o.Next(context.Background())
			if err != nil {
				last = err
				return
			}
			got += len(batch)
		}
	})
	for range 100 {
		o.Send(reply(1, &api.Reply{}))
	}
	o.Close(api.Closing_REASON_SHUTDOWN)
	o.Send(reply(1, &api.Reply{})) // after the end: nothing
	wg.Wait()
	if got != 101 || !errors.Is(last, ErrClosed) {
		t.Errorf("got %d frames and %v, want 101 and ErrClosed", got, last)
	}
}

func TestTokenIsNotPrinted(t *testing.T) {
	s := struct{ t token }{newToken()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s", "%q"} {
		if got := fmt.Sprintf(verb, s); strings.Contains(got, fmt.Sprintf("%x", s.t.bytes()[:4])) {
			t.Errorf("Sprintf(%q) = %q shows the token", verb, got)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	g := newRegistry(t, Config{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				c := join(t, g, epoch0)
				c.do(epoch0, dataFrame("hello"))
				c.do(epoch0, commitFrame(1))
				c.session.Lost(epoch0)
				g.Tick(epoch0.Add(time.Minute))
			}
		})
	}
	wg.Wait()
	if g.Stats().Seats.Load() != 0 {
		t.Errorf("seats = %d, want 0", g.Stats().Seats.Load())
	}
}
