package keypackages

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"conclave/client/vault"
	"conclave/core/identity"
)

const (
	seenPrefix = "keypackages/claimed/" // and the user
	seenSize   = 32 + 8
	maxSeen    = 8192 // of one user; the oldest go first
)

// seen are the one-time KeyPackages of a user that were claimed here: SHA-256 and
// end of the lifetime in seconds, 40 bytes each, oldest first.
type seen struct {
	rows    []byte
	changed bool
}

// add remembers one; false if it is there already.
func (s *seen) add(hash [32]byte, notAfter uint64) bool {
	for at := 0; at < len(s.rows); at += seenSize {
		if bytes.Equal(s.rows[at:at+32], hash[:]) {
			return false
		}
	}
	s.rows = binary.BigEndian.AppendUint64(append(s.rows, hash[:]...), notAfter)
	s.changed = true
	return true
}

func (s *Store) loadSeen(ctx context.Context, user identity.UserID) (*seen, error) {
	b, err := s.cfg.Vault.Get(ctx, seenPrefix+user.String())
	if err != nil && !errors.Is(err, vault.ErrMissing) {
		return nil, fmt.Errorf("reading what was claimed: %w", err)
	}
	if len(b)%seenSize != 0 {
		return nil, fmt.Errorf("reading what was claimed: %w", vault.ErrDamaged)
	}
	return &seen{rows: b}, nil
}

// saveSeen stores what is not over yet.
func (s *Store) saveSeen(ctx context.Context, user identity.UserID, x *seen) error {
	if !x.changed {
		return nil
	}
	now := uint64(max(s.cfg.Now().Unix(), 0))
	var kept []byte
	for at := max(0, len(x.rows)-maxSeen*seenSize); at < len(x.rows); at += seenSize {
		if binary.BigEndian.Uint64(x.rows[at+32:]) >= now {
			kept = append(kept, x.rows[at:at+seenSize]...)
		}
	}
	if err := s.cfg.Vault.Put(ctx, seenPrefix+user.String(), kept); err != nil {
		return fmt.Errorf("storing what was claimed: %w", err)
	}
	return nil
}
