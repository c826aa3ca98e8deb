package directory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"conclave/api"
	client "conclave/client/directory"
	"conclave/core/identity"
	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// owner is a device of p, who published versions records.
func owner(t testing.TB, e *evil, p *keytranstest.Person, versions int) *actor {
	t.Helper()
	for range versions {
		p.Publish(e.Model)
	}
	e.wait(time.Minute)
	a := newActor(t, e, e.clock, e.pin())
	if err := a.SetOwn(t.Context(), p.User, p.Last.IdentityKey); err != nil {
		t.Fatal(err)
	}
	if _, err := a.LookupUser(t.Context(), p.User); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestFirstContact (MS-01) lets the server give ada a bob of its own: ada cannot
// know, and her shield says so; bob knows within the hour.
func TestFirstContact(t *testing.T) {
	e := newEvil(t, 2)
	bob := keytranstest.NewPerson("bob")
	bobs := owner(t, e, bob, 1)
	fake := bob.Clone()
	fake.Reset(e.Model, true)
	e.People = []*keytranstest.Person{fake}
	e.wait(time.Second)
	ada := newActor(t, e, e.clock, e.pin())
	if c := ada.lookup(t, "bob"); c.Verified != client.LevelNone || c.Record.IdentityKey == bob.Last.IdentityKey {
		t.Fatalf("bob is %+v", c)
	}
	e.wait(time.Hour)
	a := one(t, bobs.monitors(t), client.IDOwnIdentity, "MS-01")
	if v := bobs.judged(t, a.Key); !v.Signed {
		t.Errorf("verdict %+v", v)
	}
	if bobs.Own().State != client.StateReset {
		t.Error("bob's own account is in order")
	}
	bobs.open(t, e.pin())
	if found := bobs.monitors(t); len(found) != 0 || len(bobs.Alarms()) != 1 {
		t.Errorf("alarms %+v, %+v", found, bobs.Alarms())
	}
}

// TestHiddenVersion lets the server plant a version of bob, and show bob's own
// devices only what they published.
func TestHiddenVersion(t *testing.T) {
	e := newEvil(t, 2)
	bob := keytranstest.NewPerson("bob")
	bobs := owner(t, e, bob, 1)
	fake := bob.Clone()
	fake.Reset(e.Model, true)
	e.wait(time.Hour)
	// The map cannot hide it from monitoring; the lookup that follows is refused.
	e.People = []*keytranstest.Person{fake}
	e.lookup = func(q *keytrans.LookupRequest) []byte { return e.Model.Lookup(q, bob, 0).Encode() }
	found := bobs.monitors(t)
	if len(found) != 2 || found[1].ID != client.IDOwnIdentity || found[1].Attack != "MS-01" {
		t.Fatalf("alarms %+v", found)
	}
	if v := bobs.judged(t, found[1].Key); !v.Signed {
		t.Errorf("verdict %+v", v)
	}
}

// TestSilentServer lets the server show a version and never its record.
func TestSilentServer(t *testing.T) {
	e := newEvil(t, 2)
	bob := keytranstest.NewPerson("bob")
	bobs := owner(t, e, bob, 1)
	fake := bob.Clone()
	fake.Reset(e.Model, true)
	e.People = []*keytranstest.Person{fake}
	e.wait(time.Hour)
	bobs.wire.set(func(w *wire) {
		w.before = func(path string, _ []byte) error {
			if path == "/api/v1/directory/lookup" {
				return &api.HTTPError{Status: 503, Code: api.CodeBusy, Message: "later"}
			}
			return nil
		}
	})
	var found []client.Alarm
	for n := range 3 {
		if len(found) > 0 {
			t.Fatalf("alarm after %d failures", n)
		}
		bobs.open(t, e.pin())
		a, err := bobs.Monitor(t.Context())
		if !errors.Is(err, &api.HTTPError{Code: api.CodeBusy}) {
			t.Fatalf("Monitor: %v", err)
		}
		found = a
	}
	a := one(t, found, client.IDOwnIdentity, "MS-01")
	if !bobs.judged(t, a.Key).Signed {
		t.Error("no evidence")
	}
}

// TestSwappedAtOnce lets the server publish another first record than it was
// given.
func TestSwappedAtOnce(t *testing.T) {
	e := newEvil(t, 2)
	bob := keytranstest.NewPerson("bob")
	record := bob.Next(nil)
	e.accept = func([]byte) {
		fake := keytranstest.NewPerson("bob")
		fake.Key = keytranstest.NewSigner("thief", 1).Key
		fake.Publish(e.Model)
		e.wait(time.Second)
	}
	bobs := newActor(t, e, e.clock, e.pin())
	if err := bobs.SetOwn(t.Context(), bob.User, [32]byte{}); err != nil {
		t.Fatal(err)
	}
	_, err := bobs.Publish(t.Context(), record)
	a := alarm(t, err, client.IDOwnIdentity, "MS-01")
	if v := bobs.judged(t, a.Key); !v.Signed {
		t.Errorf("verdict %+v", v)
	}
}

// TestUnsignedReset shows bob's own device an identity key that replaces his
// without saying so.
func TestUnsignedReset(t *testing.T) {
	e := newEvil(t, 2)
	bob := keytranstest.NewPerson("bob")
	bobs := owner(t, e, bob, 1)
	fake := bob.Clone()
	fake.Reset(e.Model, false)
	e.People = []*keytranstest.Person{fake}
	e.wait(time.Second)
	_, err := bobs.LookupUser(t.Context(), bob.User)
	a := alarm(t, err, client.IDOwnIdentity, "MS-01")
	if v := bobs.judged(t, a.Key); v.Proven {
		t.Errorf("verdict %+v", v)
	}
	if bobs.Own().State != client.StateOK {
		t.Error("what was refused changed the own account")
	}
}

// TestPublishHidden lets the server take a record and not show it.
func TestPublishHidden(t *testing.T) {
	e := newEvil(t, 2)
	bob := keytranstest.NewPerson("bob")
	bobs := owner(t, e, bob, 1)
	record := bob.Next(func(r *identity.Record) { r.Name = "Bob" })
	e.accept = func([]byte) { e.wait(time.Second) }
	_, err := bobs.Publish(t.Context(), record)
	alarm(t, err, client.IDStale, "MS-06")
	e.accept = nil
	if c := bobs.publishes(t, record); c.Version != 1 || c.Name != "Bob" {
		t.Errorf("then published %+v", c)
	}
	e.wait(time.Hour)
	if found := bobs.monitors(t); len(found) != 0 {
		t.Errorf("alarms %+v", found)
	}
}

// TestFlipFlop (MS-08) shows ada a version of bob that is gone in the next epoch:
// bob never sees it, ada does.
func TestFlipFlop(t *testing.T) {
	e := newEvil(t, 2)
	bob := keytranstest.NewPerson("bob")
	bobs := owner(t, e, bob, 1)
	fake := bob.Clone()
	fake.Reset(e.Model, true)
	e.People = []*keytranstest.Person{fake}
	e.wait(time.Second)
	ada := newActor(t, e, e.clock, e.pin())
	ada.lookup(t, "bob")
	e.Remove(keytrans.Users, bob.User[:], 1)
	e.People = []*keytranstest.Person{bob}
	e.wait(time.Second)
	e.wait(time.Hour)
	if found := bobs.monitors(t); len(found) != 0 {
		t.Fatalf("bob sees %+v", found)
	}
	a := one(t, ada.monitors(t), client.IDFlipFlop, "MS-08")
	if v := ada.judged(t, a.Key); !v.Proven {
		t.Errorf("verdict %+v", v)
	}
	if c := ada.Contact(bob.User); c.State != client.StateReset || ada.Status().Trouble != client.IDFlipFlop {
		t.Errorf("bob is %s, trouble %q", c.State, ada.Status().Trouble)
	}
}

// TestOwnerFlipFlop plants a version of bob in one distinguished epoch and takes it
// back before the next.
func TestOwnerFlipFlop(t *testing.T) {
	e := newEvil(t, 2)
	bob := keytranstest.NewPerson("bob")
	bobs := owner(t, e, bob, 1)
	fake := bob.Clone()
	fake.Reset(e.Model, true)
	e.People = []*keytranstest.Person{fake}
	e.wait(time.Hour)
	e.Remove(keytrans.Users, bob.User[:], 1)
	e.wait(time.Hour)
	a := one(t, bobs.monitors(t), client.IDFlipFlop, "MS-08")
	if a.User != bob.User {
		t.Errorf("alarm of %s", a.User)
	}
}

// TestLongAbsence catches up after 200 hours in bounded calls, and stops where it
// was when the connection breaks.
func TestLongAbsence(t *testing.T) {
	e := newEvil(t, 1)
	bobs := owner(t, e, keytranstest.NewPerson("bob"), 1)
	for range 200 {
		e.wait(time.Hour)
	}
	broken := errors.New("broken")
	bobs.wire.set(func(w *wire) {
		w.before = func(path string, _ []byte) error {
			if path == "/api/v1/directory/monitor" && bobs.wire.count(path) == 3 {
				return broken
			}
			return nil
		}
	})
	if found, err := bobs.Monitor(t.Context()); err == nil || len(found) != 0 {
		t.Fatalf("Monitor = %v, %v", found, err)
	}
	if n := bobs.wire.count("/api/v1/directory/monitor"); n != 3 {
		t.Fatalf("%d requests before it broke", n)
	}
	bobs.open(t, e.pin())
	if found := bobs.monitors(t); len(found) != 0 || bobs.Status().Behind {
		t.Fatalf("alarms %+v, behind %v", found, bobs.Status().Behind)
	}
	// 64 an answer: two were taken before the break, the rest needs two.
	if n := bobs.wire.count("/api/v1/directory/monitor"); n != 5 {
		t.Errorf("%d requests in all, want 5", n)
	}
}

// TestRefusedOne (MS-44) lets the server answer for everybody but bob.
func TestRefusedOne(t *testing.T) {
	s := newScene(t, 1)
	refuse := true
	s.ada.wire.set(func(w *wire) {
		w.before = func(_ string, body []byte) error {
			q, err := keytrans.ParseLookupRequest(body)
			if refuse && err == nil && string(q.Name) == "bob" {
				return &api.HTTPError{Status: 500, Code: api.CodeInternal, Message: "sorry"}
			}
			return nil
		}
	})
	fails := func() error {
		_, err := s.ada.Lookup(t.Context(), "bob")
		return err
	}
	for range 5 { // nobody else is answered: that may be the network
		if _, alarm := errors.AsType[*client.AlarmError](fails()); alarm {
			t.Fatal("an alarm though nobody else was answered")
		}
	}
	s.ada.lookup(t, "carol")
	a := alarm(t, fails(), client.IDRefusedOne, "MS-44")
	if a.User != s.bob.User || a.Handle != "bob" || a.Have == 0 || s.ada.Status().Trouble != "" {
		t.Errorf("alarm %+v", a)
	}
	refuse = false
	s.ada.lookup(t, "bob")
	if st := s.ada.Status(); st.Open != 0 {
		t.Errorf("%d alarms are open after an answer", st.Open)
	}
	refuse = true
	for n := range 3 {
		_, raised := errors.AsType[*client.AlarmError](fails())
		if raised != (n == 2) {
			t.Errorf("alarm %v after %d failures", raised, n+1)
		}
		s.ada.lookup(t, "carol")
	}
}

// TestServerIdentity (MS-14) brings a client an invite with other keys, and a
// server whose keys change after first use.
func TestServerIdentity(t *testing.T) {
	s := newScene(t, 1)
	other := s.pin()
	other.Keys.VRFKey[0] ^= 1
	err := s.ada.Pin(t.Context(), other)
	if err == nil {
		t.Fatal("a pin with another key was taken")
	}
	real := s.pin()
	real.Keys.LogKey = keytranstest.NewSigner(keytranstest.Origin, 1).VKey()
	real.Policy = ""
	if err := s.ada.Pin(t.Context(), real); err == nil {
		t.Error("a pin that drops the witnesses was taken")
	}
	thief := s.pin()
	thief.Keys.LogKey = (&keytranstest.Signer{Name: keytranstest.Origin, Alg: 1, Key: keytranstest.NewSigner("thief", 1).Key}).VKey()
	thief.Policy = ""
	alarm(t, s.ada.Pin(t.Context(), thief), client.IDServerIdentity, "MS-14")
	s.ada.lookup(t, "bob")

	// First use believes; an invite from a friend adds the witnesses.
	eve := newActor(t, s.evil, s.clock, nil)
	eve.lookup(t, "bob")
	if st := eve.Status(); st.Invited || st.Policy != 0 || st.Witnesses != 0 {
		t.Errorf("after first use %+v", st)
	}
	alarm(t, eve.Pin(t.Context(), thief), client.IDServerIdentity, "MS-14")
	pin := s.pin()
	pin.Head = s.ada.Head()
	if err := eve.Pin(t.Context(), pin); err != nil {
		t.Fatal(err)
	}
	eve.lookup(t, "bob")
	if st := eve.Status(); !st.Invited || st.Policy != 2 || st.Witnesses != 2 {
		t.Errorf("after the invite %+v", st)
	}
	if n := eve.wire.count("/api/v1/directory/config"); n != 1 {
		t.Errorf("the server was asked for its keys %d times", n)
	}
}

// TestSilence keeps one contact's lookups until the caller gives up, and leaves
// contacts that could not be asked for the next call.
func TestSilence(t *testing.T) {
	s := newScene(t, 1)
	s.ada.wire.set(func(w *wire) {
		w.before = func(path string, body []byte) error {
			q, err := keytrans.ParseLookupRequest(body)
			if path == "/api/v1/directory/monitor" || err == nil && string(q.Name) == "bob" {
				return context.DeadlineExceeded
			}
			return nil
		}
	})
	var err error
	for range 3 {
		ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
		_, err = s.ada.Lookup(ctx, "bob")
		cancel()
		s.ada.lookup(t, "carol")
	}
	alarm(t, err, client.IDRefusedOne, "MS-44")
	if _, err := s.ada.Monitor(t.Context()); err == nil || !s.ada.Status().Behind {
		t.Errorf("Monitor: %v, behind %v", err, s.ada.Status().Behind)
	}
	s.ada.wire.set(func(w *wire) { w.before = nil })
	if s.ada.monitors(t); s.ada.Status().Behind {
		t.Error("still behind")
	}
}
