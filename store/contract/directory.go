package contract

import (
	"bytes"
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"conclave/directory"
)

// epoch returns the epoch number n.
func epoch(n int, distinguished bool) directory.StoredEpoch {
	return directory.StoredEpoch{Number: uint64(n), Leaf: []byte{'l', byte(n)}, Distinguished: distinguished}
}

// record returns version v of user n; labels grow with n and v.
func record(n int, v uint32) directory.Entry {
	user := id(n)
	e := directory.Entry{
		Namespace: directory.NamespaceUser, Name: user[:], Version: v,
		Label: hash(n<<8 | int(v)), Commitment: hash(n<<8 | int(v) | 1<<20), Value: bytes.Repeat([]byte{byte(n), byte(v)}, 300),
	}
	e.Proof[0], e.Proof[79] = byte(n), byte(v)
	return e
}

// handle returns the entry of a handle of user n.
func handle(n int, name, skeleton string) directory.Entry {
	user := id(n)
	return directory.Entry{
		Namespace: directory.NamespaceHandle, Name: []byte(name), Skeleton: skeleton,
		Label: hash(n<<8 | 0xff), Commitment: hash(n), Value: user[:],
	}
}

// commit commits an epoch that must be taken.
func commit(t *testing.T, s directory.Store, e directory.StoredEpoch, entries ...directory.Entry) {
	t.Helper()
	if err := s.Commit(t.Context(), e, entries); err != nil {
		t.Fatalf("Commit(%d) = %v", e.Number, err)
	}
}

// in returns an entry as the store returns it.
func in(epoch int, e directory.Entry) directory.Entry {
	e.Epoch = uint64(epoch)
	return e
}

func testEpochs(t *testing.T, open Open) {
	s := opened(t, open).Directory()
	if n, err := s.Count(t.Context()); n != 0 || err != nil {
		t.Errorf("Count() of an empty store = %d, %v", n, err)
	}
	if all, err := s.Epochs(t.Context(), 0, 10); len(all) != 0 || err != nil {
		t.Errorf("Epochs() of an empty store = %v, %v", all, err)
	}
	var want []directory.StoredEpoch
	for n := range 10 {
		want = append(want, epoch(n, n%4 == 0))
		commit(t, s, want[n])
	}
	if n, err := s.Count(t.Context()); n != 10 || err != nil {
		t.Errorf("Count() = %d, %v; want 10", n, err)
	}
	for _, test := range []struct {
		from  uint64
		limit int
		want  []directory.StoredEpoch
	}{
		{0, 100, want},
		{3, 4, want[3:7]},
		{9, 1, want[9:]},
		{10, 1, nil},
		{math.MaxUint64, 1, nil},
		{0, 0, nil},
	} {
		got, err := s.Epochs(t.Context(), test.from, test.limit)
		if !slices.EqualFunc(got, test.want, sameEpoch) || err != nil {
			t.Errorf("Epochs(%d, %d) = %v, %v; want %v", test.from, test.limit, got, err, test.want)
		}
	}
	for _, test := range []struct {
		from  uint64
		limit int
		want  []uint64
	}{
		{0, 100, []uint64{0, 4, 8}},
		{1, 1, []uint64{4}},
		{9, 1, nil},
		{math.MaxUint64, 1, nil},
	} {
		got, err := s.Distinguished(t.Context(), test.from, test.limit)
		if !slices.Equal(got, test.want) || err != nil {
			t.Errorf("Distinguished(%d, %d) = %v, %v; want %v", test.from, test.limit, got, err, test.want)
		}
	}
}

func sameEpoch(a, b directory.StoredEpoch) bool {
	return a.Number == b.Number && bytes.Equal(a.Leaf, b.Leaf) && a.Distinguished == b.Distinguished
}

