package server

import (
	"log/slog"

	"conclave/api"
	"conclave/room"
	"conclave/sfu/engine"
)

// mediaRoom lets a meeting use sfu/engine, which knows nothing of meetings.
type mediaRoom struct{ *engine.Room }

// Attach implements room.Media.
func (m mediaRoom) Attach(seat room.SeatID, send func(*api.ServerFrame)) room.MediaSeat {
	return m.Room.Attach(uint32(seat), send)
}

var (
	_ room.Media     = mediaRoom{}
	_ room.MediaSeat = (*engine.Seat)(nil)
)

// newMedia returns how meetings make their media.
func newMedia(e *engine.Engine) func(*slog.Logger, func(any)) room.Media {
	return func(log *slog.Logger, fail func(any)) room.Media {
		return mediaRoom{e.NewRoom(log, fail)}
	}
}
