package auth

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"conclave/api"
)

// Sizes of the tables of rates.
const (
	maxPrefixes = 16384
	maxLimited  = 65536
)

// limits bounds how often one address prefix, one account and all together may
// ask. A rate is forgotten when its table is full and it was not used for longest.
type limits struct {
	addresses *rates
	accounts  *rates
	letters   *rates // messages to other people, by sender
	records   *rates // new records, by user: they are kept for ever
	lookups   *rates // requests to the directory, by address prefix
	global    *rate.Limiter
}

func newLimits(l Limits) *limits {
	if l.AddressPerMinute == 0 {
		l.AddressPerMinute = 60
	}
	if l.AccountPerMinute == 0 {
		l.AccountPerMinute = 600
	}
	if l.GlobalPerSecond == 0 {
		l.GlobalPerSecond = 200
	}
	if l.LookupsPerMinute == 0 {
		l.LookupsPerMinute = 1200
	}
	if l.RecordsAtOnce == 0 {
		l.RecordsAtOnce = 60
	}
	if l.RecordsPerHour == 0 {
		l.RecordsPerHour = 20
	}
	return &limits{
		addresses: perMinute(maxPrefixes, l.AddressPerMinute),
		accounts:  perMinute(maxLimited, l.AccountPerMinute),
		letters:   perMinute(maxLimited, lettersPerMinute),
		records:   newRates(maxLimited, l.RecordsAtOnce, rate.Limit(l.RecordsPerHour)/3600),
		lookups:   perMinute(maxPrefixes, l.LookupsPerMinute),
		global:    rate.NewLimiter(rate.Limit(l.GlobalPerSecond), l.GlobalPerSecond),
	}
}

// signIn counts a request that comes without a session.
func (l *limits) signIn(from netip.Addr, now time.Time) error {
	if err := l.addresses.take(prefix(from), now); err != nil {
		return err
	}
	if !l.global.AllowN(now, 1) {
		return refuseUntil(api.CodeSlowDown, "the server is busy: try again in a second", 0, 1000)
	}
	return nil
}

// MayLookUp counts a request to the directory, or refuses it.
func (s *Service) MayLookUp(c Caller) error {
	return s.limits.lookups.take(prefix(c.Address), s.cfg.Now())
}

// prefix returns what stands for an address: an IPv4 address, or the 56 bits of an
// IPv6 address that one customer of a network has.
func prefix(a netip.Addr) [16]byte {
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.Prefix(56); err == nil {
			a = p.Addr()
		}
	}
	if !a.IsValid() {
		return [16]byte{}
	}
	return a.As16()
}

// rates are token buckets by a key, at most a fixed number of them.
type rates struct {
	size, burst int
	limit       rate.Limit // tokens a second

	mu    sync.Mutex
	byKey map[[16]byte]*list.Element
	order *list.List // of *bucket, the last used first
}

type bucket struct {
	key     [16]byte
	limiter *rate.Limiter
}

func newRates(size, burst int, limit rate.Limit) *rates {
	return &rates{size: size, burst: burst, limit: limit, byKey: make(map[[16]byte]*list.Element), order: list.New()}
}

// perMinute returns rates of which a minute's tokens may be taken at once.
func perMinute(size, n int) *rates { return newRates(size, n, rate.Limit(n)/60) }

// take takes one token, or refuses with the time until there is one.
func (r *rates) take(key [16]byte, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.limiter(key)
	if l.AllowN(now, 1) {
		return nil
	}
	missing := 1 - l.TokensAt(now)
	wait := missing * 1000 / float64(r.limit)
	return refuseUntil(api.CodeSlowDown, "too many requests: wait", 0, uint64(wait)+1)
}

// limiter returns the bucket of a key. The caller holds mu.
func (r *rates) limiter(key [16]byte) *rate.Limiter {
	if e := r.byKey[key]; e != nil {
		r.order.MoveToFront(e)
		return e.Value.(*bucket).limiter //nolint:errcheck // the list has buckets only
	}
	if r.order.Len() >= r.size {
		last := r.order.Back()
		delete(r.byKey, last.Value.(*bucket).key) //nolint:errcheck // the list has buckets only
		r.order.Remove(last)
	}
	b := &bucket{key: key, limiter: rate.NewLimiter(r.limit, r.burst)}
	r.byKey[key] = r.order.PushFront(b)
	return b.limiter
}
