package auth

import (
	"context"
	"testing"
)

// Sweep removes what has expired by now.
func (s *Service) Sweep(ctx context.Context) error { return s.sweep(ctx) }

// FillHashing takes all that hashes passwords, and all places that wait for it,
// until the function that it returns is called.
func (s *Service) FillHashing(t *testing.T) (release func()) {
	t.Helper()
	for range slots {
		s.slots <- struct{}{}
	}
	s.hashing.Add(slots + queue)
	return func() {
		s.hashing.Add(-slots - queue)
		for range slots {
			<-s.slots
		}
	}
}
