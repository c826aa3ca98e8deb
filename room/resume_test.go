package room

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"conclave/api"
)

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
	a, b := meet(t, g)
	c := join(t, g, epoch0)
	b.do(epoch0, commitFrame(2, a.joined.GetSeat(), c.joined.GetSeat()))
	a.session.Lost(epoch0)
	now := flood(t, epoch0, maxLogBytes/MaxData+1, b, c)
	b.take()
	_, err := tryJoin(t, g, now, &api.Join{Meeting: meeting, Protocol: 1, Resume: &api.Resume{
		Seat: a.joined.GetSeat(), Token: a.joined.GetToken(), LastEvent: 5,
	}})
	wantCode(t, err, api.ErrorCode_ERROR_CODE_SEAT_GONE)
	if got := events(b.take()); len(got) != 1 || got[0].GetSeatLeft() == nil {
		t.Errorf("events = %v, want SeatLeft", got)
	}
}

func TestSlowConnectionIsDropped(t *testing.T) {
	g := newRegistry(t, Config{})
	slow, b := meet(t, g)
	now := flood(t, epoch0, maxQueueBytes/MaxData+1, b)
	if _, err := slow.out.Next(t.Context()); !errors.Is(err, ErrSlow) {
		t.Fatalf("Next() = %v, want ErrSlow", err)
	}
	slow.session.Lost(now)
	if got := events(b.take()); len(got) != 1 || got[0].GetSeatAway() == nil {
		t.Errorf("events = %v, want SeatAway", got)
	}
}
