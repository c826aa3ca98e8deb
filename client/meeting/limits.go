package meeting

import (
	"time"

	"conclave/core/session"
)

// Times of docs/protocol.md and of this client.
const (
	pingEvery   = 5 * time.Second
	replyWithin = 2 * pingEvery // two pings missed: the connection is taken for dead

	takeoverAfter = time.Second            // per rank without a new epoch
	batchJoins    = 50 * time.Millisecond  // joins this close together share one epoch
	commitBackoff = 100 * time.Millisecond // after a refused commit; doubles
	commitBackMax = 2 * time.Second
	keepPrevious  = 10 * time.Second // the keys of the epoch before

	joinWithin   = 15 * time.Second // to get the first connection and seat
	graceMax     = time.Minute      // longest grace a server may claim
	stateEvery   = 200 * time.Millisecond
	limitedPause = time.Second      // after the server said "rate limited"
	alarmEvery   = 10 * time.Second // the same alarm is not repeated faster
	rejoinWindow = time.Minute
)

// Bounds. What is beyond them is refused and counted, never stored.
const (
	// MaxFrame is the most bytes of one message from the server: the seats of
	// a meeting of 1024 take 1.5 MiB. Drivers set their read limit to it.
	MaxFrame = 2 << 20

	maxAnnouncement = 4 << 10   // bytes; api.Join
	maxHeader       = 128 << 10 // bytes; 1024 members take 40 KiB
	maxSealedKey    = 4 << 10   // bytes; 1168 in the first scheme
	maxData         = 8 << 10   // bytes; api.Data; session.MaxData is less
	maxSDP          = 200 << 10 // bytes, as the server's limit; offers of the server may be maxOffer
	maxOffer        = 1 << 20   // bytes; 4 m-lines for each of 1023 others
	maxMembers      = session.MaxMembers
	maxSeats        = 2048 // members, those who wait, and those just gone
	maxStreams      = 4 * maxMembers
	maxElements     = 8192 // of all lists of one frame
	maxOwnStreams   = 16
	maxViewItems    = 256
	maxShort        = 256 // bytes of a mid, a codec or another short text
	maxIceServers   = 16
	maxIceURLs      = 8
	maxToken        = 64   // bytes; the server makes 16
	maxKnown        = 4096 // announcements kept for epochs that name seats just gone
	maxRetired      = 4096 // devices that left and may not come back
	maxSeenChats    = 1024
	maxOutbox       = 128 // chat messages that wait; also those that failed
	maxDataInFlight = 8
	maxRequests     = 256
	maxPrevious     = 8 // epochs; key ids tell 16 apart
	maxPending      = 4 // own commits whose fate is unknown
	maxRejoins      = 5 // in rejoinWindow
	maxAlarms       = 64
	maxPixels       = 16384 // of a tile
	maxPriority     = 3
	maxLease        = 1 << 32 // counters at once; a day of video takes 10 million
	maxOutputs      = 16384   // of a driver that never polls; see emit
)

// backoff is the wait before each attempt to connect; the last is repeated.
var backoff = [...]time.Duration{0, 500 * time.Millisecond, time.Second, 2 * time.Second}

func backoffDelay(attempt int) time.Duration {
	return backoff[min(attempt, len(backoff)-1)]
}
