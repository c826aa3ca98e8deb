package room

import (
	"time"

	"golang.org/x/time/rate"
)

// Limits of what a client may send. They bound memory for each seat and meeting.
const (
	MaxAnnouncement = 4 << 10   // bytes; an announcement is about 1.5 KiB
	MaxHeader       = 128 << 10 // bytes; 1024 members take about 40 KiB
	MaxSealedKey    = 4 << 10   // bytes; one takes 1168
	MaxSealedKeys   = 1024      // sender indexes of docs/protocol.md, Section 3
	MaxData         = 8 << 10   // bytes; a chat message takes at most 4.4 KiB
	MaxSDP          = 200 << 10 // bytes; below the read limit of a connection
	MaxStreams      = 16        // m-lines one seat publishes
	MaxViewItems    = 256       // tiles one client shows; more than any screen holds

	meetingIDLen = 16 // base32 characters, docs/protocol.md, Section 1
	tokenLen     = 16 // bytes
)

// Bounds of the event log of one meeting. What a seat missed beyond them cannot
// be sent again, and the seat is given up.
const (
	maxLogEvents = 2048
	maxLogBytes  = 4 << 20
	// logSlack is added to the grace time: a connection that died without a
	// word is noticed by its pings only after this long.
	logSlack = 30 * time.Second
)

// limiters hold what one seat may do in a time. They are owned by the seat and
// outlive its connections, so that reconnecting gives no new allowance.
type limiters struct {
	frames, data, commits, publish, view, keyFrames *rate.Limiter
}

func newLimiters() limiters {
	return limiters{
		frames:    rate.NewLimiter(60, 240), // all frames together
		data:      rate.NewLimiter(10, 60),  // chat and states; a paste of lines is a burst
		commits:   rate.NewLimiter(10, 64),  // a full room that leaves at once
		publish:   rate.NewLimiter(4, 32),   // renegotiation, answers and restarts
		view:      rate.NewLimiter(20, 60),  // resizing a window
		keyFrames: rate.NewLimiter(10, 40),  // one for each tile after a join
	}
}
