package room

import (
	"context"
	"log/slog"
	"time"

	"conclave/api"
)

// A Session is one connection that sits in a seat. Handle is called by one
// goroutine at a time; Lost may be called at any time.
type Session struct {
	room *Room
	seat *seat
	out  *Outbox
}

// SeatID returns the seat.
func (s *Session) SeatID() SeatID { return s.seat.id }

// LogAttr names the meeting and seat in logs.
func (s *Session) LogAttr() slog.Attr { return slog.Uint64("seat", uint64(s.seat.id)) }

// Handle does what one frame asks and puts the answer into the Outbox. An error
// means that the connection must end; the Outbox already holds the reason.
func (s *Session) Handle(ctx context.Context, now time.Time, f *api.ClientFrame) (err error) {
	defer s.room.guard(&err)
	r, err := s.dispatch(ctx, now, f)
	if err != nil {
		s.room.registry.stats.Refused.Add(1)
		e := asError(err)
		if f.GetRequest() != 0 || e.Fatal() {
			s.out.Send(e.Frame(f.GetRequest()))
		}
		if e.Fatal() {
			s.out.Close(api.Closing_REASON_PROTOCOL)
			return e
		}
		return nil
	}
	if r != nil && f.GetRequest() != 0 {
		s.out.Send(reply(f.GetRequest(), r))
	}
	return nil
}

// Malformed tells the client that a frame did not parse and ends the connection.
func (s *Session) Malformed() {
	s.room.registry.stats.Refused.Add(1)
	s.out.Send(malformed("frame does not parse").Frame(0))
	s.out.Close(api.Closing_REASON_PROTOCOL)
}

// dispatch returns the reply to one frame, which is nil for frames that have none.
func (s *Session) dispatch(ctx context.Context, now time.Time, f *api.ClientFrame) (*api.Reply, error) {
	l := &s.seat.limits
	if !l.frames.AllowN(now, 1) {
		return nil, rateLimited()
	}
	switch b := f.GetBody().(type) {
	case *api.ClientFrame_Ping:
		return &api.Reply{Body: &api.Reply_Pong{Pong: &api.Pong{}}}, nil
	case *api.ClientFrame_Leave:
		s.leave(now)
		return nil, nil
	case *api.ClientFrame_Commit:
		if !l.commits.AllowN(now, 1) {
			return nil, rateLimited()
		}
		return s.room.commit(now, s, b.Commit)
	case *api.ClientFrame_Data:
		if !l.data.AllowN(now, 1) {
			return nil, rateLimited()
		}
		return s.room.data(now, s, b.Data)
	case *api.ClientFrame_Join:
		return nil, malformed("already joined")
	case nil:
		return nil, malformed("frame is empty or of an unknown kind")
	default:
		return s.dispatchMedia(ctx, now, f)
	}
}

// dispatchMedia checks a media frame and hands it to the media.
func (s *Session) dispatchMedia(ctx context.Context, now time.Time, f *api.ClientFrame) (*api.Reply, error) {
	l, m := &s.seat.limits, s.seat.media
	switch b := f.GetBody().(type) {
	case *api.ClientFrame_Publish:
		p := b.Publish
		switch {
		case !l.publish.AllowN(now, 1):
			return nil, rateLimited()
		case len(p.GetSdp()) > MaxSDP:
			return nil, tooLarge("session description", len(p.GetSdp()), MaxSDP)
		case len(p.GetStreams()) > MaxStreams:
			return nil, tooLarge("number of streams", len(p.GetStreams()), MaxStreams)
		}
		answer, err := m.Publish(ctx, p.GetSdp(), p.GetStreams())
		if err != nil {
			return nil, s.mediaError("publishing", err)
		}
		return &api.Reply{Body: &api.Reply_Published{Published: &api.Published{Sdp: answer}}}, nil
	case *api.ClientFrame_SubscribeAnswer:
		a := b.SubscribeAnswer
		switch {
		case !l.publish.AllowN(now, 1):
			return nil, rateLimited()
		case len(a.GetSdp()) > MaxSDP:
			return nil, tooLarge("session description", len(a.GetSdp()), MaxSDP)
		}
		if err := m.Answer(a.GetGeneration(), a.GetSdp()); err != nil {
			return nil, s.mediaError("taking an answer", err)
		}
	case *api.ClientFrame_View:
		switch {
		case !l.view.AllowN(now, 1):
			return nil, rateLimited()
		case len(b.View.GetItems()) > MaxViewItems:
			return nil, tooLarge("number of views", len(b.View.GetItems()), MaxViewItems)
		}
		m.View(b.View.GetItems())
	case *api.ClientFrame_KeyFrameRequest:
		if !l.keyFrames.AllowN(now, 1) {
			return nil, rateLimited()
		}
		m.RequestKeyFrame(b.KeyFrameRequest.GetStream())
	case *api.ClientFrame_RestartSubscribe:
		if !l.publish.AllowN(now, 1) {
			return nil, rateLimited()
		}
		m.RestartSubscribe()
	}
	return nil, nil
}

// mediaError makes the error for a client from one of the media. The text goes
// to the log only: it may quote a session description.
func (s *Session) mediaError(doing string, err error) error {
	s.room.log.Info("media refused", s.LogAttr(), slog.String("doing", doing), slog.Any("error", err))
	return &Error{Code: api.ErrorCode_ERROR_CODE_MEDIA, Message: "the session description could not be used"}
}

// leave gives the seat up.
func (s *Session) leave(now time.Time) {
	r := s.room
	r.mu.Lock()
	mine := s.seat.out == s.out
	if mine {
		r.removeLocked(now, s.seat)
	}
	r.mu.Unlock()
	if mine {
		s.seat.media.Close()
	}
}

// Lost tells the meeting that the connection ended. The seat is kept for the
// grace time, unless another connection has it already.
func (s *Session) Lost(now time.Time) {
	var err error
	defer s.room.guard(&err)
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || s.seat.out != s.out {
		return
	}
	s.seat.out = nil
	s.seat.awaySince = now
	r.recordLocked(now, &api.Event{Body: &api.Event_SeatAway{SeatAway: &api.SeatAway{Seat: uint32(s.seat.id)}}}, nil)
}

// asError returns err as an answer. Anything unknown is an internal error.
func asError(err error) *Error {
	if e, ok := err.(*Error); ok { //nolint:errorlint // errors of this package are never wrapped
		return e
	}
	return internalError()
}

func rateLimited() *Error {
	return &Error{Code: api.ErrorCode_ERROR_CODE_RATE_LIMITED, Message: "too many of these; wait a moment"}
}
