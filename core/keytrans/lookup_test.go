package keytrans_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// Times in milliseconds.
const (
	second = keytranstest.Second
	minute = keytranstest.Minute
	hour   = keytranstest.Hour
	start  = keytranstest.Start
)

// world is a directory with some people, a client's verifier and what it knows.
type world struct {
	*keytranstest.Model
	v  *keytrans.Verifier
	st *keytrans.State
	p  *keytranstest.Person
}

// newWorld has 2 witnesses and kofi at a version.
func newWorld(tb testing.TB, version int) *world {
	tb.Helper()
	m := keytranstest.New(tb, 2)
	m.Fill(20)
	w := &world{Model: m, v: m.Verifier(), st: &keytrans.State{}, p: keytranstest.NewPerson("kofi")}
	for range version + 1 {
		w.p.Publish(m)
	}
	m.Later(second)
	return w
}

// request asks for kofi, by handle at first and then by user.
func (w *world) request() *keytrans.LookupRequest {
	if _, ok := w.st.Handles[w.p.Handle]; ok {
		return w.st.Request(keytrans.ByUser, w.p.User[:])
	}
	return w.st.Request(keytrans.ByHandle, []byte(w.p.Handle))
}

// accept looks kofi up and takes over what was learned.
func (w *world) accept(tb testing.TB) *keytrans.Result {
	tb.Helper()
	q := w.request()
	r, err := w.v.Lookup(w.st, q, w.Lookup(q, w.p, w.p.Version()).Encode(), w.Now)
	if err != nil {
		tb.Fatalf("an honest answer is refused: %v", err)
	}
	w.st.Apply(r)
	return r
}

// reload stores and reads what the client knows.
func (w *world) reload(tb testing.TB) {
	tb.Helper()
	head, err := keytrans.ParseHead(w.st.Head.Encode())
	if err != nil {
		tb.Fatal(err)
	}
	st := &keytrans.State{Head: head, Users: map[[16]byte]*keytrans.UserState{}, Handles: w.st.Handles}
	for id, u := range w.st.Users {
		got, err := keytrans.ParseUserState(u.Encode())
		if err != nil {
			tb.Fatal(err)
		}
		if !reflect.DeepEqual(got, u) {
			tb.Fatalf("a user is stored as\n%+v\nand read as\n%+v", u, got)
		}
		st.Users[id] = got
	}
	if !reflect.DeepEqual(st, w.st) {
		tb.Fatal("what was stored reads as something else")
	}
	w.st = st
}

func TestLookup(t *testing.T) {
	for _, version := range []int{0, 1, 2, 7, 8, 30} {
		w := newWorld(t, version)
		r := w.accept(t)
		if !r.Found || !r.Bound || r.User != w.p.User || r.Version != uint32(version) || r.First != r.Version || r.Witnesses != 2 || r.Reset {
			t.Errorf("Lookup at version %d = %+v", version, r)
		}
		if len(r.Records) != 1 || !bytes.Equal(r.Records[0], w.p.Records[version]) {
			t.Errorf("Lookup at version %d returns other records", version)
		}
		if r.Head.Size != 2 || r.Head.Time != w.Now {
			t.Errorf("head = %d epochs at %d, want 2 at %d", r.Head.Size, r.Head.Time, w.Now)
		}
		w.reload(t)

		// Again: all labels are known, nothing is new.
		q := w.request()
		if len(q.Cached) != len(keytrans.Ladder(uint32(version))) || q.SincePlusOne != uint32(version)+1 {
			t.Errorf("the second request is %+v", q)
		}
		if a := w.Lookup(q, w.p, w.p.Version()); len(a.VRFs) != 0 {
			t.Errorf("the second answer has %d label proofs", len(a.VRFs))
		}
		if r := w.accept(t); r.Version != uint32(version) || r.State.Version != uint32(version) {
			t.Errorf("the second lookup = %+v", r)
		}

		// After three more versions, some epochs later.
		for range 3 {
			w.p.Publish(w.Model)
			w.Later(minute)
		}
		r = w.accept(t)
		if r.First != uint32(version) || len(r.Records) != 4 || r.Version != uint32(version)+3 || r.Reset {
			t.Errorf("after 3 updates: %+v", r)
		}
		w.reload(t)
	}
}

func TestLookupNobody(t *testing.T) {
	w := newWorld(t, 0)
	q := w.st.Request(keytrans.ByHandle, []byte("lin"))
	r, err := w.v.Lookup(w.st, q, w.Lookup(q, nil, 0).Encode(), w.Now)
	if err != nil || r.Found || r.Bound || r.State != nil || r.Head == nil {
		t.Errorf("a handle that nobody has: %+v, %v", r, err)
	}
	w.st.Apply(r)
	if len(w.st.Handles) != 0 || len(w.st.Users) != 0 || w.st.Head == nil {
		t.Errorf("state = %+v", w.st)
	}
	q = w.st.Request(keytrans.ByUser, keytranstest.Seed("stranger")[:16])
	r, err = w.v.Lookup(w.st, q, w.Lookup(q, nil, 0).Encode(), w.Now)
	if err != nil || r.Found || r.State != nil {
		t.Errorf("a user without records: %+v, %v", r, err)
	}
}

// TestLookupKnownUser asks by handle for somebody who is known by id alone.
func TestLookupKnownUser(t *testing.T) {
	w := newWorld(t, 2)
	q := w.st.Request(keytrans.ByUser, w.p.User[:])
	r, err := w.v.Lookup(w.st, q, w.Lookup(q, w.p, 2).Encode(), w.Now)
	if err != nil || r.Handle != "" {
		t.Fatalf("by user: %+v, %v", r, err)
	}
	w.st.Apply(r)
	w.p.Publish(w.Model)
	w.p.Publish(w.Model)
	w.Later(second)
	if r := w.accept(t); r.Version != 4 || r.First != 4 || r.Reset || r.State.Checked != 1 {
		t.Errorf("by handle: %+v", r)
	}
}

