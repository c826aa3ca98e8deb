package directory_test

import (
	"errors"
	"testing"
	"time"

	client "conclave/client/directory"
	"conclave/client/remote"
	"conclave/core/keytrans/keytranstest"
)

// TestOwnDevices checks what the devices of one person say about what another of
// them did, and about what none did.
func TestOwnDevices(t *testing.T) {
	world := newEvil(t, 0)
	ada := newPerson(t, "ada")
	laptop := joins(t, world, world.clock, ada)
	phone := newActor(t, world, world.clock, nil)
	if err := phone.SetOwn(t.Context(), ada.user(), ada.last.IdentityKey); err != nil {
		t.Fatal(err)
	}
	if _, err := phone.LookupUser(t.Context(), ada.user()); err != nil {
		t.Fatal(err)
	}
	laptop.publishes(t, ada.addDevice(t, "Old tablet"))
	world.wait(time.Hour)
	if found := laptop.monitors(t); len(found) != 0 || len(laptop.Alarms()) != 0 {
		t.Fatalf("the laptop complains of itself: %+v", laptop.Alarms())
	}
	a := one(t, phone.monitors(t), client.IDOwnDevice, "MS-04")
	if a.Device != "Old tablet" || a.DeviceID != ada.last.Devices[1].ID || !phone.judged(t, a.Key).Signed {
		t.Errorf("alarm %+v", a)
	}
	world.wait(time.Hour)
	if found := phone.monitors(t); len(found) != 0 {
		t.Errorf("the alarm comes again: %+v", found)
	}

	evil := ada.reset(t)
	if _, err := world.publish(t.Context(), evil.record()); err != nil {
		t.Fatal(err)
	}
	world.wait(time.Hour)
	a = one(t, laptop.monitors(t), client.IDOwnIdentity, "MS-01")
	if v := laptop.judged(t, a.Key); !v.Signed || v.Proven {
		t.Errorf("verdict %+v", v)
	}
	if laptop.Own().State != client.StateReset {
		t.Errorf("own account is %s", laptop.Own().State)
	}
	if _, err := laptop.LookupUser(t.Context(), ada.user()); err == nil {
		t.Errorf("the other identity is taken for one's own")
	}
	if err := laptop.AcceptReset(t.Context(), ada.user(), evil.last.IdentityKey); err != nil {
		t.Fatal(err)
	}
	world.wait(time.Hour)
	if found := laptop.monitors(t); len(found) != 0 || laptop.Own().State != client.StateOK {
		t.Errorf("after saying that it was me: %+v, %s", found, laptop.Own().State)
	}
}

// TestReset checks that a contact whose identity key is another one is blocked
// until a person looked.
func TestReset(t *testing.T) {
	world := newEvil(t, 0)
	bob := newPerson(t, "bob")
	joins(t, world, world.clock, bob)
	ada := newActor(t, world, world.clock, nil)
	ada.lookup(t, "bob")
	if err := ada.SetVerified(t.Context(), bob.user(), client.LevelQR, bob.last.IdentityKey); err != nil {
		t.Fatal(err)
	}
	evil := bob.reset(t)
	if _, err := world.publish(t.Context(), evil.record()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second lookup does not make it right
		c, err := ada.Lookup(t.Context(), "bob")
		a := alarm(t, err, client.IDReset, "MS-02")
		if !errors.Is(err, client.ErrBlocked) || c == nil || c.State != client.StateReset || c.Verified != client.LevelNone {
			t.Fatalf("%v, bob is %+v", err, c)
		}
		if !ada.judged(t, a.Key).Signed {
			t.Error("the evidence does not show the reset")
		}
		ada.open(t, nil)
	}
	if err := ada.AcceptReset(t.Context(), bob.user(), bob.last.IdentityKey); !errors.Is(err, client.ErrBlocked) {
		t.Errorf("accepting the old key: %v", err)
	}
	if err := ada.AcceptReset(t.Context(), bob.user(), evil.last.IdentityKey); err != nil {
		t.Fatal(err)
	}
	if c := ada.lookup(t, "bob"); c.State != client.StateOK || c.Verified != client.LevelNone {
		t.Errorf("after accepting bob is %+v", c)
	}
	if s := ada.Status(); s.Open != 0 {
		t.Errorf("%d alarms are open", s.Open)
	}
}

