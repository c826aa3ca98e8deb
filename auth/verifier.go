package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"

	"golang.org/x/crypto/argon2"

	"conclave/api"
)

// A verifier is what is stored of a password: the client's parameters, and
// Argon2id of the key that the client made with them.
type verifier struct {
	Params    api.PasswordParams `json:"params"`
	Salt      []byte             `json:"salt"`
	MemoryKiB uint32             `json:"memory_kib"`
	Time      uint32             `json:"time"`
	Hash      []byte             `json:"hash"`
}

// Sizes in bytes, and bounds of a client's parameters. The client chooses them;
// the floor is what RFC 9106, Section 4 asks for where memory is short.
const (
	authKeySize  = 32
	saltSize     = 16
	minMemoryKiB = 64 << 10
	maxMemoryKiB = 1 << 20
	minTime      = 3
	maxTime      = 16
	maxThreads   = 8
)

// Bounds of hashing passwords.
const (
	slots = 2 // at a time, and so the memory
	// queue is how many wait for a slot: some seconds' work. Who comes later is told
	// so at once, so that a flood of sign-ins holds no requests.
	queue = 128
)

func (s *Service) checkParams(p *api.PasswordParams) error {
	if len(p.Salt) != saltSize || p.MemoryKiB < minMemoryKiB || p.MemoryKiB > maxMemoryKiB ||
		p.Time < minTime || p.Time > maxTime || p.Threads < 1 || p.Threads > maxThreads {
		return Refuse(api.CodeMalformed, "the password's parameters are outside what is allowed: 16 bytes of salt, 64 MiB to 1 GiB, 3 to 16 passes")
	}
	return nil
}

// newVerifier returns what to store for a client's key.
func (s *Service) newVerifier(ctx context.Context, authKey []byte, p api.PasswordParams) ([]byte, error) {
	if len(authKey) != authKeySize {
		return nil, Refuse(api.CodeMalformed, "auth_key has 32 bytes")
	}
	if err := s.checkParams(&p); err != nil {
		return nil, err
	}
	v := verifier{Params: p, Salt: make([]byte, saltSize), MemoryKiB: s.cfg.Cost.MemoryKiB, Time: s.cfg.Cost.Time}
	_, _ = rand.Read(v.Salt) // never fails: crypto/rand
	var err error
	if v.Hash, err = s.hash(ctx, &v, authKey); err != nil {
		return nil, err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding a verifier: %w", err)
	}
	return b, nil
}

// verify reports whether a client's key is the one of stored. It takes as long
// with no stored verifier.
func (s *Service) verify(ctx context.Context, stored, authKey []byte) (bool, error) {
	v := verifier{Salt: make([]byte, saltSize), MemoryKiB: s.cfg.Cost.MemoryKiB, Time: s.cfg.Cost.Time}
	if stored != nil {
		if err := json.Unmarshal(stored, &v); err != nil {
			return false, fmt.Errorf("reading a verifier: %w", err)
		}
	}
	sum, err := s.hash(ctx, &v, authKey)
	if err != nil {
		return false, err
	}
	return stored != nil && subtle.ConstantTimeCompare(sum, v.Hash) == 1, nil
}

func (s *Service) hash(ctx context.Context, v *verifier, authKey []byte) ([]byte, error) {
	if s.hashing.Add(1) > slots+queue {
		s.hashing.Add(-1)
		return nil, Refuse(api.CodeBusy, "too many sign-ins at a time: try again in a minute")
	}
	defer s.hashing.Add(-1)
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return argon2.IDKey(authKey, v.Salt, max(v.Time, 1), max(v.MemoryKiB, 8), 1, 32), nil
}
