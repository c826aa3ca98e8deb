package contract

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"

	"conclave/auth"
	"conclave/directory"
)

// racers is how many do the same at the same time.
const racers = 32

// race calls f at the same time and returns what it returned.
func race(f func(n int) error) []error {
	errs := make([]error, racers)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for n := range racers {
		wg.Go(func() {
			<-start
			errs[n] = f(n)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// won returns who had no error, and fails unless that is exactly one and all
// others have the error lost.
func won(t *testing.T, errs []error, lost error) int {
	t.Helper()
	winner := slices.Index(errs, nil)
	for n, err := range errs {
		if n != winner && !errors.Is(err, lost) {
			t.Errorf("racer %d = %v, want %v", n, err, lost)
		}
	}
	if winner < 0 {
		t.Fatal("nobody won")
	}
	return winner
}

// testOneHandle lets many take one handle, half of them by a new account.
func testOneHandle(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Auth()
	for n := range racers / 2 {
		create(t, s, n, "")
	}
	winner := won(t, race(func(n int) error {
		if n < racers/2 {
			return s.SetHandle(ctx, id(n), "h"+strconv.Itoa(n), "~alice")
		}
		return s.CreateAccount(ctx, account(n, "alice"), login(n, "l"+strconv.Itoa(n)))
	}), auth.ErrTaken)
	for n := range racers {
		a, err := s.Account(ctx, id(n))
		if has := err == nil && a.Skeleton != ""; has != (n == winner) {
			t.Errorf("account %d = %+v, %v; the winner is %d", n, a, err, winner)
		}
	}
}

// testOneEpoch lets many commit the same epoch, each with its own next version.
func testOneEpoch(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Directory()
	commit(t, s, epoch(0, true), record(1, 0))
	winner := won(t, race(func(n int) error {
		e := record(1, 1)
		e.Value = []byte{byte(n)}
		return s.Commit(ctx, epoch(1, false), []directory.Entry{e})
	}), directory.ErrConflict)
	user := id(1)
	got, err := s.Latest(ctx, directory.NamespaceUser, user[:])
	if err != nil || got.Version != 1 || got.Value[0] != byte(winner) {
		t.Errorf("Latest = version %d, value %v, %v; want that of %d", got.Version, got.Value, err, winner)
	}
	if n := len(leaves(t, s, 0, 9)); n != 2 {
		t.Errorf("%d leaves, want 2", n)
	}
}

// testOneUpdate lets many change one login and take one login's key.
func testOneUpdate(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Auth()
	create(t, s, 1, "alice")
	done(t, "AddLogin", s.AddLogin(ctx, login(1, "k")))
	winner := won(t, race(func(n int) error {
		l := login(1, "k")
		l.Data = []byte{100, byte(n)}
		return s.UpdateLogin(ctx, l, []byte{1, 2, 3})
	}), auth.ErrMissing)
	if l, err := s.Login(ctx, auth.Passkey, "k"); err != nil || l.Data[1] != byte(winner) {
		t.Errorf("Login = %+v, %v; want that of %d", l, err, winner)
	}
	won(t, race(func(n int) error { return s.AddLogin(ctx, login(1, "new")) }), auth.ErrTaken)
	won(t, race(func(n int) error { return s.DeleteLogin(ctx, id(1), auth.Passkey, "new") }), auth.ErrMissing)

	// Of backups that come in any order, the one with the greatest counter stays.
	errs := race(func(n int) error {
		return s.PutBackup(ctx, auth.Backup{User: id(1), Counter: uint64(n), Blob: []byte{byte(n)}})
	})
	for n, err := range errs {
		if err != nil && !errors.Is(err, auth.ErrOld) || n == racers-1 && err != nil {
			t.Errorf("PutBackup(%d) = %v", n, err)
		}
	}
	if b, err := s.Backup(ctx, id(1)); err != nil || b.Counter != racers-1 || b.Blob[0] != racers-1 {
		t.Errorf("Backup = %+v, %v; want that of %d", b, err, racers-1)
	}
}

// testConcurrentTries lets many try at the same time: not one more is allowed.
func testConcurrentTries(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Auth()
	const limit = 5
	var mu sync.Mutex
	var counts []int
	for n, err := range race(func(int) error {
		count, _, err := s.Try(ctx, "a", 1, 100, limit)
		mu.Lock()
		defer mu.Unlock()
		counts = append(counts, count)
		return err
	}) {
		if err != nil {
			t.Errorf("try %d = %v", n, err)
		}
	}
	slices.Sort(counts)
	if want := []int{1, 2, 3, 4, 5, 6}; !slices.Equal(counts[:6], want) || counts[racers-1] != limit+1 {
		t.Errorf("counts = %v, want each of 1 to %d once, and then %d", counts, limit, limit+1)
	}
}

// testGroups lets changes that fail share transactions with others that do not.
func testGroups(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Auth()
	create(t, s, 1, "alice")
	for range 5 {
		errs := race(func(n int) error {
			if n%2 == 0 {
				return s.CreateAccount(ctx, account(100+n, ""), login(1, "key of aliceB")) // after the account is in
			}
			return s.AddLogin(ctx, login(1, "k"+strconv.Itoa(n)))
		})
		for n, err := range errs {
			if n%2 == 0 && !errors.Is(err, auth.ErrTaken) || n%2 == 1 && err != nil {
				t.Errorf("change %d = %v", n, err)
			}
			if n%2 == 0 {
				_, err := s.Account(ctx, id(100+n))
				refused(t, "Account of a change that failed", err, auth.ErrMissing)
			} else {
				done(t, "DeleteLogin", s.DeleteLogin(ctx, id(1), auth.Passkey, "k"+strconv.Itoa(n)))
			}
		}
	}
}

// testReadYourWrites reads what was written as soon as that has returned.
func testReadYourWrites(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Auth()
	create(t, s, 1, "alice")
	for n, err := range race(func(n int) error {
		for k := range 5 {
			x := session(1, n*10+k)
			if err := s.CreateSession(ctx, x); err != nil {
				return err
			}
			if got, err := s.SessionAt(ctx, x.Endpoint); err != nil || got != x {
				return errors.Join(errors.New("a session is not there after its creation"), err)
			}
			if err := s.DeleteSession(ctx, x.Endpoint); err != nil {
				return err
			}
			if _, err := s.SessionAt(ctx, x.Endpoint); !errors.Is(err, auth.ErrMissing) {
				return errors.Join(errors.New("a session is there after its end"), err)
			}
		}
		return nil
	}) {
		if err != nil {
			t.Errorf("racer %d: %v", n, err)
		}
	}
}
