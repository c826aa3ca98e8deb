package directory_test

import (
	"errors"
	"testing"
	"time"

	client "conclave/client/directory"
	"conclave/core/identity"
	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// TestMisnamed plants a user whose record has somebody else's handle, and asks
// for them by user id, as a message from them would make a client do: they are
// not believed to be that person, whether the person is a contact already or not.
func TestMisnamed(t *testing.T) {
	for name, known := range map[string]int{"a contact's handle": 1, "a handle that nobody here knows": 0} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, known)
			if known == 0 {
				s.bob.Publish(s.Model)
				s.wait(time.Minute)
			}
			thief := &keytranstest.Person{
				User: [16]byte(keytranstest.Seed("thief")), Handle: "bob", Key: keytranstest.NewSigner("thief", 1).Key,
			}
			record := thief.Next(nil)
			s.Put(keytrans.Users, thief.User[:], 0, record) // and no handle
			thief.Records = append(thief.Records, record)
			s.People = append(s.People, thief)
			s.wait(time.Second)

			_, err := s.ada.LookupUser(t.Context(), identity.UserID(thief.User))
			a := new(client.AlarmError)
			if !errors.As(err, &a) || a.Alarm.ID != client.IDHandleMoved || a.Alarm.Attack != "MS-16" {
				t.Fatalf("LookupUser() = %v, want handle-moved (MS-16)", err)
			}
			if c := s.ada.Contact(identity.UserID(thief.User)); c != nil {
				t.Errorf("the thief is a contact: %+v", c)
			}
			if c := s.ada.ContactByHandle("bob"); c != nil && c.User != identity.UserID(s.bob.User) {
				t.Error("bob's handle is the thief's")
			}
			s.ada.lookup(t, "bob") // the honest answer works
		})
	}
}
