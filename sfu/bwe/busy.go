package bwe

import "time"

const (
	busyTail    = 60 * time.Millisecond // delay of the newest packet above the least, and the jitter: less may be noise
	busySpan    = 60 * time.Millisecond // of arrivals, at least, to take a rate from
	busyEven    = 2                     // times the rate of all, no packet came faster after the one before it
	busyPicture = 20 * time.Millisecond // packets that leave within it left together
	busyPackets = 3
	busySent    = 200 * Kilobit         // less makes no run that tells anything
	busyBehind  = 0.6                   // it shows less than this share of what is sent
	busyLong    = 80 * time.Millisecond // of delay: such a queue stood lately
	busyQuiet   = 2 * time.Second       // without one, until several pictures together tell of the link
	busyRing    = 32
)

// A busy is a run of packets of which each was sent before the one before it had
// come through the link: they stood in its queue one behind the other. It shows
// that a link has become slow within some packets, long before there is a trend.
//
// Those that left together, as a picture's packets do, came at the rate of the link,
// whatever else goes over it. Those of several pictures did if nothing else
// was in between, which is likely on a path that had no queue before.
//
// Every picture makes such a run, on any link. What tells is the rate.
type busy struct {
	ring    [busyRing]arrived
	packets uint64        // of the run
	picture uint64        // the first of those that left together last
	sent    time.Duration // when that left
	delay   time.Duration // of the newest
	longAt  time.Duration // when a long queue was last seen, by our clock; 0: never
	quiet   bool          // none had been when the run began
}

// An arrived is a packet that came, with the bytes of the run up to it.
type arrived struct {
	at    time.Duration
	bytes int
}

// add takes a received packet, in the order of sending. least is the delay of an
// empty path.
func (b *busy) add(sent, came time.Duration, size int, least time.Duration) {
	last := b.ring[(b.packets-1)%busyRing]
	if b.packets == 0 || last.at-sent < least || came < last.at {
		b.packets, b.picture, b.sent, last = 0, 0, sent, arrived{bytes: -size}
		b.quiet = b.longAt == 0 || sent-b.longAt > busyQuiet
	}
	if sent-b.sent > busyPicture {
		b.picture, b.sent = b.packets, sent
	}
	b.ring[b.packets%busyRing] = arrived{came, last.bytes + size}
	b.packets++
	if b.delay = came - sent; b.delay-least > busyLong {
		b.longAt = sent
	}
}

// skip ends the run.
func (b *busy) skip() { b.packets = 0 }

// rate returns the rate at which the last packets of the run came, if the queue has
// grown enough to tell. jitter is in ms; alone is false beside another flow.
func (b *busy) rate(least time.Duration, jitter float64, alone bool) (BitRate, bool) {
	noise := time.Duration(jitter * float64(time.Millisecond))
	if b.packets < busyPackets || b.delay-least < busyTail+noise {
		return 0, false
	}
	from := b.packets - min(b.packets, busyRing)
	together := !b.quiet || !alone
	if together {
		from = max(from, b.picture)
	}
	last := b.ring[(b.packets-1)%busyRing]
	fastest := BitRate(0) // of two packets that follow each other
	for n := b.packets - 1; n > from; n-- {
		first, next := b.ring[(n-1)%busyRing], b.ring[n%busyRing]
		fastest = max(fastest, rateOf(next.bytes-first.bytes, max(next.at-first.at, time.Millisecond)))
		span := last.at - first.at
		if b.packets-n+1 < busyPackets || span < busySpan {
			continue
		}
		if !together && fastest > busyEven*rateOf(last.bytes-first.bytes, span) {
			break // another flow's burst was in between
		}
		return rateOf(last.bytes-first.bytes, span), true
	}
	return 0, false
}
