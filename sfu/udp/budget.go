package udp

import "time"

// A budget limits how often something may happen, or how much: a leaky bucket
// that holds what is ahead of the rate. The zero value is empty. It belongs to
// whoever holds the lock of what it is in.
type budget struct {
	full int64 // when it will be empty again; nanoseconds of Unix time
}

// A rate is what a budget allows.
type rate struct {
	each  time.Duration // what one unit takes
	burst time.Duration // how far ahead of time it may get
}

// per returns the rate of n units a second, with a burst of so many at once.
func per(n, burst int) rate {
	each := time.Second / time.Duration(n)
	return rate{each: each, burst: time.Duration(burst) * each}
}

// take takes n units if the budget has them.
func (b *budget) take(now time.Time, r rate, n int) bool {
	t := now.UnixNano()
	full := max(b.full, t)
	if full-t > int64(r.burst) {
		return false
	}
	b.full = full + int64(r.each)*int64(n)
	return true
}

// has reports whether take would give something.
func (b *budget) has(now time.Time, r rate) bool {
	return b.full-now.UnixNano() <= int64(r.burst)
}

// The limits of what costs us work before or beside media.
var (
	// failureRate is for STUN with a known username that is not authentic, of one
	// shard. Each costs an HMAC. When it is used up, checks of unknown addresses are dropped.
	failureRate = per(500, 500)
	// checkRate is for the checks of one peer: browsers send 20 a second while they
	// look for a path. Each authentic one is answered.
	checkRate = per(50, 100)
	// recordRate is for the DTLS records of one peer; a handshake takes about ten
	// datagrams, some of them twice.
	recordRate = per(20, 50)
	// farewellRate is for DTLS alerts after the handshake; each has the connection
	// set up again to look into it.
	farewellRate = per(1, 3)
)

// mediaRate returns that of a peer's media in bytes.
func mediaRate(bitsPerSecond int) rate {
	return rate{each: 8 * time.Second / time.Duration(bitsPerSecond), burst: mediaBurst}
}

// mediaBurst is how much media a peer may send at once, as time at its rate:
// several key frames, or what a network held back.
const mediaBurst = 500 * time.Millisecond
