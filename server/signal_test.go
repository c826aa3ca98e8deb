package server

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"conclave/api"
)

func TestUnknownMeetingAndFullRoom(t *testing.T) {
	s := start(t, Config{MaxParticipants: 2})
	meeting := newMeeting()
	r := newPeer(t, s).ask(joinFrame(meeting, false))
	if got := r.GetError().GetCode(); got != api.ErrorCode_ERROR_CODE_MEETING_UNKNOWN {
		t.Errorf("join without create: %v, want MEETING_UNKNOWN", r)
	}
	newPeer(t, s).join(meeting)
	newPeer(t, s).join(meeting)
	third := newPeer(t, s)
	r = third.ask(joinFrame(meeting, false))
	if e := r.GetError(); e.GetCode() != api.ErrorCode_ERROR_CODE_MEETING_FULL || e.GetLimit() != 2 {
		t.Errorf("third join: %v, want MEETING_FULL with limit 2", r)
	}
	third.waitEnd()
}

// Who knows no more than the meeting id gets no seat, and learns nothing.
func TestOutsiderIsNotAdmitted(t *testing.T) {
	s := start(t, Config{})
	meeting := newMeeting()
	member := newPeer(t, s).join(meeting)
	outsider := newPeer(t, s)
	f := joinFrame(meeting, true)
	f.GetJoin().Announcement = []byte("an outsider's")
	r := outsider.ask(f)
	if got := r.GetError().GetCode(); got != api.ErrorCode_ERROR_CODE_NOT_ADMITTED || r.GetJoined() != nil {
		t.Errorf("join of an outsider: %v, want NOT_ADMITTED", r)
	}
	outsider.waitEnd()
	next := newPeer(t, s).join(meeting)
	member.wait("the next one's seat", func() bool { return len(member.events) > 0 })
	member.mu.Lock()
	defer member.mu.Unlock()
	if len(member.events) != 1 || len(next.joined.GetSeats()) != 2 {
		t.Errorf("events %v, seats %v; the outsider shows", member.events, next.joined.GetSeats())
	}
}

