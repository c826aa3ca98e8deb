package keypackages

import (
	"context"
	"fmt"

	"conclave/core/mls"
	"conclave/core/mlswire"
)

// Take returns the KeyPackage that a Welcome, an MLSMessage, is for, to join with.
// Call [Store.Used] once the group is stored; until then Take returns it again.
// Errors: [ErrUsed], [ErrNotMine], mls.ErrNotGroupMessage for what is no Welcome,
// and those of package mlswire.
func (s *Store) Take(ctx context.Context, welcome []byte) (*mls.KeyPackage, error) {
	h, err := mlswire.Peek(welcome)
	if err != nil {
		return nil, fmt.Errorf("reading a Welcome: %w", err)
	}
	if h.WireFormat != mlswire.WireFormatWelcome {
		return nil, mls.ErrNotGroupMessage
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	for ref := range h.NewMembers() {
		m := x.Made[refText(ref)]
		switch {
		case m == nil:
		case m.Used && !m.LastResort:
			return nil, ErrUsed
		default:
			return s.private(ctx, refText(ref))
		}
	}
	return nil, ErrNotMine
}

// Used says that this device has joined with a KeyPackage: its private half is
// deleted, unless it is a last resort, which is replaced by the next Refill. To
// call it again is no error, and counts nothing.
func (s *Store) Used(ctx context.Context, ref []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.load(ctx)
	if err != nil {
		return err
	}
	m := x.Made[refText(ref)]
	switch {
	case m == nil:
		return ErrNotMine
	case m.LastResort:
		x.LastResort++
		// Nobody need say the truth here, but who says that one-time KeyPackages are
		// there and hands out the last resort contradicts themselves.
		if have, err := s.cfg.Server.KeyPackages(ctx); err == nil {
			x.counted(have.Count)
			if x.Lowest > 0 && !m.Used {
				x.Early++
			}
		}
	case !m.Used:
		x.Used++
	}
	m.Used = true
	if err := s.save(ctx, x); err != nil || m.LastResort {
		return err
	}
	if err := s.cfg.Vault.Delete(ctx, privatePrefix+refText(ref)); err != nil {
		return fmt.Errorf("forgetting a KeyPackage: %w", err)
	}
	return nil
}

// Accounting is what became of this device's KeyPackages.
type Accounting struct {
	Published int // one-time ones that were published and have not expired
	Used      int // Welcomes for one-time ones
	Server    int // one-time ones that the server said last it has
	// Missing are one-time ones that the server does not have any more and that no
	// Welcome came for: it gave them to somebody who has not used them.
	Missing int
	// LastResort are Welcomes for a last resort. Early are those of them that came
	// although, by its own words, the server had one-time ones all the time.
	LastResort, Early int
}

// Accounting returns the numbers so far, from the vault alone.
func (s *Store) Accounting(ctx context.Context) (Accounting, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.load(ctx)
	if err != nil {
		return Accounting{}, err
	}
	a := Accounting{Used: x.Used, Server: x.Server, LastResort: x.LastResort, Early: x.Early}
	now, waiting := uint64(max(s.cfg.Now().Unix(), 0)), 0
	for _, m := range x.Made {
		if m.LastResort || !m.Published || m.Expires <= now {
			continue
		}
		a.Published++
		if !m.Used {
			waiting++
		}
	}
	a.Missing = max(waiting-x.Server, 0)
	return a, nil
}
