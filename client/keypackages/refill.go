package keypackages

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"conclave/api"
	"conclave/core/mls"
)

// Refill asks the server how many KeyPackages of this device it has, and publishes
// more if they are few, or a new last resort if that is old or was used. A call
// that was cut off goes on where it was. Call it after signing in, after Welcomes
// and every few hours. The error may be [ErrDrained].
func (s *Store) Refill(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.load(ctx)
	if err != nil {
		return err
	}
	if err := s.prune(ctx, x); err != nil {
		return err
	}
	have, err := s.cfg.Server.KeyPackages(ctx)
	if err != nil {
		return err
	}
	x.counted(have.Count)
	drained := s.plan(ctx, x, have)
	if drained != nil && !errors.Is(drained, ErrDrained) {
		return drained
	}
	if err := s.save(ctx, x); err != nil {
		return err
	}
	if err := s.publish(ctx, x); err != nil {
		return err
	}
	return drained
}

// plan makes what is missing at the server and puts it into the index.
func (s *Store) plan(ctx context.Context, x *index, have *api.KeyPackageCount) error {
	now := s.cfg.Now()
	waiting, unused, last := 0, 0, false
	for _, m := range x.Made {
		switch {
		case m.LastResort:
			fresh := now.Before(time.Unix(int64(m.Made), 0).Add(renewAfter)) && !m.Used
			last = last || fresh && (have.LastResort || !m.Published)
		case !m.Used:
			unused++
			if !m.Published {
				waiting++
			}
		}
	}
	if !last {
		if err := s.make(ctx, x, s.last, true); err != nil {
			return err
		}
	}
	if have.Count+waiting >= low {
		return nil
	}
	for n := have.Count + waiting; n < full; n++ {
		if unused >= maxUnused {
			return ErrDrained
		}
		if err := s.make(ctx, x, s.client, false); err != nil {
			return err
		}
		unused++
	}
	return nil
}

// make makes one KeyPackage and stores its private half.
func (s *Store) make(ctx context.Context, x *index, c *mls.Client, last bool) error {
	k, err := c.NewKeyPackage()
	if err != nil {
		return err
	}
	defer k.Erase()
	ref, v := refText(k.Ref()), k.Snapshot()
	defer v.Erase()
	if err := s.cfg.Vault.Put(ctx, privatePrefix+ref, v.Expose()); err != nil {
		return fmt.Errorf("storing a KeyPackage: %w", err)
	}
	now := s.cfg.Now()
	lifetime := s.cfg.MLS.Lifetime
	if lifetime == 0 {
		lifetime = mls.DefaultLifetime
	}
	x.Made[ref] = &made{
		LastResort: last, Made: uint64(max(now.Unix(), 0)), Expires: uint64(max(now.Add(lifetime).Unix(), 0)),
	}
	return nil
}

// publish sends what was not confirmed yet; what the server has already it leaves
// out.
func (s *Store) publish(ctx context.Context, x *index) error {
	in := &api.KeyPackagesPut{KeyPackages: [][]byte{}}
	var refs []string
	var newest string
	for _, ref := range slices.Sorted(maps.Keys(x.Made)) {
		m := x.Made[ref]
		if m.Published || m.Used || !m.LastResort && len(in.KeyPackages) == api.MaxKeyPackages {
			continue
		}
		k, err := s.private(ctx, ref)
		if err != nil {
			return err
		}
		if m.LastResort {
			if newest != "" && m.Made < x.Made[newest].Made {
				continue
			}
			newest, in.LastResort = ref, k.Bytes()
		} else {
			in.KeyPackages = append(in.KeyPackages, k.Bytes())
			refs = append(refs, ref)
		}
		k.Erase()
	}
	if len(refs) == 0 && newest == "" {
		return nil
	}
	got, err := s.cfg.Server.PutKeyPackages(ctx, in)
	if err != nil {
		return err
	}
	x.counted(max(got.Count-len(refs), 0)) // what there was before
	x.Server = got.Count
	for _, ref := range refs {
		x.Made[ref].Published = true
	}
	if newest != "" {
		x.Made[newest].Published = true
		x.Lowest = math.MaxInt32
		x.counted(got.Count)
	}
	return s.save(ctx, x)
}
