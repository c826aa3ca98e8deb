package clip

import "time"

// A Player plays one track in a loop. It has no clock: the caller waits until
// [Player.Due] and then takes [Player.Next]. It is not safe for concurrent use.
type Player struct {
	// Constant after NewPlayer.
	track  *Track
	length uint32 // ticks
	start  time.Time

	next  int    // index of the first frame of the next picture
	shift uint64 // ticks from the start of playing to time 0 of the clip's current round
}

// A Picture is what is due at one moment: the layers of one picture, lowest
// first, or one audio frame.
type Picture struct {
	// Frames alias the clip.
	Frames []Frame
	// Index is the index of Frames[0] in the track.
	Index int
	// Ticks is the time since the start of playing. It never goes back, also
	// not when the clip starts again or a key picture is jumped to.
	Ticks uint64
}

// NewPlayer returns a player of t, a track of c, whose first picture is due at
// start.
func NewPlayer(c *Clip, t *Track, start time.Time) *Player {
	return &Player{track: t, length: uint32(uint64(c.Length) * uint64(t.Clock) / uint64(time.Second)), start: start}
}

// Due returns when the next picture is to be sent.
func (p *Player) Due() time.Time {
	ticks := p.ticks()
	clock := uint64(p.track.Clock)
	return p.start.Add(time.Duration(ticks/clock)*time.Second + time.Duration(ticks%clock)*time.Second/time.Duration(clock))
}

func (p *Player) ticks() uint64 { return p.shift + uint64(p.track.Frames[p.next].Time) }

// Next returns the next picture and moves past it.
func (p *Player) Next() Picture {
	out := Picture{Frames: p.track.Picture(p.next), Index: p.next, Ticks: p.ticks()}
	p.next += len(out.Frames)
	if p.next == len(p.track.Frames) {
		p.next = 0
		p.shift += uint64(p.length)
	}
	return out
}

// Slip makes the next picture due at t, if it was due before, and all later ones
// as much later: for a sender that could not keep up. No picture is left out,
// and Ticks goes on with the time of day.
func (p *Player) Slip(t time.Time) {
	if late := t.Sub(p.Due()); late > 0 {
		p.shift += uint64(late/time.Second)*uint64(p.track.Clock) + uint64(late%time.Second)*uint64(p.track.Clock)/uint64(time.Second)
	}
}

// JumpToKey makes the next picture a key picture, without a gap in time: what
// lies between is left out.
func (p *Player) JumpToKey() {
	ticks := p.ticks()
	for !p.track.Frames[p.next].Key {
		p.Next()
	}
	// The difference may be below zero; ticks adds the key picture's time to it
	// again, and unsigned arithmetic makes that come out right.
	p.shift = ticks - uint64(p.track.Frames[p.next].Time)
}
