package keytrans_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// An attack is what a hostile directory answers to a client that knows w.st, and
// what must become of it.
type attack struct {
	name string
	// known says that the client has looked kofi up before.
	known bool
	// answer returns the hostile answer to q; it may change w, which is a copy.
	answer func(w *world, q *keytrans.LookupRequest) []byte
	id     *keytrans.Error
	attack string
	// proof is the kind of evidence; proven that it proves the lie.
	proof  keytrans.EvidenceKind
	proven bool
}

// copyOf returns a world that can be changed without the other noticing.
func (w *world) copyOf() *world {
	c := *w
	c.Model, c.p, c.st = w.Model.Clone(), w.p.Clone(), snapshot(w.st)
	return &c
}

// top is kofi's version in the tables of attacks.
const top = 2

var (
	strangers = sync.OnceValue(func() *world { return newWorld(fatal{}, top) })
	contacts  = sync.OnceValue(func() *world {
		w := newWorld(fatal{}, top)
		w.accept(fatal{})
		w.Later(minute)
		return w
	})
)

// fatal fails for what is made once for many tests.
type fatal struct{ testing.TB }

func (fatal) Helper()                      {}
func (fatal) Fatal(args ...any)            { panic(fmt.Sprint(args...)) }
func (fatal) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }

// base returns the world in which attacks begin, for copying.
func base(known bool) *world {
	if known {
		return contacts()
	}
	return strangers()
}

// refused checks that an error is the right one, that nothing was learned, and
// that the evidence is what it should be.
func (at *attack) refused(t *testing.T, w *world, before *keytrans.State, err error) *keytrans.Evidence {
	t.Helper()
	var e *keytrans.Error
	if !errors.As(err, &e) || !errors.Is(err, at.id) || e.Attack != at.attack {
		t.Fatalf("error = %v, want %s (%s)", err, at.id.ID, at.attack)
	}
	if !reflect.DeepEqual(before, w.st) {
		t.Error("a refused answer changed the state")
	}
	want := at.proof
	if want == 0 {
		want = keytrans.Answer
	}
	if e.Evidence == nil || e.Evidence.Kind != want {
		t.Fatalf("evidence = %+v, want kind %d", e.Evidence, want)
	}
	ev, err := keytrans.ParseEvidence(e.Evidence.Encode())
	if err != nil || !reflect.DeepEqual(ev.Encode(), e.Evidence.Encode()) {
		t.Fatalf("the evidence is stored as something else: %v", err)
	}
	if err := w.Verifier().VerifyEvidence(ev); (err == nil) != at.proven {
		t.Errorf("VerifyEvidence = %v, want proof: %v", err, at.proven)
	}
	return ev
}

// snapshot returns a copy of what the client knows.
func snapshot(st *keytrans.State) *keytrans.State {
	c := &keytrans.State{}
	if st.Head != nil {
		h := *st.Head
		h.Note = slices.Clone(h.Note)
		c.Head = &h
	}
	for id, u := range st.Users {
		if c.Users == nil {
			c.Users = map[[16]byte]*keytrans.UserState{}
		}
		clone := *u
		clone.Labels, clone.Proof = slices.Clone(u.Labels), slices.Clone(u.Proof)
		c.Users[id] = &clone
	}
	for h, u := range st.Handles {
		if c.Handles == nil {
			c.Handles = map[string][16]byte{}
		}
		c.Handles[h] = u
	}
	return c
}

// make returns the world of a client, its request, and what the hostile
// directory answers at a time.
func (at *attack) make() (w *world, q *keytrans.LookupRequest, answer []byte, now uint64) {
	w = base(at.known).copyOf()
	q = w.request()
	evil := w.copyOf()
	answer = at.answer(evil, q)
	return w, q, answer, evil.Now
}

// run makes the attack on a client, checks that it fails, and that the honest
// directory is believed afterwards.
func (at *attack) run(t *testing.T) {
	t.Helper()
	w, q, answer, now := at.make()
	before := snapshot(w.st)
	_, err := w.v.Lookup(w.st, q, answer, now)
	at.refused(t, w, before, err)
	w.accept(t)
}

func TestAttacks(t *testing.T) {
	for _, at := range attacks {
		t.Run(at.attack+" "+at.name, func(t *testing.T) { at.run(t) })
	}
}

// TestHandleMoved gives kofi's handle to somebody else, which needs another entry
// in the map's place.
func TestHandleMoved(t *testing.T) {
	w := newWorld(t, 0)
	w.accept(t)
	evil := w.copyOf()
	thief := keytranstest.NewPerson("kofi")
	thief.User = [16]byte(keytranstest.Seed("thief"))
	thief.Publish(evil.Model)
	evil.Later(second)
	before := snapshot(w.st)
	q := w.st.Request(keytrans.ByHandle, []byte("kofi"))
	a := evil.Lookup(q, thief, 0)
	_, err := w.v.Lookup(w.st, q, a.Encode(), evil.Now)
	at := attack{id: keytrans.ErrHandleMoved, attack: "MS-16"}
	at.refused(t, w, before, err)
	w.accept(t)
}

// TestHandleGone takes kofi's handle back.
func TestHandleGone(t *testing.T) {
	w := newWorld(t, 0)
	w.accept(t)
	evil := w.copyOf()
	evil.Remove(keytrans.Handles, []byte("kofi"), 0)
	evil.Later(second)
	before := snapshot(w.st)
	q := w.st.Request(keytrans.ByHandle, []byte("kofi"))
	_, err := w.v.Lookup(w.st, q, evil.Lookup(q, nil, 0).Encode(), evil.Now)
	at := attack{id: keytrans.ErrFlipFlop, attack: "MS-08", proof: keytrans.Changed, proven: true}
	at.refused(t, w, before, err)
	w.accept(t)
}
