package room

import "time"

// A limit bounds bytes, or other work, over time.
type limit struct {
	rate  int // per second
	burst int // at once
}

var (
	// resends bounds the retransmissions to one receiver, so that its NACKs cannot
	// make the server work more than forwarding does.
	resends = limit{rate: 250_000, burst: 128 << 10}

	// voices bounds one stream of sound, for sound is forwarded to everybody
	// whatever the estimates say. It is twice what Opus can be (RFC 6716,
	// Section 2.1.1: 510 kbit/s), for RED, and some.
	voices = limit{rate: 150_000, burst: 32 << 10}

	// asks bounds the packets that one receiver can ask for, whether it gets them or
	// not: looking them up is work.
	asks = limit{rate: 20_000, burst: 8192}

	// statuses bounds the packets that one receiver's transport-wide feedback speaks
	// of: twice as many as it is sent at 40 Mbit/s.
	statuses = limit{rate: 10_000, burst: 6000}
)

// statusesExtra is what each feedback costs beside the packets it speaks of. Receivers
// send twenty a second.
const statusesExtra = 64

// A budget is what is left of a limit. The zero value is a whole burst.
type budget struct {
	used int // of the burst
	at   time.Time
}

// take reports whether so much may go now, and if so counts it.
func (b *budget) take(now time.Time, amount int, l limit) bool {
	if passed := now.Sub(b.at); passed > 0 {
		earned := l.burst
		if passed < time.Second {
			earned = int(passed * time.Duration(l.rate) / time.Second)
		}
		if earned > 0 {
			b.used, b.at = max(0, b.used-earned), now
		}
	}
	if b.used+amount > l.burst {
		return false
	}
	b.used += amount
	return true
}
