package delivery

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rates of KeyPackages. One who claims all of a device leaves only its last resort
// to others, so that taking many of one device is slow.
const (
	publishBurst = 400 // of a device, and then one each publishEvery
	publishEvery = 10 * time.Second
	claimBurst   = 30 // by one user of one device, and then one each claimEvery
	claimEvery   = time.Minute
	maxRates     = 1 << 16 // of a table; all are forgotten when it is full
)

// An OftenError is [ErrOften] with the time after which to try again.
type OftenError struct{ Wait time.Duration }

// Error implements error.
func (e *OftenError) Error() string { return fmt.Sprintf("too many requests: wait %v", e.Wait) }

// Is reports whether target is [ErrOften].
func (e *OftenError) Is(target error) bool { return target == ErrOften }

// keyPackageLimits bound how many KeyPackages are published and claimed.
type keyPackageLimits struct {
	mu        sync.Mutex
	published map[[16]byte]*rate.Limiter    // by device
	claimed   map[[2][16]byte]*rate.Limiter // by claiming user and device
}

func newKeyPackageLimits() *keyPackageLimits {
	return &keyPackageLimits{published: make(map[[16]byte]*rate.Limiter), claimed: make(map[[2][16]byte]*rate.Limiter)}
}

func (l *keyPackageLimits) publish(device [16]byte, n int, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return take(l.published, device, rate.Every(publishEvery), publishBurst, n, now)
}

func (l *keyPackageLimits) claim(by, device [16]byte, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return take(l.claimed, [2][16]byte{by, device}, rate.Every(claimEvery), claimBurst, 1, now)
}

// take counts n events of a key in a table.
func take[K comparable](table map[K]*rate.Limiter, key K, limit rate.Limit, burst, n int, now time.Time) error {
	have := table[key]
	if have == nil {
		if len(table) >= maxRates {
			clear(table)
		}
		have = rate.NewLimiter(limit, burst)
		table[key] = have
	}
	if !have.AllowN(now, n) {
		missing := max(float64(n)-have.TokensAt(now), 0)
		return &OftenError{Wait: time.Duration(missing / float64(limit) * float64(time.Second))}
	}
	return nil
}
