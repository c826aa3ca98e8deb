package room

import "time"

// A limit bounds bytes over time.
type limit struct {
	rate  int // bytes per second
	burst int // bytes that may go at once
}

var (
	// resends bounds the retransmissions to one receiver, so that its NACKs cannot
	// make the server work more than forwarding does.
	resends = limit{rate: 250_000, burst: 128 << 10}

	// voices bounds one stream of sound, for sound is forwarded to everybody
	// whatever the estimates say. It is twice what Opus can be (RFC 6716,
	// Section 2.1.1: 510 kbit/s), for RED, and some.
	voices = limit{rate: 150_000, burst: 32 << 10}
)

// A budget is what is left of a limit. The zero value is a whole burst.
type budget struct {
	used int // bytes of the burst
	at   time.Time
}

// take reports whether so many bytes may go now, and if so counts them.
func (b *budget) take(now time.Time, bytes int, l limit) bool {
	if passed := now.Sub(b.at); passed > 0 {
		earned := l.burst
		if passed < time.Second {
			earned = int(passed * time.Duration(l.rate) / time.Second)
		}
		if earned > 0 {
			b.used, b.at = max(0, b.used-earned), now
		}
	}
	if b.used+bytes > l.burst {
		return false
	}
	b.used += bytes
	return true
}
