package bwe

import "time"

// usage is what the delay says of the bottleneck.
type usage uint8

const (
	usageNormal usage = iota
	usageOver         // its queue grows
	usageUnder        // its queue shrinks
)

// Constants of the detector: draft-ietf-rmcat-gcc-02, Sections 5.3 to 5.5,
// with the trend line that libwebrtc has instead of the Kalman filter.
const (
	burstTime    = 5 * time.Millisecond   // packets sent within it are one group
	burstLength  = 100 * time.Millisecond // a group is never longer
	trendWindow  = 20                     // groups on the line
	trendSmooth  = 0.9                    // weight of the past in the smoothed delay
	trendGain    = 4.0
	trendDeltas  = 60 // from how many groups on the slope has full weight
	overuseTime  = 10 * time.Millisecond
	thresholdMin = 6.0  // ms
	thresholdMax = 600. // ms
	thresholdUp  = 0.0087
	thresholdDn  = 0.039
	outlier      = 15.0 // ms above the threshold: not learned from

	// maxJump is a delay change that no queue makes: a clock was set.
	maxJump = 5 * time.Second
)

// A group is a burst of packets that left together.
type group struct {
	firstSent, lastSent, firstCame, lastCame time.Duration
}

// A detector finds the gradient of the one-way delay.
type detector struct {
	state     usage
	jitter    float64 // mean absolute change of delay between groups, ms
	threshold float64 // ms

	groups    int // complete groups seen: 0, 1, 2 (two or more)
	cur, prev group
	open      bool // cur has a packet

	deltas   int
	delay    float64 // accumulated change of delay, ms
	smoothed float64
	origin   time.Duration // of the points' time axis
	points   [trendWindow]point
	n        int // points in use
	next     int // where the next goes

	trend   float64 // last modified trend, ms
	overFor time.Duration
	overs   int
}

// A point is an arrival and the smoothed delay there, both in ms.
type point struct{ x, y float64 }

// reset forgets the delays but keeps the threshold.
func (d *detector) reset() {
	*d = detector{threshold: d.threshold, jitter: d.jitter}
}

// skip ends the current group: what comes next is not compared with what was.
// It is called when packets were left out.
func (d *detector) skip() {
	d.open, d.groups = false, 0
}

// add takes a received packet, in the order of sending.
func (d *detector) add(sent, came time.Duration) {
	if d.threshold == 0 {
		d.threshold = 12.5
	}
	if !d.open {
		d.cur, d.open = group{sent, sent, came, came}, true
		return
	}
	if sent < d.cur.firstSent {
		return // reordered
	}
	if d.joins(sent, came) {
		d.cur.lastSent = max(d.cur.lastSent, sent)
		d.cur.lastCame = max(d.cur.lastCame, came)
		return
	}
	if d.groups > 0 {
		d.complete()
	}
	d.groups = min(d.groups+1, 2)
	d.prev = d.cur
	d.cur, d.open = group{sent, sent, came, came}, true
}

// joins reports whether a packet belongs to the current group: it left soon
// after its first one, or it came in one burst with it although sent later.
func (d *detector) joins(sent, came time.Duration) bool {
	if sent-d.cur.firstSent <= burstTime {
		return true
	}
	gap := came - d.cur.lastCame
	return gap < sent-d.cur.lastSent && gap <= burstTime && came-d.cur.firstCame < burstLength
}

// complete compares the current group with the one before.
func (d *detector) complete() {
	sendDelta := d.cur.lastSent - d.prev.lastSent
	change := d.cur.lastCame - d.prev.lastCame - sendDelta
	if change > maxJump || change < -maxJump {
		d.reset()
		return
	}
	delta := change.Seconds() * 1000
	d.jitter += 0.05 * (abs(delta) - d.jitter)
	d.deltas = min(d.deltas+1, trendDeltas)
	d.delay += delta
	d.smoothed = trendSmooth*d.smoothed + (1-trendSmooth)*d.delay
	if d.n == 0 {
		d.origin = d.cur.lastCame
	}
	d.points[d.next] = point{(d.cur.lastCame - d.origin).Seconds() * 1000, d.smoothed}
	d.next = (d.next + 1) % trendWindow
	d.n = min(d.n+1, trendWindow)
	d.detect(d.slope(), sendDelta)
}

// slope fits a line to the points.
func (d *detector) slope() float64 {
	if d.n < 4 {
		return 0
	}
	var mx, my float64
	for _, p := range d.points[:d.n] {
		mx += p.x
		my += p.y
	}
	mx /= float64(d.n)
	my /= float64(d.n)
	var num, den float64
	for _, p := range d.points[:d.n] {
		num += (p.x - mx) * (p.y - my)
		den += (p.x - mx) * (p.x - mx)
	}
	if den == 0 {
		return 0
	}
	return num / den
}

// detect compares the trend with the threshold, and lets the threshold follow
// it so that a flow which competes by filling queues does not starve this one
// (draft-ietf-rmcat-gcc-02, Section 5.4).
func (d *detector) detect(slope float64, sendDelta time.Duration) {
	trend := float64(d.deltas) * slope * trendGain
	switch {
	case trend > d.threshold:
		if d.overs == 0 {
			d.overFor = sendDelta / 2
		} else {
			d.overFor += sendDelta
		}
		d.overs++
		if d.overFor > overuseTime && d.overs > 1 && trend >= d.trend {
			d.overFor, d.overs = 0, 0
			d.state = usageOver
		}
	case trend < -d.threshold:
		d.overFor, d.overs = 0, 0
		d.state = usageUnder
	default:
		d.overFor, d.overs = 0, 0
		d.state = usageNormal
	}
	d.trend = trend
	if abs(trend) > d.threshold+outlier {
		return
	}
	k := thresholdUp
	if abs(trend) < d.threshold {
		k = thresholdDn
	}
	ms := min(max(sendDelta, 0), 100*time.Millisecond).Seconds() * 1000
	d.threshold += k * (abs(trend) - d.threshold) * ms
	d.threshold = min(max(d.threshold, thresholdMin), thresholdMax)
}

func abs(x float64) float64 {
	if x < 0 {
		return -x
	}
	return x
}
