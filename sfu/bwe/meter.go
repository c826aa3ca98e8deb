package bwe

import "time"

const (
	meterBucket  = 25 * time.Millisecond
	meterBuckets = 40 // one second
)

// A meter measures a rate over up to a second, on any clock that does not go
// back much.
type meter struct {
	buckets [meterBuckets]int64 // bytes
	first   time.Duration       // when the first packet came
	newest  time.Duration       // when the last packet came
	tail    int                 // its size
	started bool
}

// add counts n bytes that came at a time. What is older than the newest counts as
// coming with it. A gap longer than the meter, or a clock that was set, starts
// it afresh.
func (m *meter) add(at time.Duration, n int) {
	const span = meterBuckets * meterBucket
	if !m.started || at > m.newest+span || at < m.newest-span {
		*m = meter{first: at, newest: at, started: true}
	}
	at = max(at, m.newest)
	for b := m.newest/meterBucket + 1; b <= at/meterBucket; b++ {
		m.buckets[slot(b)] = 0
	}
	m.newest, m.tail = at, n
	m.buckets[slot(at/meterBucket)] += int64(n)
}

// rate returns the rate over about the last window before the newest packet.
func (m *meter) rate(window time.Duration) BitRate { return m.rateAt(m.newest, window) }

// rateAt returns the rate over about the last window before now, which is not
// before the newest packet. Half of that packet is left out: a window that ends with
// an arrival has half a packet too many.
func (m *meter) rateAt(now, window time.Duration) BitRate {
	if !m.started {
		return 0
	}
	begin := max(now-window, m.first)
	oldest := begin / meterBucket
	if begin > m.first {
		begin -= begin % meterBucket
	}
	var sum int64
	for b := max(oldest, now/meterBucket-meterBuckets+1); b <= m.newest/meterBucket; b++ {
		sum += m.buckets[slot(b)]
	}
	sum -= int64(m.tail) / 2
	if now-begin < meterBucket || sum <= 0 {
		return 0
	}
	return rateOf(int(sum), now-begin)
}

// slot returns the place of the bucket that begins at b bucket lengths.
func slot(b time.Duration) int { return int((b%meterBuckets + meterBuckets) % meterBuckets) }

// A baseline is the least one-way delay of the last ten to twenty seconds: the
// path without a queue. Its two halves let it follow drifting clocks and
// changed routes.
type baseline struct {
	cur, prev time.Duration
	began     time.Duration // when cur was begun
	started   bool
}

const baselineTime = 10 * time.Second

// add takes a one-way delay, whose origin is arbitrary, and returns how much
// of it is queue.
func (b *baseline) add(now, delay time.Duration) time.Duration {
	switch {
	case !b.started:
		*b = baseline{cur: delay, prev: delay, began: now, started: true}
	case now-b.began > baselineTime:
		b.prev, b.cur, b.began = b.cur, delay, now
	default:
		b.cur = min(b.cur, delay)
	}
	return delay - b.least()
}

// rebase makes delay the new least one.
func (b *baseline) rebase(now, delay time.Duration) {
	*b = baseline{cur: delay, prev: delay, began: now, started: true}
}

// least returns the least delay.
func (b *baseline) least() time.Duration { return min(b.cur, b.prev) }
