package directory_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"conclave/core/account"
	"conclave/core/identity"
	"conclave/core/keytrans"
	"conclave/directory"
)

func TestMain(m *testing.M) {
	if runChild() {
		return
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil { // they wait for disks and checkpoints
		panic(err)
	}
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("k8s.io/klog/v2.(*flushDaemon).run.func1"),
	)
}

// TestLookup asks for people by handle and by user at several versions, as a
// stranger and as one who knows them, and judges the answers as clients do.
func TestLookup(t *testing.T) {
	t.Parallel()
	w := start(t, &memStore{}, t.TempDir())
	alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
	known := &keytrans.State{}
	w.put(t, bob)
	for version := range uint32(9) {
		if version > 0 {
			alice.next(t)
		}
		if a := w.put(t, alice); a.Version != version {
			t.Fatalf("accepted as version %d", a.Version)
		}
		for _, st := range []*keytrans.State{known, {}} {
			r := w.lookup(t, st, keytrans.ByHandle, []byte("alice"))
			if !r.Bound || !r.Found || r.User != alice.user() || r.Version != version {
				t.Fatalf("version %d: %+v", version, r)
			}
			if !bytes.Equal(r.Records[len(r.Records)-1], alice.last.Encode()) {
				t.Fatal("another record came back")
			}
		}
	}
	user := bob.user()
	if r := w.lookup(t, known, keytrans.ByUser, user[:]); r.Version != 0 || r.User != user {
		t.Errorf("by user: %+v", r)
	}
	if r := w.lookup(t, known, keytrans.ByHandle, []byte("carol")); r.Bound || r.Found {
		t.Errorf("nobody: %+v", r)
	}
	nobody := identity.UserID{1, 2, 3}
	if r := w.lookup(t, known, keytrans.ByUser, nobody[:]); r.Found {
		t.Errorf("no such user: %+v", r)
	}
}

// TestSince asks for the records since a version.
func TestSince(t *testing.T) {
	t.Parallel()
	w := start(t, &memStore{}, t.TempDir())
	p := newPerson(t, "alice")
	w.put(t, p)
	st := &keytrans.State{}
	w.lookup(t, st, keytrans.ByHandle, []byte("alice"))
	var want [][]byte
	want = append(want, p.last.Encode())
	for range 5 {
		w.put(t, p.next(t))
		want = append(want, p.last.Encode())
	}
	if r := w.lookup(t, st, keytrans.ByHandle, []byte("alice")); !slices.EqualFunc(r.Records, want, bytes.Equal) {
		t.Errorf("got %d records, want %d", len(r.Records), len(want))
	}
}

// TestMonitor follows an owner and a contact over distinguished epochs, old ones
// included.
func TestMonitor(t *testing.T) {
	t.Parallel()
	w := start(t, &memStore{}, t.TempDir())
	p := newPerson(t, "alice")
	w.put(t, p)
	owner, contact := &keytrans.State{}, &keytrans.State{}
	w.lookup(t, owner, keytrans.ByHandle, []byte("alice"))
	w.lookup(t, contact, keytrans.ByHandle, []byte("alice"))
	for i := range 7 {
		w.hours(t, 1+i%2)
		w.put(t, newPerson(t, handleOf(i)))
		if i%3 == 1 {
			w.put(t, p.next(t))
			w.lookup(t, owner, keytrans.ByHandle, []byte("alice"))
		}
	}
	w.hours(t, 1)
	if epochs, r := w.monitor(t, owner, p.user(), true, 2); epochs != 8 || r.Version != 2 {
		t.Errorf("owner: %d epochs, version %d", epochs, r.Version)
	}
	if epochs, r := w.monitor(t, contact, p.user(), false, 64); epochs != 8 || !r.State.Confirmed {
		t.Errorf("contact: %d epochs, %+v", epochs, r.State)
	}
}

// TestOften monitors an owner who publishes several versions an hour, from the
// first epoch on.
func TestOften(t *testing.T) {
	t.Parallel()
	w := start(t, &memStore{}, t.TempDir())
	p := newPerson(t, "alice")
	w.put(t, p)
	st := &keytrans.State{}
	w.lookup(t, st, keytrans.ByHandle, []byte("alice"))
	for _, versions := range []int{3, 0, 0, 1, 4, 2} {
		for range versions {
			w.put(t, p.next(t))
		}
		w.hours(t, 1)
	}
	w.lookup(t, st, keytrans.ByHandle, []byte("alice"))
	if epochs, r := w.monitor(t, st, p.user(), true, 64); epochs != 6 || r.Version != 10 {
		t.Errorf("%d epochs, version %d", epochs, r.Version)
	}
}

// TestRefused sends what must not be taken.
func TestRefused(t *testing.T) {
	t.Parallel()
	w := start(t, &memStore{}, t.TempDir())
	alice := newPerson(t, "alice")
	early := newPerson(t, "early").next(t)
	w.refuses(t, early, directory.ErrOutdated)
	w.put(t, alice)

	other := newPerson(t, "other")
	_, err := w.Update(t.Context(), alice.user(), other.last.Encode(), directory.Options{})
	if !errors.Is(err, directory.ErrRecord) {
		t.Errorf("another user's record: %v", err)
	}
	forged := other.last.Encode()
	forged[len(forged)-1] ^= 1
	if _, err := w.Update(t.Context(), other.user(), forged, directory.Options{}); !errors.Is(err, directory.ErrRecord) {
		t.Errorf("a forged record: %v", err)
	}
	w.refuses(t, newPerson(t, "alice"), directory.ErrHandle)
	w.refuses(t, newPerson(t, "a.lice"), directory.ErrHandle)
	if err := w.HandleFree(t.Context(), "a1ice"); !errors.Is(err, directory.ErrHandle) {
		t.Errorf("a handle that looks like another: %v", err)
	}
	if err := w.HandleFree(t.Context(), "zoe"); err != nil {
		t.Error(err)
	}

	before := *alice.last
	alice.next(t).next(t)
	w.refuses(t, alice, directory.ErrOutdated)
	alice.last = &before
	w.put(t, alice.next(t))
}