func TestResumeWithinGrace(t *testing.T) {
	s := start(t, Config{Grace: 30 * time.Second})
	meeting := newMeeting()
	a, b := newPeer(t, s).join(meeting), newPeer(t, s).join(meeting)
	a.wait("the other's seat", func() bool { return len(a.events) == 1 })
	a.drop()
	b.wait("SeatAway", func() bool {
		return len(b.events) > 0 && b.events[len(b.events)-1].GetSeatAway().GetSeat() == a.joined.GetSeat()
	})
	if r := b.ask(&api.ClientFrame{Body: &api.ClientFrame_Commit{Commit: &api.Commit{
		Epoch: 1, Header: []byte("a header"),
	}}}); r.GetAccepted() == nil {
		t.Fatalf("commit: %v", r)
	}
	b.ask(&api.ClientFrame{Body: &api.ClientFrame_Data{Data: &api.Data{Sealed: []byte("missed")}}})
	if r := a.resume(meeting); !r.GetJoined().GetResumed() {
		t.Fatalf("resume: %v", r)
	}
	a.wait("what it missed", func() bool {
		missed := false
		for _, e := range a.events {
			missed = missed || string(e.GetDataSent().GetSealed()) == "missed"
		}
		return missed && a.events[len(a.events)-1].GetSeatBack() != nil
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, e := range a.events {
		if e.GetSequence() != a.joined.GetLastEvent()+uint64(i)+1 {
			t.Errorf("event %d has number %d: there is a gap", i, e.GetSequence())
		}
	}
}

func TestSeatIsGoneAfterGrace(t *testing.T) {
	s := start(t, Config{Grace: time.Millisecond})
	meeting := newMeeting()
	a, b := newPeer(t, s).join(meeting), newPeer(t, s).join(meeting)
	a.drop()
	b.wait("SeatLeft", func() bool {
		return len(b.events) > 0 && b.events[len(b.events)-1].GetSeatLeft() != nil
	})
	if r := a.resume(meeting); r.GetError().GetCode() != api.ErrorCode_ERROR_CODE_SEAT_GONE {
		t.Errorf("resume: %v, want SEAT_GONE", r)
	}
}

func TestMalformedFrames(t *testing.T) {
	s := start(t, Config{})
	for _, tt := range []struct {
		name  string
		join  bool
		bytes []byte
		want  api.ErrorCode
	}{
		{"before joining", false, []byte{0xff, 0xff}, api.ErrorCode_ERROR_CODE_MALFORMED},
		{"not a join", false, []byte{0x08, 0x01, 0x5a, 0x00}, api.ErrorCode_ERROR_CODE_NOT_JOINED},
		{"after joining", true, []byte{0xff, 0xff}, api.ErrorCode_ERROR_CODE_MALFORMED},
		{"empty", true, []byte{}, api.ErrorCode_ERROR_CODE_MALFORMED},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPeer(t, s)
			if tt.join {
				p.join(newMeeting())
			}
			p.write(tt.bytes)
			var got api.ErrorCode
			p.wait("an error", func() bool {
				for _, r := range p.replies {
					if e := r.GetError(); e != nil {
						got = e.GetCode()
					}
				}
				return got != 0
			})
			if got != tt.want {
				t.Errorf("error = %v, want %v", got, tt.want)
			}
			p.waitEnd()
		})
	}
	t.Run("too large", func(t *testing.T) {
		p := newPeer(t, s)
		p.write(make([]byte, 300<<10))
		if got := websocket.CloseStatus(p.waitEnd()); got != websocket.StatusMessageTooBig {
			t.Errorf("close status = %v, want MessageTooBig", got)
		}
	})
	t.Run("bad session description", func(t *testing.T) {
		p := newPeer(t, s).join(newMeeting())
		r := p.ask(&api.ClientFrame{Body: &api.ClientFrame_Publish{Publish: &api.Publish{Sdp: "v=0\r\nnonsense"}}})
		if got := r.GetError().GetCode(); got != api.ErrorCode_ERROR_CODE_MEDIA {
			t.Errorf("publish: %v, want MEDIA", r)
		}
		r = p.ask(&api.ClientFrame{Body: &api.ClientFrame_SubscribeAnswer{SubscribeAnswer: &api.SubscribeAnswer{Generation: 7, Sdp: "v=0"}}})
		if got := r.GetError().GetCode(); got != api.ErrorCode_ERROR_CODE_MEDIA {
			t.Errorf("answer to nothing: %v, want MEDIA", r)
		}
	})
}

func TestForeignOriginIsRefused(t *testing.T) {
	s := start(t, Config{AllowOrigins: []string{"friend.example"}})
	for origin, ok := range map[string]bool{
		"https://evil.example": false, "https://friend.example": true, s.URL(): true,
	} {
		ws, resp, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL(), "http")+"/api/v1/connect",
			&websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
		if (err == nil) != ok {
			t.Errorf("origin %s: %v, want accepted %v", origin, err, ok)
		}
		if resp != nil && resp.Body != nil {
			_ = resp.Body.Close()
		}
		if err == nil {
			_ = ws.CloseNow()
		} else if resp == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("origin %s: %v, want 403", origin, resp)
		}
	}
}

func TestShutdownTellsClients(t *testing.T) {
	s, err := Listen(Config{Listen: "127.0.0.1:0", MediaListen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	p := newPeer(t, s).join(newMeeting())
	stop()
	var got api.Closing_Reason
	p.wait("Closing", func() bool {
		got = p.closing.GetReason()
		return p.closing != nil
	})
	if got != api.Closing_REASON_SHUTDOWN {
		t.Errorf("reason = %v, want SHUTDOWN", got)
	}
	if err := <-done; err != nil {
		t.Errorf("Run() = %v", err)
	}
}
