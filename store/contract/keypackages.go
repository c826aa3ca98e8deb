package contract

import (
	"errors"
	"reflect"
	"sync"
	"testing"

	"conclave/auth"
	"conclave/delivery"
)

// keyPackage returns KeyPackage n, which expires at 1000.
func keyPackage(n int, lastResort bool) delivery.StoredKeyPackage {
	return delivery.StoredKeyPackage{Hash: hash(n), LastResort: lastResort, Expires: 1000, Message: []byte{byte(n), 1, 2}}
}

// claims fails unless the next KeyPackage of device id(10) is want.
func claims(t *testing.T, s delivery.KeyPackageStore, want delivery.StoredKeyPackage) {
	t.Helper()
	got, err := s.ClaimKeyPackage(t.Context(), id(1), id(10), 5)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ClaimKeyPackage = %v, %v; want %v", got, err, want)
	}
}

// waiting fails unless device id(10) has so many.
func waiting(t *testing.T, s delivery.KeyPackageStore, now uint64, want int, last bool) {
	t.Helper()
	if n, l, err := s.CountKeyPackages(t.Context(), id(1), id(10), now); n != want || l != last || err != nil {
		t.Errorf("CountKeyPackages = %d, %v, %v; want %d, %v", n, l, err, want, last)
	}
}

func testKeyPackages(t *testing.T, open Open) {
	ctx, db := t.Context(), opened(t, open)
	s := db.KeyPackages()
	create(t, db.Auth(), 1, "alice")
	list := func(all ...delivery.StoredKeyPackage) []delivery.StoredKeyPackage { return all }
	refused(t, "PutKeyPackages of nobody", s.PutKeyPackages(ctx, id(9), id(10), list(keyPackage(1, false)), 3, 5), auth.ErrMissing)
	waiting(t, s, 5, 0, false)
	_, err := s.ClaimKeyPackage(ctx, id(1), id(10), 5)
	refused(t, "ClaimKeyPackage of none", err, delivery.ErrNoKeyPackage)

	first := list(keyPackage(1, false), keyPackage(2, false), keyPackage(3, true))
	done(t, "PutKeyPackages", s.PutKeyPackages(ctx, id(1), id(10), first, 3, 5))
	done(t, "PutKeyPackages again", s.PutKeyPackages(ctx, id(1), id(10), first, 3, 5))
	done(t, "PutKeyPackages of another", s.PutKeyPackages(ctx, id(1), id(11), list(keyPackage(1, false)), 3, 5))
	waiting(t, s, 5, 2, true)
	waiting(t, s, 1000, 0, false)
	refused(t, "too many", s.PutKeyPackages(ctx, id(1), id(10), list(keyPackage(4, false), keyPackage(5, false)), 3, 5), delivery.ErrManyKeyPackages)
	waiting(t, s, 5, 2, true)

	claims(t, s, keyPackage(1, false))
	waiting(t, s, 5, 1, true)
	done(t, "PutKeyPackages of one that was handed out", s.PutKeyPackages(ctx, id(1), id(10), first, 3, 5))
	waiting(t, s, 5, 1, true)
	claims(t, s, keyPackage(2, false))
	claims(t, s, keyPackage(3, true))
	claims(t, s, keyPackage(3, true))
	done(t, "PutKeyPackages, a new last resort", s.PutKeyPackages(ctx, id(1), id(10), list(keyPackage(6, true)), 3, 5))
	claims(t, s, keyPackage(6, true))
	done(t, "PutKeyPackages of a last resort that was replaced", s.PutKeyPackages(ctx, id(1), id(10), list(keyPackage(3, true)), 3, 5))
	claims(t, s, keyPackage(6, true))

	done(t, "RemoveKeyPackages", s.RemoveKeyPackages(ctx, id(1), id(11)))
	done(t, "PutKeyPackages", s.PutKeyPackages(ctx, id(1), id(11), list(keyPackage(1, false)), 3, 5))
	_, err = s.ClaimKeyPackage(ctx, id(1), id(11), 5)
	refused(t, "ClaimKeyPackage of what was removed", err, delivery.ErrNoKeyPackage)
	done(t, "PutKeyPackages of another", s.PutKeyPackages(ctx, id(1), id(11), list(keyPackage(7, false)), 3, 5))
	done(t, "KeepKeyPackages", s.KeepKeyPackages(ctx, id(1), [][16]byte{id(10), id(12)}))
	claims(t, s, keyPackage(6, true))
	_, err = s.ClaimKeyPackage(ctx, id(1), id(11), 5)
	refused(t, "ClaimKeyPackage of a removed device", err, delivery.ErrNoKeyPackage)
	done(t, "KeepKeyPackages of none", s.KeepKeyPackages(ctx, id(1), nil))
	waiting(t, s, 5, 0, false)
}

// testKeyPackageOnce claims one KeyPackage many times at once.
func testKeyPackageOnce(t *testing.T, open Open) {
	ctx, db := t.Context(), opened(t, open)
	s := db.KeyPackages()
	create(t, db.Auth(), 1, "alice")
	done(t, "PutKeyPackages", s.PutKeyPackages(ctx, id(1), id(10), []delivery.StoredKeyPackage{keyPackage(1, false), keyPackage(2, false)}, 3, 5))
	var all sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		all.Go(func() { _, results[i] = s.ClaimKeyPackage(ctx, id(1), id(10), 5) })
	}
	all.Wait()
	got := 0
	for _, err := range results {
		switch {
		case err == nil:
			got++
		case !errors.Is(err, delivery.ErrNoKeyPackage):
			t.Errorf("ClaimKeyPackage = %v", err)
		}
	}
	if got != 2 {
		t.Errorf("%d callers got one of two", got)
	}
}