// TestReset replaces an identity key, which must be asked for.
func TestReset(t *testing.T) {
	t.Parallel()
	w := start(t, &memStore{}, t.TempDir())
	old, again := newPerson(t, "alice"), newPerson(t, "alice")
	w.put(t, old)
	d, err := again.device.Device(old.user(), account.DeviceInfo{Class: identity.Native, Name: "New", Added: 9, AddedBy: again.device.ID()})
	if err != nil {
		t.Fatal(err)
	}
	again.last = account.ResetRecord(old.last, 9, d)
	again.sign(t)
	w.refuses(t, again, directory.ErrReset)
	a, err := w.Update(t.Context(), old.user(), again.last.Encode(), directory.Options{AllowReset: true})
	if err != nil || a.Version != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestTwice sends the same record again: before, while and after it is taken.
func TestTwice(t *testing.T) {
	t.Parallel()
	w := start(t, &memStore{}, t.TempDir())
	p := newPerson(t, "alice")
	var wg sync.WaitGroup
	var got [8]directory.Accepted
	for i := range got {
		wg.Go(func() { got[i] = w.put(t, p) })
	}
	wg.Wait()
	for _, a := range got {
		if a != got[0] {
			t.Errorf("accepted as %+v and as %+v", a, got[0])
		}
	}
	if a := w.put(t, p); a != got[0] {
		t.Errorf("later accepted as %+v", a)
	}
	if n, _ := w.store.Latest(t.Context(), directory.NamespaceUser, p.last.User[:]); n.Version != 0 {
		t.Errorf("version %d", n.Version)
	}
}

// TestTogether has many at the same time: people who want the same handle, and
// versions that follow each other before the first is committed.
func TestTogether(t *testing.T) {
	t.Parallel()
	w := start(t, &memStore{}, t.TempDir())
	var wg sync.WaitGroup
	results := make([]error, 20)
	for i := range results {
		p := newPerson(t, "same")
		wg.Go(func() {
			_, results[i] = w.Update(t.Context(), p.user(), p.last.Encode(), directory.Options{})
		})
	}
	for i := range 20 {
		p := newPerson(t, handleOf(i))
		wg.Go(func() {
			for range 3 {
				w.put(t, p)
				p.next(t)
			}
		})
	}
	wg.Wait()
	taken := 0
	for _, err := range results {
		if err == nil {
			taken++
		} else if !errors.Is(err, directory.ErrHandle) {
			t.Error(err)
		}
	}
	if taken != 1 {
		t.Errorf("%d people have the same handle", taken)
	}
}

// TestStoreFails has commits that fail, and commits that are done and lost.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	store := &memStore{}
	w := start(t, store, t.TempDir())
	alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
	w.put(t, alice)

	store.set(func() error { return errDisk }, nil)
	w.refuses(t, bob, directory.ErrUnavailable)
	w.refuses(t, alice.next(t), directory.ErrUnavailable)
	st := &keytrans.State{}
	if r := w.lookup(t, st, keytrans.ByHandle, []byte("alice")); r.Version != 0 {
		t.Errorf("a version that was refused is told: %d", r.Version)
	}
	if w.Stats().StoreFailures.Load() == 0 {
		t.Error("nothing is counted")
	}

	store.set(nil, func() error { return errDisk })
	w.put(t, bob) // lost, and found to be done
	store.set(nil, nil)
	w.put(t, alice)
	if r := w.lookup(t, st, keytrans.ByHandle, []byte("alice")); r.Version != 1 {
		t.Errorf("version %d", r.Version)
	}
}

// TestRequests sends what is no request.
func TestRequests(t *testing.T) {
	t.Parallel()
	w := start(t, &memStore{}, t.TempDir())
	ctx := context.Background()
	for _, b := range [][]byte{nil, {1}, bytes.Repeat([]byte{255}, 100)} {
		if _, err := w.Lookup(ctx, b); !errors.Is(err, directory.ErrRequest) {
			t.Errorf("Lookup(%x): %v", b, err)
		}
		if _, err := w.Monitor(ctx, b); !errors.Is(err, directory.ErrRequest) {
			t.Errorf("Monitor(%x): %v", b, err)
		}
	}
	for _, sizes := range [][2]uint64{{0, 1}, {1, 1000}, {2, 1}} {
		if _, err := w.Consistency(ctx, sizes[0], sizes[1]); !errors.Is(err, directory.ErrRequest) {
			t.Errorf("Consistency%v: %v", sizes, err)
		}
	}
	if _, err := w.Mutations(ctx, 99); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("Mutations: %v", err)
	}
	nobody := keytrans.MonitorRequest{User: [16]byte{9}, Known: 1, Most: 1}
	if _, err := w.Monitor(ctx, nobody.Encode()); !errors.Is(err, directory.ErrRequest) {
		t.Errorf("Monitor of nobody: %v", err)
	}
}