func testEntries(t *testing.T, open Open) {
	s := opened(t, open).Directory()
	user := id(1)
	if _, err := s.Latest(t.Context(), directory.NamespaceUser, user[:]); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("Latest() of nobody = %v, want %v", err, directory.ErrNotFound)
	}
	commit(t, s, epoch(0, true))
	commit(t, s, epoch(1, false), record(1, 0), handle(1, "alice", "aiice"), record(2, 0))
	commit(t, s, epoch(2, false), record(1, 1), record(1, 2))
	commit(t, s, epoch(3, false), record(1, 3))

	same := func(what string, got directory.Entry, err error, want directory.Entry) {
		t.Helper()
		if !reflect.DeepEqual(got, want) || err != nil {
			t.Errorf("%s = %+v, %v; want %+v", what, got, err, want)
		}
	}
	latest, err := s.Latest(t.Context(), directory.NamespaceUser, user[:])
	same("Latest", latest, err, in(3, record(1, 3)))
	alice, err := s.Latest(t.Context(), directory.NamespaceHandle, []byte("alice"))
	same("Latest(alice)", alice, err, in(1, handle(1, "alice", "aiice")))
	alike, err := s.BySkeleton(t.Context(), "aiice")
	same("BySkeleton", alike, err, in(1, handle(1, "alice", "aiice")))

	for _, skeleton := range []string{"alice", "", "AIICE"} { // users have no skeleton, and so not that of ""
		if _, err := s.BySkeleton(t.Context(), skeleton); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("BySkeleton(%q) = %v, want %v", skeleton, err, directory.ErrNotFound)
		}
	}
	for _, name := range []string{"Alice", "alic", "", "alice "} {
		if _, err := s.Latest(t.Context(), directory.NamespaceHandle, []byte(name)); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("Latest(%q) = %v, want %v", name, err, directory.ErrNotFound)
		}
	}
	for _, test := range []struct {
		from, to uint32
		limit    int
		want     []uint32
	}{
		{0, math.MaxUint32, 10, []uint32{0, 1, 2, 3}},
		{1, 2, 10, []uint32{1, 2}},
		{1, math.MaxUint32, 2, []uint32{1, 2}},
		{4, 9, 10, nil},
		{2, 1, 10, nil},
	} {
		got, err := s.Entries(t.Context(), directory.NamespaceUser, user[:], test.from, test.to, test.limit)
		var versions []uint32
		for _, e := range got {
			versions = append(versions, e.Version)
			same("Entries", e, nil, in([]int{1, 2, 2, 3}[e.Version], record(1, e.Version)))
		}
		if !slices.Equal(versions, test.want) || err != nil {
			t.Errorf("Entries(%d, %d, %d) = versions %v, %v; want %v", test.from, test.to, test.limit, versions, err, test.want)
		}
	}
}

// leaves returns what s yields.
func leaves(t *testing.T, s directory.Store, from, to uint64) []directory.Leaf {
	t.Helper()
	var all []directory.Leaf
	err := s.Leaves(t.Context(), from, to, func(l directory.Leaf) error {
		all = append(all, l)
		return nil
	})
	if err != nil {
		t.Errorf("Leaves(%d, %d) = %v", from, to, err)
	}
	return all
}

func testLeaves(t *testing.T, open Open) {
	s := opened(t, open).Directory()
	var want []directory.Leaf
	for n := range 5 {
		// Later epochs have smaller labels: the order is by epoch first.
		a, b := record(9-n, 0), record(9-n, 1)
		if n == 3 { // an epoch without entries
			commit(t, s, epoch(n, false))
			continue
		}
		commit(t, s, epoch(n, false), a, b)
		want = append(want, directory.Leaf{Epoch: uint64(n), Label: a.Label, Commitment: a.Commitment},
			directory.Leaf{Epoch: uint64(n), Label: b.Label, Commitment: b.Commitment})
	}
	for _, test := range []struct {
		from, to uint64
		want     []directory.Leaf
	}{
		{0, 5, want},
		{0, math.MaxUint64, want},
		{1, 3, want[2:6]},
		{3, 4, nil},
		{5, 9, nil},
		{2, 2, nil},
	} {
		if got := leaves(t, s, test.from, test.to); !slices.Equal(got, test.want) {
			t.Errorf("Leaves(%d, %d) = %v, want %v", test.from, test.to, got, test.want)
		}
	}
	enough, calls := errors.New("enough"), 0
	err := s.Leaves(t.Context(), 0, 5, func(directory.Leaf) error { calls++; return enough })
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("Leaves() = %v after %d calls, want the error of the first", err, calls)
	}
}

