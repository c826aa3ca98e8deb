package directory_test

import (
	"errors"
	"testing"

	client "conclave/client/directory"
)

// TestFriends lets two people meet, change and check each other on the real
// directory.
func TestFriends(t *testing.T) {
	t.Parallel() // a real log takes its time
	world := newReal(t)
	ada, bob := newPerson(t, "ada"), newPerson(t, "bob")
	adas := joins(t, world, world.clock, ada)
	joins(t, world, world.clock, bob)

	c := adas.lookup(t, "BOB")
	if c.User != bob.user() || c.Handle != "bob" || c.Version != 0 || c.Verified != client.LevelNone || c.State != client.StateOK {
		t.Fatalf("bob is %+v", c)
	}
	if _, err := adas.Lookup(t.Context(), "nobody"); !errors.Is(err, client.ErrUnknown) {
		t.Fatalf("nobody: %v", err)
	}
	if found := adas.monitors(t); len(found) != 0 || adas.Contact(bob.user()).Verified != client.LevelNone {
		t.Fatalf("before a distinguished epoch: %v, %s", found, adas.Contact(bob.user()).Verified)
	}
	world.hours(t, 1)
	if found := adas.monitors(t); len(found) != 0 || adas.Contact(bob.user()).Verified != client.LevelContact {
		t.Fatalf("after one: %v, %s", found, adas.Contact(bob.user()).Verified)
	}

	if _, err := world.publish(t.Context(), bob.addDevice(t, "Old tablet")); err != nil {
		t.Fatal(err)
	}
	c = adas.lookup(t, "bob")
	if c.Version != 1 || c.Verified != client.LevelContact || len(c.Changes) != 1 || c.Changes[0].Kind != client.ChangeAdded || c.Changes[0].Name != "Old tablet" {
		t.Fatalf("bob with a tablet is %+v", c)
	}
	if err := adas.SetVerified(t.Context(), bob.user(), client.LevelEmoji, bob.last.IdentityKey); err != nil {
		t.Fatal(err)
	}
	if err := adas.MarkSeen(t.Context(), bob.user()); err != nil {
		t.Fatal(err)
	}
	before := adas.Status()
	adas.open(t, nil)
	c = adas.ContactByHandle("Bob")
	if c == nil || c.Verified != client.LevelEmoji || c.Version != 1 || len(c.Changes) != 0 {
		t.Fatalf("after a restart bob is %+v", c)
	}
	if after := adas.Status(); after.Head.Size != before.Head.Size || after.Head.Root != before.Head.Root || after.Origin != origin || after.Invited {
		t.Fatalf("after a restart %+v, before %+v", after, before)
	}
	if adas.Own() == nil || adas.Own().Handle != "ada" || len(adas.Contacts()) != 1 {
		t.Fatalf("own %+v, contacts %v", adas.Own(), adas.Contacts())
	}
}