// TestTransfer hands what one device knows to another.
func TestTransfer(t *testing.T) {
	world := newEvil(t, 0)
	ada, bob := newPerson(t, "ada"), newPerson(t, "bob")
	laptop := joins(t, world, world.clock, ada)
	joins(t, world, world.clock, bob)
	laptop.lookup(t, "bob")
	if err := laptop.SetVerified(t.Context(), bob.user(), client.LevelEmoji, bob.last.IdentityKey); err != nil {
		t.Fatal(err)
	}
	b, err := laptop.Export()
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		if err := newActor(t, world, world.clock, nil).Import(t.Context(), b[:n]); !errors.Is(err, client.ErrTransfer) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
	phone := newActor(t, world, world.clock, nil)
	if err := phone.SetOwn(t.Context(), ada.user(), ada.last.IdentityKey); err != nil {
		t.Fatal(err)
	}
	if err := phone.Import(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	phone.open(t, nil)
	if p := phone.Pinned(); p == nil || p.Keys.Origin != keytranstest.Origin || phone.Head().Size != laptop.Head().Size {
		t.Fatalf("pinned %+v", p)
	}
	if found := phone.monitors(t); len(found) != 0 {
		t.Fatalf("alarms %+v", found)
	}
	if c := phone.ContactByHandle("bob"); c == nil || c.Verified != client.LevelEmoji || c.Name != "bob" {
		t.Fatalf("bob is %+v", c)
	}
	if o := phone.Own(); o == nil || o.Handle != "ada" {
		t.Fatalf("own account is %+v", o)
	}
	// Whoever verified more lately tells the other.
	if err := phone.SetVerified(t.Context(), bob.user(), client.LevelQR, bob.last.IdentityKey); err != nil {
		t.Fatal(err)
	}
	if b, err = phone.Export(); err != nil {
		t.Fatal(err)
	}
	if err := laptop.Import(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if c := laptop.Contact(bob.user()); c.Verified != client.LevelQR {
		t.Errorf("bob is %s", c.Verified)
	}
}

// TestTwoDevicesTwoViews lets the server show each device of one person another
// bob: they find out when they speak.
func TestTwoDevicesTwoViews(t *testing.T) {
	world := newEvil(t, 0)
	other := world.fork()
	keytranstest.NewPerson("bob").Publish(world.Model)
	fake := keytranstest.NewPerson("bob")
	fake.Key = keytranstest.NewSigner("thief", 1).Key
	fake.Publish(other.Model)
	world.wait(time.Second)
	other.wait(time.Second)
	laptop, phone := newActor(t, world, world.clock, nil), newActor(t, other, world.clock, nil)
	laptop.lookup(t, "bob")
	phone.lookup(t, "bob")
	b, err := phone.Export()
	if err != nil {
		t.Fatal(err)
	}
	a := alarm(t, laptop.Import(t.Context(), b), client.IDSplit, "MS-11")
	if a.User != fake.User {
		t.Errorf("alarm of %s", a.User)
	}
}

// TestLostAnswer breaks the connection when the server has taken a record, and
// ends the program: what the directory then shows is known to be one's own.
func TestLostAnswer(t *testing.T) {
	world := newEvil(t, 0)
	ada := newPerson(t, "ada")
	laptop := joins(t, world, world.clock, ada)
	laptop.wire.set(func(w *wire) {
		w.before = func(path string, body []byte) error {
			if path == "/api/v1/account/record" {
				_, _ = world.publish(t.Context(), body)
				return remote.ErrUnreachable
			}
			return nil
		}
	})
	record := ada.addDevice(t, "Old tablet")
	if _, err := laptop.Publish(t.Context(), record); !errors.Is(err, remote.ErrUnreachable) {
		t.Fatalf("Publish: %v", err)
	}
	laptop.open(t, nil)
	world.wait(time.Hour)
	if found := laptop.monitors(t); len(found) != 0 || laptop.Own().Version != 1 {
		t.Errorf("alarms %+v, version %d", found, laptop.Own().Version)
	}
	laptop.wire.set(func(w *wire) { w.before = nil })
	if c := laptop.publishes(t, record); c.Version != 1 {
		t.Errorf("published again as version %d", c.Version)
	}
	if n := len(laptop.Alarms()); n != 0 {
		t.Errorf("%d alarms", n)
	}
}

// TestForeignKey tells a device its identity key after the directory has shown it
// another one.
func TestForeignKey(t *testing.T) {
	world := newEvil(t, 0)
	ada := newPerson(t, "ada")
	evil := ada.reset(t)
	laptop := joins(t, world, world.clock, ada)
	if _, err := world.publish(t.Context(), evil.record()); err != nil {
		t.Fatal(err)
	}
	phone := newActor(t, world, world.clock, nil)
	if err := phone.SetOwn(t.Context(), ada.user(), [32]byte{}); err != nil {
		t.Fatal(err)
	}
	if _, err := phone.LookupUser(t.Context(), ada.user()); err != nil {
		t.Fatal(err)
	}
	err := phone.SetOwn(t.Context(), ada.user(), ada.last.IdentityKey)
	alarm(t, err, client.IDOwnIdentity, "MS-01")
	if phone.Own().State != client.StateReset {
		t.Errorf("own account is %s", phone.Own().State)
	}
	if _, err := laptop.Publish(t.Context(), newPerson(t, "bob").record()); !errors.Is(err, client.ErrNoOwner) {
		t.Errorf("publishing for somebody else: %v, want ErrNoOwner", err)
	}
}

// TestOldKeyFaster lets a thief of the old identity key take the version in which
// ada resets her identity.
func TestOldKeyFaster(t *testing.T) {
	world := newEvil(t, 0)
	ada := newPerson(t, "ada")
	laptop := joins(t, world, world.clock, ada)
	fresh := ada.reset(t)
	thief := ada.addDevice(t, "Thief")
	world.accept = func([]byte) {
		world.accept = nil
		_, _ = world.publish(t.Context(), thief)
	}
	_, err := laptop.Publish(t.Context(), fresh.record())
	a := alarm(t, err, client.IDOwnIdentity, "MS-01")
	if !laptop.judged(t, a.Key).Signed {
		t.Error("no evidence")
	}
}

// TestOtherDeviceKnowsMore holds the directory to what another own device was
// shown.
func TestOtherDeviceKnowsMore(t *testing.T) {
	world := newEvil(t, 0)
	bob := keytranstest.NewPerson("bob")
	bob.Publish(world.Model)
	world.wait(time.Second)
	phone := newActor(t, world, world.clock, nil)
	phone.lookup(t, "bob")
	old := world.fork()
	old.People = []*keytranstest.Person{bob.Clone()}
	bob.Publish(world.Model)
	world.wait(time.Second)
	laptop := newActor(t, world, world.clock, nil)
	laptop.lookup(t, "bob")
	b, err := laptop.Export()
	if err != nil {
		t.Fatal(err)
	}
	if err := phone.Import(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	phone.open(t, nil)
	phone.wire.set(func(w *wire) { w.to = old })
	if c, err := phone.Lookup(t.Context(), "bob"); err == nil {
		t.Fatalf("bob is at version %d, and the laptop saw 1", c.Version)
	}
	phone.wire.set(func(w *wire) { w.to = world })
	if c := phone.lookup(t, "bob"); c.Version != 1 {
		t.Errorf("bob is at version %d", c.Version)
	}
}
