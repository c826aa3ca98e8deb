package directory_test

import (
	"errors"
	"testing"
	"time"

	"conclave/api"
	client "conclave/client/directory"
	"conclave/client/remote"
	"conclave/core/identity"
	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// twoViews shows ada and kofi forks of one log, which have grown by different
// lengths.
func twoViews(t testing.TB) (ada, kofi *actor, view *evil) {
	t.Helper()
	e := newEvil(t, 0)
	keytranstest.NewPerson("bob").Publish(e.Model)
	e.wait(time.Second)
	other := e.fork()
	e.Fill(1)
	e.wait(time.Second)
	for range 3 {
		other.wait(time.Second)
	}
	ada, kofi = newActor(t, e, e.clock, nil), newActor(t, other, e.clock, nil)
	ada.lookup(t, "bob")
	kofi.lookup(t, "bob")
	return ada, kofi, e
}

// TestSplit (MS-11) lets two people whom the server shows different logs compare
// what they know.
func TestSplit(t *testing.T) {
	ada, kofi, view := twoViews(t)
	user := identity.UserID{7}
	// The server joins nothing, so it gives the proof of one of the two logs.
	err := kofi.Gossip(t.Context(), user, ada.Head())
	a := alarm(t, err, client.IDSplit, "MS-11")
	if v := kofi.judged(t, a.Key); a.User != user || !v.Proven {
		t.Errorf("alarm %+v, verdict %+v", a, v)
	}
	for range 2 { // an answer that is in order does not make it good
		if _, err := kofi.Lookup(t.Context(), "carol"); !errors.Is(err, client.ErrPaused) {
			t.Errorf("a new contact: %v, want ErrPaused", err)
		}
		kofi.lookup(t, "bob")
	}
	if err := kofi.Dismiss(t.Context(), a.Key); err != nil {
		t.Fatal(err)
	}
	if _, err := kofi.Lookup(t.Context(), "carol"); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("a new contact after a person looked: %v", err)
	}

	// The head of a longer log cannot be joined to ours before the server shows us
	// as much.
	if err := ada.Gossip(t.Context(), user, kofi.Head()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		view.wait(time.Second)
	}
	ada.lookup(t, "bob")
	one(t, ada.monitors(t), client.IDSplit, "MS-11")
	if found := ada.monitors(t); len(found) != 0 {
		t.Errorf("the head is compared again: %+v", found)
	}
}

// TestSplitWithoutNotes compares what fits into a QR code: it is an alarm, and
// proves nothing to others.
func TestSplitWithoutNotes(t *testing.T) {
	ada, kofi, _ := twoViews(t)
	head := ada.Head()
	head.Note = nil
	a := alarm(t, kofi.Gossip(t.Context(), identity.UserID{7}, head), client.IDSplit, "MS-11")
	if v := kofi.judged(t, a.Key); v.Proven {
		t.Errorf("verdict %+v", v)
	}
}

// TestJoined compares heads that go together, older and newer ones.
func TestJoined(t *testing.T) {
	s := newScene(t, 1)
	old := s.ada.Head()
	kofi := newActor(t, s.evil, s.clock, s.pin())
	for range 3 {
		s.wait(time.Second)
	}
	kofi.lookup(t, "bob")
	if err := kofi.Gossip(t.Context(), identity.UserID{}, old); err != nil {
		t.Errorf("an older head: %v", err)
	}
	if err := s.ada.Gossip(t.Context(), identity.UserID{}, kofi.Head()); err != nil {
		t.Errorf("a newer head: %v", err)
	}
	if err := kofi.Gossip(t.Context(), identity.UserID{}, kofi.Head()); err != nil {
		t.Errorf("the same head: %v", err)
	}
	if n := len(kofi.Alarms()) + len(s.ada.Alarms()); n != 0 {
		t.Errorf("%d alarms", n)
	}
	wrong := kofi.Head()
	wrong.Size++
	if err := kofi.Gossip(t.Context(), identity.UserID{}, wrong); !errors.Is(err, client.ErrGossip) {
		t.Errorf("a head that its note does not say: %v, want ErrGossip", err)
	}
	wrong = kofi.Head()
	wrong.Origin = "elsewhere"
	if err := kofi.Gossip(t.Context(), identity.UserID{}, wrong); !errors.Is(err, client.ErrGossip) {
		t.Errorf("a head of another log: %v, want ErrGossip", err)
	}
}

// TestAhead compares with a head that the server has not shown us as many epochs
// as: that it gives no proof yet means nothing, however often we ask.
func TestAhead(t *testing.T) {
	s := newScene(t, 1)
	behind := s.fork()
	s.wait(time.Second)
	kofi := newActor(t, s.evil, s.clock, s.pin())
	kofi.lookup(t, "bob")
	s.ada.wire.set(func(w *wire) { w.to = behind })
	head := kofi.Head()
	head.Note = nil // with it the server could not say that it has not come so far
	if err := s.ada.Gossip(t.Context(), identity.UserID{7}, head); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if found := s.ada.monitors(t); len(found) != 0 {
			t.Fatalf("alarms %+v", found)
		}
	}
	s.ada.wire.set(func(w *wire) { w.to = s.evil })
	s.ada.lookup(t, "bob")
	if found := s.ada.monitors(t); len(found) != 0 {
		t.Fatalf("alarms %+v", found)
	}
	n := s.ada.wire.count("/api/v1/directory/consistency")
	s.ada.monitors(t)
	if s.ada.wire.count("/api/v1/directory/consistency") != n {
		t.Error("a head that was joined is compared again")
	}
}