// TestLookupKnownUserLies does the same with a directory that changes what was
// known, or the identity key.
func TestLookupKnownUserLies(t *testing.T) {
	w := newWorld(t, 2)
	q := w.st.Request(keytrans.ByUser, w.p.User[:])
	r, err := w.v.Lookup(w.st, q, w.Lookup(q, w.p, 2).Encode(), w.Now)
	if err != nil {
		t.Fatal(err)
	}
	w.st.Apply(r)
	evil := w.copyOf()
	evil.Put(keytrans.Users, w.p.User[:], 1, []byte("another"))
	evil.Later(second)
	before := snapshot(w.st)
	q = w.request()
	_, err = w.v.Lookup(w.st, q, evil.Lookup(q, w.p, 2).Encode(), evil.Now)
	at := attack{id: keytrans.ErrFlipFlop, attack: "MS-08", proof: keytrans.Changed, proven: true}
	at.refused(t, w, before, err)
	w.p.Publish(w.Model)
	w.p.Reset(w.Model, true)
	w.p.Publish(w.Model)
	w.Later(second)
	if r := w.accept(t); !r.Reset {
		t.Error("a reset between what was known and what was asked for is not told")
	}
}

// TestEvidenceOfNothing proves nothing by a directory that only grew.
func TestEvidenceOfNothing(t *testing.T) {
	w := newWorld(t, 2)
	older := w.accept(t).State.Proof // version 3 is not there
	w.p.Publish(w.Model)
	w.Later(second)
	newer := w.accept(t).State.Proof // version 3 is there
	for _, e := range []*keytrans.Evidence{
		{Kind: keytrans.Changed, First: older, Second: newer},
		{Kind: keytrans.Changed, First: newer, Second: older},
		{Kind: keytrans.Changed, First: newer, Second: newer},
		{Kind: keytrans.Answer},
	} {
		if err := w.v.VerifyEvidence(e); !errors.Is(err, keytrans.ErrUnproven) {
			t.Errorf("evidence of nothing: %v", err)
		}
	}
	evil := w.Clone()
	evil.Remove(keytrans.Users, w.p.User[:], 2)
	evil.Later(second)
	q := (&keytrans.State{}).Request(keytrans.ByUser, w.p.User[:])
	r, err := w.v.Lookup(&keytrans.State{}, q, evil.Lookup(q, w.p, 1).Encode(), evil.Now)
	if err == nil || r != nil {
		t.Fatal("a directory that hides version 3 is believed")
	}
	evil.Remove(keytrans.Users, w.p.User[:], 3)
	evil.Later(second)
	r, err = w.v.Lookup(&keytrans.State{}, q, evil.Lookup(q, w.p, 1).Encode(), evil.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []*keytrans.Evidence{
		{Kind: keytrans.Changed, First: newer, Second: r.State.Proof},
		{Kind: keytrans.Changed, First: r.State.Proof, Second: newer},
	} {
		if err := w.v.VerifyEvidence(e); err != nil {
			t.Errorf("a version taken back: %v", err)
		}
	}
}

// TestEvidenceForged puts an epoch into a checkpoint that does not hold it.
func TestEvidenceForged(t *testing.T) {
	w := newWorld(t, 2)
	older := w.accept(t).State.Proof
	evil := w.Clone()
	for v := range uint32(3) {
		evil.Remove(keytrans.Users, w.p.User[:], v)
	}
	w.Later(second)
	evil.Later(second)
	q := (&keytrans.State{}).Request(keytrans.ByUser, w.p.User[:])
	fake := w.p.Clone()
	evil.Put(keytrans.Users, w.p.User[:], 0, fake.Records[0])
	evil.Publish()
	w.Publish()
	r, err := w.v.Lookup(&keytrans.State{}, q, evil.Lookup(q, fake, 0).Encode(), evil.Now)
	if err != nil {
		t.Fatal(err)
	}
	lie := &keytrans.Evidence{Kind: keytrans.Changed, First: older, Second: r.State.Proof}
	if err := w.v.VerifyEvidence(lie); err != nil {
		t.Fatalf("a directory that signed both: %v", err)
	}
	lie.Second = bytes.Replace(lie.Second, evil.Note(), w.Note(), 1)
	if bytes.Equal(lie.Second, r.State.Proof) {
		t.Fatal("nothing was forged")
	}
	if err := w.v.VerifyEvidence(lie); err == nil {
		t.Error("a directory is proven to say what it did not sign")
	}
}

func TestLookupReset(t *testing.T) {
	w := newWorld(t, 1)
	w.accept(t)
	w.p.Reset(w.Model, true)
	w.Later(second)
	r := w.accept(t)
	if !r.Reset || r.Version != 2 {
		t.Errorf("after a reset: %+v", r)
	}
	if r := w.accept(t); r.Reset {
		t.Error("a reset that was accepted is told again")
	}
}

func TestLookupOfAnotherState(t *testing.T) {
	w := newWorld(t, 1)
	q := w.request()
	answer := w.Lookup(q, w.p, 1).Encode()
	w.accept(t)
	if _, err := w.v.Lookup(w.st, q, answer, w.Now); err != keytrans.ErrRequest { //nolint:errorlint // exactly this
		t.Errorf("an old request: %v, want ErrRequest", err)
	}
}
