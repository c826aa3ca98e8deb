package auth

import "context"

// Sweep removes what has expired by now.
func (s *Service) Sweep(ctx context.Context) error { return s.sweep(ctx) }
