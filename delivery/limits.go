package delivery

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Bounds of what one request holds, in bytes or pieces.
const (
	MaxMessage   = 64 << 10
	MaxCommit    = 2 << 20
	MaxTree      = 4 << 20
	MaxWelcome   = 256 << 10
	MaxAdded     = 1000
	MaxEphemeral = 4 << 10
	MaxRejoin    = 16 << 10
)

// Limits bound what devices may do. A zero field is the default.
type Limits struct {
	Store     StoreLimits
	Retention time.Duration // of a message that not every device has; 30 days
	// Rates are of one device.
	Messages, Commits, Ephemeral, Rewinds Rate
}

// A Rate is so many a second, and a burst.
type Rate struct {
	Second float64
	Burst  int
}

func (l Limits) orDefault() Limits {
	number := func(n *int, is int) {
		if *n == 0 {
			*n = is
		}
	}
	of := func(r *Rate, is Rate) {
		if *r == (Rate{}) {
			*r = is
		}
	}
	number(&l.Store.Devices, 5000)
	number(&l.Store.Groups, 4096)
	number(&l.Store.Inbox, 1000)
	if l.Retention == 0 {
		l.Retention = 30 * 24 * time.Hour
	}
	of(&l.Messages, Rate{200, 1000})
	of(&l.Commits, Rate{20, 100})
	of(&l.Ephemeral, Rate{50, 100})
	of(&l.Rewinds, Rate{1, 10})
	return l
}

// An act is what is limited.
type act int

const (
	actMessage act = iota
	actCommit
	actEphemeral
	actRewind
	acts
)

// rates are the limiters of devices.
type rates struct {
	limits [acts]Rate

	mu   sync.Mutex
	kept [acts]map[[16]byte]*rate.Limiter
}

func newRates(l Limits) *rates {
	r := &rates{limits: [acts]Rate{l.Messages, l.Commits, l.Ephemeral, l.Rewinds}}
	for i := range r.kept {
		r.kept[i] = make(map[[16]byte]*rate.Limiter)
	}
	return r
}

// allow counts an act of a device; the error is an [OftenError].
func (r *rates) allow(device [16]byte, a act, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.limits[a]
	return take(r.kept[a], device, rate.Limit(l.Second), l.Burst, 1, now)
}
