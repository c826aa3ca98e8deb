package room

import (
	"slices"
	"time"

	"conclave/api"
	"conclave/sfu/rtp"
)

// listen lets microphones that fell silent leave the stage, every stageInterval,
// and returns when to call it again. Those that begin to speak do not wait for
// it: see [encoding.receiveSound].
func (r *Room) listen(now time.Time, out *rtp.Output) time.Time {
	if now.Sub(r.listenedAt) >= stageInterval && r.choose(now) {
		r.updateSound(now, out)
	}
	if len(r.microphones) == 0 {
		return now.Add(idleInterval)
	}
	return r.listenedAt.Add(stageInterval)
}

// choose has the stage look at all microphones, and tells all who speaks when that
// changed. It reports whether others are heard now.
func (r *Room) choose(now time.Time) (heard bool) {
	r.listenedAt = now
	r.microphones = r.microphones[:0]
	for _, s := range r.streams {
		if s.kind == api.StreamKind_STREAM_KIND_MICROPHONE && s.active {
			r.microphones = append(r.microphones, microphone{id: s.id, level: &s.level})
		}
	}
	heard, speaking := r.stage.turn(now, r.microphones)
	if speaking {
		f := r.speakersFrame()
		for _, s := range r.order {
			s.receiver.tell(f)
		}
	}
	return heard
}

// speakersFrame tells which seats speak, loudest first.
func (r *Room) speakersFrame() *api.ServerFrame {
	seats := make([]uint32, 0, len(r.stage.speaking))
	for _, id := range r.stage.speaking {
		if s := r.stream(id); s != nil && !slices.Contains(seats, s.seat) {
			seats = append(seats, s.seat)
		}
	}
	return &api.ServerFrame{Body: &api.ServerFrame_Speakers{Speakers: &api.Speakers{Seats: seats}}}
}
