package room

import (
	"time"

	"conclave/sfu/feedback"
	"conclave/sfu/rtp"
)

// maxSources bounds the SSRCs of one publishing connection; more are dropped.
const maxSources = feedback.MaxSources

// A publisher is the connection that a seat publishes on.
type publisher struct {
	seat     uint32
	to       any
	ssrc     uint32 // that we send RTCP as
	sections map[string]*section
	sources  map[uint32]*source
	recorder *feedback.Recorder
}

// A section is an m-line and the stream that it carries.
type section struct {
	*Section
	stream *stream // nil if it was not announced
}

// A source is one SSRC of a publisher.
type source struct {
	ssrc     uint32
	section  *section
	encoding *encoding // nil: unknown
	repairs  bool      // carries RTX
	account  *feedback.Source
}

// tick sends what is due to the publisher.
func (p *publisher) tick(now time.Time, out *rtp.Output) {}