// testCommitConflicts commits what is there already: nothing of it stays.
func testCommitConflicts(t *testing.T, open Open) {
	s := opened(t, open).Directory()
	commit(t, s, epoch(0, true), record(1, 0), handle(1, "alice", "aiice"))
	sameLabel := record(3, 0)
	sameLabel.Label = record(1, 0).Label
	sameVersion := record(1, 0)
	sameVersion.Label = hash(77)
	many := make([]directory.Entry, 0, 250)
	for n := range 249 {
		many = append(many, record(100+n, 0))
	}
	for _, test := range []struct {
		name    string
		number  int
		entries []directory.Entry
	}{
		{"the same number", 0, nil},
		{"a gap", 2, nil},
		{"label", 1, []directory.Entry{record(4, 0), sameLabel}},
		{"version", 1, []directory.Entry{record(4, 0), sameVersion}},
		{"handle", 1, []directory.Entry{record(4, 0), handle(2, "alice", "other")}},
		{"skeleton", 1, []directory.Entry{record(4, 0), handle(2, "a1ice", "aiice")}},
		{"twice in itself", 1, []directory.Entry{record(4, 0), record(4, 0)}},
		{"label after many", 1, append(many, sameLabel)},
	} {
		err := s.Commit(t.Context(), epoch(test.number, false), test.entries)
		if !errors.Is(err, directory.ErrConflict) {
			t.Errorf("%s: Commit() = %v, want %v", test.name, err, directory.ErrConflict)
		}
		count, err := s.Count(t.Context())
		if got := leaves(t, s, 0, 10); count != 1 || err != nil || len(got) != 2 {
			t.Errorf("%s: %d epochs, %d leaves, %v; want 1 and 2", test.name, count, len(got), err)
		}
		fourth := id(4)
		if _, err := s.Latest(t.Context(), directory.NamespaceUser, fourth[:]); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("%s: an entry of it stayed: %v", test.name, err)
		}
	}
	commit(t, s, epoch(1, false), record(4, 0))
}

// testManyEntries commits more than one statement takes, and a value of the
// greatest size.
func testManyEntries(t *testing.T, open Open) {
	s := opened(t, open).Directory()
	var all []directory.Entry
	for n := range 1234 {
		all = append(all, record(n, 0))
	}
	all[700].Value = bytes.Repeat([]byte{7}, 64<<10)
	all[701].Value = []byte{}
	all[702].Name = bytes.Repeat([]byte{0}, 128)
	commit(t, s, epoch(0, true), all...)
	if got := leaves(t, s, 0, 1); len(got) != len(all) {
		t.Errorf("%d leaves, want %d", len(got), len(all))
	}
	for _, n := range []int{0, 99, 100, 700, 701, 702, 1199, 1200, 1233} {
		got, err := s.Latest(t.Context(), directory.NamespaceUser, all[n].Name)
		if !reflect.DeepEqual(got, in(0, all[n])) || err != nil {
			t.Errorf("entry %d = one of version %d with %d bytes, %v", n, got.Version, len(got.Value), err)
		}
	}
}

// testGivenUp calls with contexts that have ended: nothing is written.
func testGivenUp(t *testing.T, open Open) {
	s := opened(t, open)
	over, end := context.WithCancel(t.Context())
	end()
	ended := 0
	for n := range 20 { // whether a change is taken is a race with the end; both are right
		count, err := s.Directory().Count(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = s.Directory().Commit(over, epoch(int(count), false), nil)
		after, err2 := s.Directory().Count(t.Context())
		if err2 != nil {
			t.Fatal(err2)
		}
		if taken := after > count; taken != (err == nil) {
			t.Errorf("try %d: Commit() = %v, and written: %v", n, err, taken)
		}
		if err != nil {
			ended++
		}
	}
	if _, err := s.Directory().Count(over); err == nil {
		t.Error("a read with a context that has ended gave a result")
	}
	t.Logf("%d of 20 were given up", ended)
}
