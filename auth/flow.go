package auth

import (
	"crypto/rand"
	"encoding/base64"
	"sync"

	"conclave/api"
)

// maxFlows bounds the ceremonies of one kind that are open at a time.
const maxFlows = 10_000

// flows are ceremonies that have begun, in memory: each ends once, or expires.
type flows[T any] struct {
	lifetime uint64 // ms

	mu   sync.Mutex
	open map[string]flow[T]
}

type flow[T any] struct {
	value   T
	expires uint64
}

func newFlows[T any](lifetime uint64) *flows[T] {
	return &flows[T]{lifetime: lifetime, open: make(map[string]flow[T])}
}

// begin keeps value under a new random name.
func (f *flows[T]) begin(value T, now uint64) (name string, expires uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.open) >= maxFlows {
		f.sweep(now)
	}
	if len(f.open) >= maxFlows {
		return "", 0, Refuse(api.CodeBusy, "too many sign-ins at a time: try again in a minute")
	}
	name = randomText(16)
	expires = now + f.lifetime
	f.open[name] = flow[T]{value, expires}
	return name, expires, nil
}

// end returns the value and forgets it: a name works once.
func (f *flows[T]) end(name string, now uint64) (T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.open[name]
	delete(f.open, name)
	if !ok || v.expires <= now {
		var zero T
		return zero, Refuse(api.CodeExpired, "this sign-in is over: begin again")
	}
	return v.value, nil
}

// peek returns the value without ending the ceremony.
func (f *flows[T]) peek(name string, now uint64) (T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.open[name]
	if !ok || v.expires <= now {
		var zero T
		return zero, Refuse(api.CodeExpired, "this sign-in is over: begin again")
	}
	return v.value, nil
}

// expire forgets what is over.
func (f *flows[T]) expire(now uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweep(now)
}

// sweep is expire with mu held.
func (f *flows[T]) sweep(now uint64) {
	for name, v := range f.open {
		if v.expires <= now {
			delete(f.open, name)
		}
	}
}

// randomText returns n random bytes as base64url.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}
