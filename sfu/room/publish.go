package room

import (
	"fmt"
	"slices"
	"time"

	"conclave/api"
	"conclave/sfu/feedback"
	"conclave/sfu/layer"
	"conclave/sfu/rtp"
)

// maxSources bounds the SSRCs of one publishing connection; more are dropped.
const maxSources = feedback.MaxSources

// A publisher is the connection that a seat publishes on.
type publisher struct {
	// Constant after newPublisher.
	room     *Room
	seat     uint32
	to       any
	ssrc     uint32 // that we send RTCP as
	recorder *feedback.Recorder

	sections    []*section
	transportID uint8 // of any section: they have it in common (RFC 9143, Section 9.1)
	sources     map[uint32]*source
	last        *source // of the last packet; nil: none
}

// A section is an m-line and the stream that it carries.
type section struct {
	*Section
	stream *stream // nil if it was not announced
}

// Publish takes what a seat publishes: the sections that were negotiated, and
// which streams they carry. to is the transport's handle of the connection.
// Another one than before is a new connection: the streams of the old one end.
// With the same one the sections are renegotiated, and streams whose m-line and
// kind stay go on. An error is ErrSeat or wraps ErrAnnounced, and changes nothing.
func (r *Room) Publish(now time.Time, seat uint32, to any, sections []*Section, announced []*api.PublishedStream, out *rtp.Output) error {
	now = r.advance(now)
	s := r.seats[seat]
	if s == nil {
		return ErrSeat
	}
	if err := check(sections, announced); err != nil {
		return err
	}
	p, old := s.publisher, s.publisher
	if p == nil || p.to != to {
		if old != nil {
			r.endConnection(old)
		}
		p = &publisher{room: r, seat: seat, to: to, ssrc: r.cfg.Random(), sources: make(map[uint32]*source)}
		p.recorder = feedback.New(p.ssrc)
		r.stats.Publishers.Add(1)
		s.publisher = p
	}
	p.assign(sections, announced)
	r.register(now, p, out)
	return nil
}

// endConnection stops counting a publishing connection.
func (r *Room) endConnection(*publisher) { r.stats.Publishers.Add(-1) }

// check reports whether every stream fits its m-line.
func check(sections []*Section, announced []*api.PublishedStream) error {
	if len(sections) > MaxSections {
		return fmt.Errorf("%w: %d m-lines, at most %d", ErrAnnounced, len(sections), MaxSections)
	}
	for i, a := range announced {
		at := slices.IndexFunc(sections, func(s *Section) bool { return s.Mid == a.GetMid() })
		if at < 0 {
			return fmt.Errorf("%w: there is no such m-line", ErrAnnounced)
		}
		if slices.ContainsFunc(announced[:i], func(b *api.PublishedStream) bool { return a.GetMid() == b.GetMid() }) {
			return fmt.Errorf("%w: two streams on one", ErrAnnounced)
		}
		switch k := a.GetKind(); k {
		case api.StreamKind_STREAM_KIND_MICROPHONE, api.StreamKind_STREAM_KIND_SCREEN_AUDIO:
			if !sections[at].Audio {
				return fmt.Errorf("%w: sound on an m-line for video", ErrAnnounced)
			}
		case api.StreamKind_STREAM_KIND_CAMERA, api.StreamKind_STREAM_KIND_SCREEN:
			if sections[at].Audio {
				return fmt.Errorf("%w: video on an m-line for sound", ErrAnnounced)
			}
		default:
			return fmt.Errorf("%w: unknown kind %d", ErrAnnounced, k)
		}
	}
	return nil
}

