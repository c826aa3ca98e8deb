package keypackages

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"conclave/client/vault"
	"conclave/core/mls"
	"conclave/core/secret"
)

const (
	indexKey      = "keypackages/index"
	privatePrefix = "keypackages/private/" // and the hexadecimal KeyPackageRef
)

// An index is what this device knows of its KeyPackages. It is one value of the
// vault, so that each step is taken as a whole or not at all.
type index struct {
	Made map[string]*made `json:"made"` // by hexadecimal KeyPackageRef
	// Used counts Welcomes that were for a one-time KeyPackage, LastResort those for
	// a last resort, and Early those of them that came although the server had, by
	// its own words, one-time ones to hand out.
	Used       int `json:"used"`
	LastResort int `json:"last_resort"`
	Early      int `json:"early"`
	// Lowest is the least number of one-time KeyPackages that the server has named
	// since the last resort was published.
	Lowest int `json:"lowest"`
	Server int `json:"server"` // what it named last
}

// made is a KeyPackage that this device made.
type made struct {
	LastResort bool   `json:"last_resort,omitempty"`
	Published  bool   `json:"published,omitempty"`
	Used       bool   `json:"used,omitempty"` // of a one-time one: its private half is gone
	Made       uint64 `json:"made"`           // seconds since 1970
	Expires    uint64 `json:"expires"`        // seconds since 1970
}

// load reads the index. Call it locked.
func (s *Store) load(ctx context.Context) (*index, error) {
	x := &index{Made: make(map[string]*made)}
	b, err := s.cfg.Vault.Get(ctx, indexKey)
	if errors.Is(err, vault.ErrMissing) {
		return x, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the KeyPackages: %w", err)
	}
	if err := json.Unmarshal(b, x); err != nil || x.Made == nil {
		return nil, fmt.Errorf("reading the KeyPackages: %w", vault.ErrDamaged)
	}
	return x, nil
}

// save writes the index. Call it locked.
func (s *Store) save(ctx context.Context, x *index) error {
	b, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if err := s.cfg.Vault.Put(ctx, indexKey, b); err != nil {
		return fmt.Errorf("storing the KeyPackages: %w", err)
	}
	return nil
}

// counted takes over what the server says it has.
func (x *index) counted(n int) {
	x.Server = n
	x.Lowest = min(x.Lowest, n)
}

// private reads a KeyPackage with its private half.
func (s *Store) private(ctx context.Context, ref string) (*mls.KeyPackage, error) {
	b, err := s.cfg.Vault.Get(ctx, privatePrefix+ref)
	if err != nil {
		return nil, fmt.Errorf("reading a KeyPackage: %w", err)
	}
	v := secret.New(b)
	clear(b)
	defer v.Erase()
	return s.client.RestoreKeyPackage(v)
}

// prune forgets what nobody can use any more. Call it locked, and save afterwards.
func (s *Store) prune(ctx context.Context, x *index) error {
	now := uint64(max(s.cfg.Now().Unix(), 0))
	for ref, m := range x.Made {
		if now <= m.Expires+uint64(keepAfter.Seconds()) {
			continue
		}
		if err := s.cfg.Vault.Delete(ctx, privatePrefix+ref); err != nil {
			return fmt.Errorf("forgetting a KeyPackage: %w", err)
		}
		delete(x.Made, ref)
	}
	return nil
}

func refText(ref []byte) string { return hex.EncodeToString(ref) }
