package evilserver

import (
	"errors"
	"strings"
	"testing"
	"time"

	"conclave/client/account"
	"conclave/client/directory"
	"conclave/core/identity"
	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// A lying is two people whose directory belongs to an operator with all keys.
type lying struct {
	*operator
	front    *Front
	ada, bob *device
}

// newLying registers Ada and Bob, and has Ada look Bob up.
func newLying(t *testing.T) *lying {
	t.Helper()
	s := New(t, quick())
	f := s.Front(s.World())
	l := &lying{operator: f.operate(keytranstest.New(t, 0)), front: f}
	l.ada, l.bob = register(t, f, "ada"), register(t, f, "bob")
	l.ada.knows("bob")
	l.bob.knows("ada")
	return l
}

// thief returns Bob in the eyes of somebody who has a key of their own.
func (l *lying) thief() *keytranstest.Person {
	p := l.of("bob").Clone()
	p.Key = keytranstest.NewSigner("thief", 1).Key
	return p
}

// become makes the operator answer for Bob with another history.
func (l *lying) become(p *keytranstest.Person) {
	for i := range l.People {
		if l.People[i].Handle == p.Handle {
			l.People[i] = p
		}
	}
}

// TestSubstitutedIdentity is MS-01 and MS-02: the server publishes another
// identity for Bob. Bob sees it within the hour; Ada, who knew him, sends nothing
// before she accepts; who meets him first is told that nobody is verified.
func TestSubstitutedIdentity(t *testing.T) {
	t.Parallel()
	l := newLying(t)
	p := l.of("bob").Clone()
	p.Reset(l.Model, true)
	l.become(p)
	l.pass(time.Hour, l.ada, l.bob)

	r, err := l.ada.Lookup(t.Context(), "bob")
	l.ada.alarmed(err, "reset", "MS-02")
	if r.State != "reset" || r.Verified != "none" {
		t.Errorf("Bob after the reset is %q, %q", r.State, r.Verified)
	}
	carol := registerAhead(t, l.front, "carol", l.ada.ahead)
	if c := carol.knows("bob"); c.Verified != "none" {
		t.Errorf("first contact is %q", c.Verified)
	}
	if _, err := l.bob.Monitor(t.Context()); err != nil && !isAlarm(err) {
		t.Fatal(err)
	}
	l.bob.hasAlarm("own-identity", "MS-01")
	if _, err := l.ada.AcceptReset(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	if c := l.ada.knows("bob"); c.State != "ok" || c.Verified != "none" {
		t.Errorf("after Ada accepted: %+v", c)
	}
}

func isAlarm(err error) bool {
	a := new(directory.AlarmError)
	return errors.As(err, &a)
}

// TestUnsignedReset is MS-02 without the flag: nobody can accept it.
func TestUnsignedReset(t *testing.T) {
	t.Parallel()
	l := newLying(t)
	before := l.ada.knows("bob")
	p := l.of("bob").Clone()
	p.Reset(l.Model, false)
	l.become(p)
	l.pass(time.Second)
	if _, err := l.ada.Lookup(t.Context(), "bob"); !isAlarm(err) {
		t.Fatalf("another identity key without a reset: %v", err)
	}
	if c := contact(t, l.ada, "bob"); c.Version != before.Version || c.State != "ok" {
		t.Errorf("Ada believes %+v", c)
	}
}

func contact(t *testing.T, d *device, handle string) account.Contact {
	t.Helper()
	list, err := d.Contacts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.Handle == handle {
			return c
		}
	}
	t.Fatalf("no contact %s", handle)
	return account.Contact{}
}

// TestGhostDevice is MS-03: a device in Bob's list that his key did not sign.
func TestGhostDevice(t *testing.T) {
	t.Parallel()
	l := newLying(t)
	p := l.thief() // a signature by another key
	ghost := p.Device("ghost")
	ghost.AddedBy = identity.DeviceID{}
	p.Add(l.Model, p.Next(func(r *identity.Record) { r.Devices = append(r.Devices, ghost) }))
	l.become(p)
	l.pass(time.Second)
	_, err := l.ada.Lookup(t.Context(), "bob")
	l.ada.alarmed(err, "ghost-device", "MS-03")
	if c := contact(t, l.ada, "bob"); len(c.Devices) != 1 {
		t.Errorf("Bob's devices: %+v", c.Devices)
	}
}

// TestStolenCode is MS-04: somebody with Bob's recovery code adds a device, which
// Bob's own devices tell him.
func TestStolenCode(t *testing.T) {
	t.Parallel()
	s := New(t, quick())
	f := s.Front(s.World())
	bob := register(t, f, "bob")
	thief := newDevice(t, f, "Old tablet")
	if _, err := thief.SignInPassword(t.Context(), "bob", password); err != nil {
		t.Fatal(err)
	}
	if _, err := thief.Recover(t.Context(), strings.Join(bob.words, " ")); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Refresh(t.Context()); err != nil && !isAlarm(err) {
		t.Fatal(err)
	}
	bob.hasAlarm("own-device", "MS-04")
}

// TestVersions is MS-06 and MS-07: an older version, and one planted far ahead.
func TestVersions(t *testing.T) {
	t.Parallel()
	l := newLying(t)
	if _, err := l.bob.ConfirmNumber(t.Context(), "ada"); err != nil { // in a new backup, and so a new version
		t.Fatal(err)
	}
	bob := l.of("bob")
	newest := bob.Version()
	if newest == 0 {
		t.Fatal("Bob has one version only")
	}
	before := l.ada.knows("bob")
	answer := func(change func(q *keytrans.LookupRequest) *keytrans.LookupResponse) Hook {
		return instead(func(body []byte) []byte {
			q, err := keytrans.ParseLookupRequest(body)
			if err != nil {
				return nil
			}
			return change(q).Encode()
		})
	}
	honest := l.hook(lookupRoute)
	l.front.Lie(lookupRoute, answer(func(q *keytrans.LookupRequest) *keytrans.LookupResponse {
		q.SincePlusOne = 1
		return l.Lookup(q, bob, newest-1)
	}))
	_, err := l.ada.Lookup(t.Context(), "bob")
	l.ada.alarmed(err, "stale", "MS-06")

	thief := l.thief()
	planted := thief.Next(func(r *identity.Record) { r.Version = 5000 })
	l.Put(keytrans.Users, bob.User[:], 5000, planted)
	l.pass(time.Second)
	label, _ := l.Label(keytrans.Users, bob.User[:], 5000)
	l.front.Lie(lookupRoute, answer(func(q *keytrans.LookupRequest) *keytrans.LookupResponse {
		a := l.Lookup(q, bob, newest)
		a.Version, a.Opening, a.Records = 5000, l.Opening(label), [][]byte{planted}
		handle, _ := l.Label(keytrans.Handles, q.Name, 0)
		labels, proofs := l.Ladder(bob.User[:], keytrans.Ladder(5000), q.Cached)
		a.VRFs, a.Proof = proofs, l.Prove(len(l.Leaves)-1, append([]keytrans.Hash{handle}, labels...))
		return a
	}))
	_, err = l.ada.Lookup(t.Context(), "bob")
	l.ada.alarmed(err, "proof", "MS-07")
	l.front.Lie(lookupRoute, honest)
	if c := contact(t, l.ada, "bob"); c.Version != before.Version {
		t.Errorf("Ada believes version %d", c.Version)
	}
}

// TestFlipFlop is MS-08: a version that Ada was shown is taken out again.
func TestFlipFlop(t *testing.T) {
	t.Parallel()
	l := newLying(t)
	bob := l.of("bob")
	l.Remove(keytrans.Users, bob.User[:], bob.Version())
	l.pass(time.Hour, l.ada)
	_, err := l.ada.Monitor(t.Context())
	if err != nil && !isAlarm(err) {
		t.Fatal(err)
	}
	l.ada.hasAlarm("flipflop", "MS-08")
}

// TestHandleMoved is MS-16: Bob's handle is given to somebody else.
func TestHandleMoved(t *testing.T) {
	t.Parallel()
	l := newLying(t)
	bob := l.of("bob")
	other := &keytranstest.Person{User: [16]byte(keytranstest.Seed("another bob")), Handle: "bob", Key: keytranstest.NewSigner("another bob", 1).Key}
	l.Remove(keytrans.Handles, []byte("bob"), 0)
	other.Publish(l.Model)
	for i, p := range l.People {
		if p == bob {
			l.People = append(l.People[:i:i], l.People[i+1:]...)
			break
		}
	}
	l.pass(time.Second)
	_, err := l.ada.Lookup(t.Context(), "bob")
	l.ada.alarmed(err, "handle-moved", "MS-16")
}

// TestLookAlike is MS-16 at the door: a handle that looks like one that is taken.
func TestLookAlike(t *testing.T) {
	t.Parallel()
	s := New(t, quick())
	f := s.Front(s.World())
	register(t, f, "bob")
	for _, handle := range []string{"b0b", "b.o.b", "BOB", "bоb"} {
		if _, err := newDevice(t, f, "phone").SignUpPassword(t.Context(), handle, "Bob", password, ""); err == nil {
			t.Errorf("%q was given away beside bob", handle)
		}
	}
}