// assign takes new sections and gives those that are announced their streams: the
// ones they had, or new ones.
func (p *publisher) assign(sections []*Section, announced []*api.PublishedStream) {
	old := p.sections
	p.sections, p.transportID, p.last = make([]*section, 0, len(sections)), 0, nil
	for _, negotiated := range sections {
		sec := &section{Section: negotiated}
		p.sections = append(p.sections, sec)
		if p.transportID == 0 {
			p.transportID = negotiated.TransportID
		}
		at := slices.IndexFunc(announced, func(a *api.PublishedStream) bool { return a.GetMid() == sec.Mid })
		if at < 0 {
			continue
		}
		a := announced[at]
		if o := find(old, sec.Mid); o != nil && o.stream != nil && o.stream.kind == a.GetKind() && slices.Equal(o.RIDs, sec.RIDs) {
			sec.stream = o.stream
		} else {
			sec.stream = newStream(p, sec, a.GetKind())
		}
		sec.stream.active = a.GetActive()
		if sec.stream.codecName == "" {
			sec.stream.codecName = sec.First
		}
	}
	for ssrc, s := range p.sources {
		if p.bind(s, find(p.sections, s.mid)); s.section == nil {
			p.recorder.Forget(s.account)
			delete(p.sources, ssrc)
		}
	}
}

// find returns the section with a mid, or nil.
func find(sections []*section, mid string) *section {
	for _, s := range sections {
		if s.Mid == mid {
			return s
		}
	}
	return nil
}

// register makes the streams of a publisher known to all, and forgets those of
// the seat that it does not have.
func (r *Room) register(now time.Time, p *publisher, out *rtp.Output) {
	has := func(st *stream) bool {
		return slices.ContainsFunc(p.sections, func(s *section) bool { return s.stream == st })
	}
	r.remove(func(st *stream) bool { return st.seat == p.seat && !has(st) })
	for _, sec := range p.sections {
		if sec.stream != nil && !slices.Contains(r.streams, sec.stream) {
			r.streams = append(r.streams, sec.stream) // its id is the highest
			r.stats.Streams.Add(1)
		}
	}
	r.announce(now, out)
}

// drop forgets streams and tells all.
func (r *Room) drop(now time.Time, gone func(*stream) bool, out *rtp.Output) {
	if r.remove(gone) {
		r.announce(now, out)
	}
}

// remove forgets streams, and reports whether there were any to forget. The
// receivers notice by update.
func (r *Room) remove(gone func(*stream) bool) bool {
	before := len(r.streams)
	r.streams = slices.DeleteFunc(r.streams, func(s *stream) bool {
		s.gone = gone(s)
		return s.gone
	})
	r.stats.Streams.Add(int64(len(r.streams) - before))
	return len(r.streams) < before
}

// announce sends Streams to all and lets the receivers look at what they show.
func (r *Room) announce(now time.Time, out *rtp.Output) {
	r.choose(now)
	f := r.streamsFrame()
	for _, s := range r.order {
		s.receiver.tell(f)
	}
	for _, s := range r.order {
		s.receiver.update(now, out)
	}
}

// tick sends what is due to the publisher, and returns when to call it again.
func (p *publisher) tick(now time.Time, out *rtp.Output) (next time.Time) {
	next = now.Add(idleInterval)
	for _, sec := range p.sections {
		if sec.stream != nil && sec.stream.flushAsked(now, out) {
			next = now.Add(tickInterval)
		}
	}
	p.tell(now, out)
	return next
}

// tell sends the feedback that is due.
func (p *publisher) tell(now time.Time, out *rtp.Output) {
	for range maxFeedback {
		if next := p.recorder.Next(); next.IsZero() || next.After(now) {
			break
		}
		b := p.recorder.Append(now, out.Alloc(feedback.MaxPacket)[:0])
		if len(b) == 0 {
			break
		}
		out.Packets = append(out.Packets, rtp.Outbound{To: p.to, Payload: b, RTCP: true})
	}
	if next := p.recorder.Next(); !next.IsZero() {
		p.room.soon(next)
	}
}

// maxFeedback bounds the RTCP packets to one publisher at a time.
const maxFeedback = 8

// newSource returns the handle of the next incoming RTP stream.
func (r *Room) newSource() layer.Source {
	r.nextSource++
	return r.nextSource
}
