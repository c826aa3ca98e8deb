package room

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"conclave/api"
)

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
	if frames, _ := a.do(epoch0, commitFrame(2, b.joined.GetSeat(), gone.joined.GetSeat())); code(frames) != api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT {
		t.Errorf("key for a seat that left: %v, want a conflict", frames)
	}
	if frames, _ := a.do(epoch0, commitFrame(4, b.joined.GetSeat())); code(frames) != api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT {
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

// A member can put nobody out who is in the meeting, connected or not; who has
// gone gets no key.
func TestCommitKeepsWhoIsThere(t *testing.T) {
	g := newRegistry(t, Config{})
	a, b := meet(t, g)
	c := join(t, g, epoch0)
	seatB, seatC := b.joined.GetSeat(), c.joined.GetSeat()
	if frames, _ := a.do(epoch0, commitFrame(2, seatC)); code(frames) != api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT {
		t.Errorf("commit without a connected member: %v, want a conflict", frames)
	}
	b.session.Lost(epoch0)
	if frames, _ := a.do(epoch0, commitFrame(2)); code(frames) != api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT {
		t.Errorf("commit without a member who is away: %v, want a conflict", frames)
	}
	// Who waits may wait on.
	if frames, _ := a.do(epoch0, commitFrame(2, seatB)); code(frames) != 0 {
		t.Errorf("commit without a device that waits: %v", frames)
	}
	g.Tick(epoch0.Add(time.Minute))
	if frames, _ := a.do(epoch0, commitFrame(3, seatC)); code(frames) != 0 {
		t.Errorf("commit after a member is gone: %v", frames)
	}
}

// Only who has the key of the epoch may write to the log, and asking is no crime.
func TestDataIsForMembers(t *testing.T) {
	g := newRegistry(t, Config{})
	waiting, a := join(t, g, epoch0), join(t, g, epoch0)
	send := func(when string, want api.ErrorCode) {
		t.Helper()
		frames, err := waiting.do(epoch0, dataFrame("x"))
		if err != nil || code(frames) != want {
			t.Errorf("data %s: %v, %v; want %v and no end", when, frames, err, want)
		}
	}
	send("before the first epoch", api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT)
	a.do(epoch0, commitFrame(1))
	send("of who waits", api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT)
	if got := g.Stats().Data.Load(); got != 0 {
		t.Errorf("%d messages are in the log, want none", got)
	}
	a.do(epoch0, commitFrame(2, waiting.joined.GetSeat()))
	send("of a member", 0)
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
