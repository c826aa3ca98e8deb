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

	"conclave/api"
)

func TestMeetingExpires(t *testing.T) {
	g := newRegistry(t, Config{MeetingTTL: time.Hour})
	a := join(t, g, epoch0)
	a.do(epoch0, &api.ClientFrame{Body: &api.ClientFrame_Leave{Leave: &api.Leave{}}})
	again := joinFrame(meeting, "a")
	again.Create = false
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
	other, err := tryJoin(t, g, epoch0, joinFrame(otherMeeting, "a"))
	if err != nil {
		t.Fatal(err)
	}
	other.do(epoch0, commitFrame(1))
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