// TestHeldBack never lets one person's view come as far as a friend's: a signed
// head was published, and one that is not is waited for an hour.
func TestHeldBack(t *testing.T) {
	for _, signed := range []bool{true, false} {
		s := newScene(t, 1)
		behind := s.fork()
		for range 9 {
			s.wait(time.Second)
		}
		kofi := newActor(t, s.evil, s.clock, s.pin())
		kofi.lookup(t, "bob")
		s.ada.wire.set(func(w *wire) { w.to = behind })
		head := kofi.Head()
		if !signed {
			head.Note = nil
		}
		if err := s.ada.Gossip(t.Context(), identity.UserID{7}, head); err != nil {
			t.Fatal(err)
		}
		var found []client.Alarm
		for range 5 {
			behind.Now = s.clock.milliseconds()
			if !signed {
				behind.wait(time.Hour)
			}
			s.ada.lookup(t, "bob")
			found = append(found, s.ada.monitors(t)...)
		}
		one(t, found, client.IDSplit, "MS-11")
	}
}

// TestSecondInvite replaces the checkpoint of a wrong invite before any answer was
// accepted.
func TestSecondInvite(t *testing.T) {
	s := newScene(t, 1)
	wrong := s.pin()
	wrong.Head = client.GossipHead{Origin: wrong.Keys.Origin, Size: 1 << 40, Root: keytrans.Hash{1}}
	eve := newActor(t, s.evil, s.clock, wrong)
	_, err := eve.Lookup(t.Context(), "bob")
	alarm(t, err, client.IDRollback, "MS-10")
	right := s.pin()
	right.Head = s.ada.Head()
	if err := eve.Pin(t.Context(), right); err != nil {
		t.Fatal(err)
	}
	eve.lookup(t, "bob")
}

// TestNoProof lets the server keep the proof back: for a head that it has shown
// us too that is a refusal, after three tries.
func TestNoProof(t *testing.T) {
	s := newScene(t, 1)
	old := s.ada.Head()
	s.wait(time.Second)
	s.ada.lookup(t, "bob")
	var refusal error = &api.HTTPError{Status: 503, Code: api.CodeBusy, Message: "later"}
	s.ada.wire.set(func(w *wire) {
		w.before = func(path string, _ []byte) error {
			if path == "/api/v1/directory/consistency" {
				return refusal
			}
			return nil
		}
	})
	if err := s.ada.Gossip(t.Context(), identity.UserID{7}, old); err != nil {
		t.Fatal(err)
	}
	for _, refusal = range []error{&api.HTTPError{Status: 429, Code: api.CodeSlowDown}, remote.ErrUnreachable, refusal} {
		if found := s.ada.monitors(t); len(found) != 0 { // that may pass
			t.Fatalf("%v: %+v", refusal, found)
		}
	}
	refusal = &api.HTTPError{Status: 400, Code: api.CodeDirectoryRefused, Message: "no"}
	s.ada.monitors(t)
	s.ada.open(t, s.pin())
	if found := s.ada.monitors(t); len(found) != 0 {
		t.Fatalf("after two tries %+v", found)
	}
	a := one(t, s.ada.monitors(t), client.IDSplit, "MS-11")
	if v := s.ada.judged(t, a.Key); v.Proven || s.ada.Status().Trouble != client.IDSplit {
		t.Errorf("verdict %+v, trouble %q", v, s.ada.Status().Trouble)
	}
	s.ada.wire.set(func(w *wire) { w.before = nil })
	s.ada.lookup(t, "carol")
	if st := s.ada.Status(); st.Trouble != "" {
		t.Errorf("trouble %q", st.Trouble)
	}
}

// TestInviteHead holds a server's first answer against the checkpoint in the
// invite.
func TestInviteHead(t *testing.T) {
	ada, _, view := twoViews(t)
	forked := view.fork()
	forked.Fill(9)
	forked.wait(time.Second)
	pin := view.pin()
	pin.Head = ada.Head()
	pin.Head.Note = nil
	for range 2 { // also after a restart without the invite at hand
		eve := newActor(t, forked, forked.clock, pin)
		eve.open(t, nil)
		eve.lookup(t, "bob")
	}
	pin.Head.Root = keytrans.Hash{1}
	eve := newActor(t, forked, forked.clock, pin)
	eve.open(t, nil)
	_, err := eve.Lookup(t.Context(), "bob")
	alarm(t, err, client.IDRollback, "MS-10")
}
