package directory_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	client "conclave/client/directory"
	"conclave/client/vault"
	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// A full disk fails the n-th Put and all later ones.
type fullDisk struct {
	vault.Store
	mu   sync.Mutex
	left int
}

var errFull = errors.New("no space left")

func (d *fullDisk) Put(ctx context.Context, key string, value []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == 0 {
		return errFull
	}
	d.left--
	return d.Store.Put(ctx, key, value)
}

// TestFullDisk fails each write in turn, and kills the program there: the call
// says so, a pin that was shown is kept, an alarm is not lost, and with room
// everything goes on.
func TestFullDisk(t *testing.T) {
	for _, story := range []struct {
		name string
		// tell happens before bob is looked up again.
		tell  func(s *scene)
		alarm string
	}{
		{"a newer record", func(s *scene) { s.bob.Publish(s.Model) }, ""},
		{"a reset", func(s *scene) { s.bob.Reset(s.Model, true) }, client.IDReset},
		{"a version taken back", func(s *scene) { s.Remove(keytrans.Users, s.bob.User[:], 1) }, client.IDFlipFlop},
	} {
		t.Run(story.name, func(t *testing.T) {
			s := newScene(t, 2)
			story.tell(s)
			s.wait(time.Second)
			start := s.ada.dump(t)
			for n := 0; ; n++ {
				if n == 20 {
					t.Fatal("it never has enough room")
				}
				s.ada.vault = vault.NewMemory()
				for k, v := range start {
					if err := s.ada.vault.Put(t.Context(), k, v); err != nil {
						t.Fatal(err)
					}
				}
				disk := &fullDisk{Store: s.ada.vault, left: n}
				s.ada.vault = disk
				s.ada.open(t, nil)
				_, err := s.ada.Lookup(t.Context(), "bob")
				full := errors.Is(err, errFull)
				disk.left = -1
				s.ada.open(t, nil) // what is in memory is gone
				if c := s.ada.Contact(s.bob.User); c == nil || c.Version < 1 {
					t.Fatalf("after %d writes bob is %+v", n, c)
				}
				_, err = s.ada.Lookup(t.Context(), "bob")
				has := slices.ContainsFunc(s.ada.Alarms(), func(a client.Alarm) bool { return a.ID == story.alarm })
				if (story.alarm == "") != (err == nil) || has != (story.alarm != "") || len(s.ada.Alarms()) > 1 {
					t.Fatalf("after %d writes: %v, alarms %+v", n, err, s.ada.Alarms())
				}
				if !full {
					if n == 0 {
						t.Fatal("nothing was written")
					}
					return
				}
			}
		})
	}
}

// TestDamage opens what somebody changed in the vault.
func TestDamage(t *testing.T) {
	s := newScene(t, 1)
	for key, value := range s.ada.dump(t) {
		for _, bad := range [][]byte{nil, []byte("{"), []byte(`"x"`), value[:len(value)/2]} {
			if err := s.ada.vault.Put(t.Context(), key, bad); err != nil {
				t.Fatal(err)
			}
			if _, err := client.Open(t.Context(), client.Config{Store: s.ada.vault}); !errors.Is(err, client.ErrState) {
				t.Errorf("%s is %q: %v, want ErrState", key, bad, err)
			}
		}
		if err := s.ada.vault.Put(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAtOnce looks many people up at the same time while the log grows: all
// answers are taken, and none is taken for a rollback.
func TestAtOnce(t *testing.T) {
	s := newScene(t, 1)
	var names []string
	for _, c := range "abcd" {
		p := keytranstest.NewPerson("person-" + string(c))
		p.Publish(s.Model)
		names = append(names, p.Handle)
	}
	s.wait(time.Second)
	var mu sync.Mutex // the model is not for concurrent use
	n := 0
	s.ada.wire.set(func(w *wire) {
		w.to = &serial{backend: s.evil, mu: &mu, then: func() {
			if n++; n%3 == 0 {
				s.wait(time.Second)
			}
		}}
	})
	var all sync.WaitGroup
	for _, name := range append(names, names...) {
		all.Go(func() {
			if _, err := s.ada.Lookup(t.Context(), name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			s.ada.Status()
		})
	}
	all.Wait()
	if n := len(s.ada.Contacts()); n != 5 || len(s.ada.Alarms()) != 0 {
		t.Errorf("%d contacts, alarms %+v", n, s.ada.Alarms())
	}
	head := s.ada.Head()
	s.ada.open(t, nil)
	if h := s.ada.Head(); h.Size != head.Size || len(s.ada.Contacts()) != 5 {
		t.Errorf("stored head %d, contacts %d", h.Size, len(s.ada.Contacts()))
	}
}

// A serial backend answers one lookup after another.
type serial struct {
	backend
	mu   *sync.Mutex
	then func()
}

func (s *serial) Lookup(ctx context.Context, request []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.backend.Lookup(ctx, request)
	s.then()
	return b, err
}

// TestEvidenceForged changes documents of evidence: none is worth more than it
// was, and nothing panics.
func TestEvidenceForged(t *testing.T) {
	s := newScene(t, 2)
	s.Remove(keytrans.Users, s.bob.User[:], 1)
	s.wait(time.Second)
	_, err := s.ada.Lookup(t.Context(), "bob")
	a := alarm(t, err, client.IDFlipFlop, "MS-08")
	b, err := s.ada.Evidence(t.Context(), a.Key)
	if err != nil {
		t.Fatal(err)
	}
	e, err := client.ParseEvidence(b)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := keytrans.ParseEvidence(e.Proof)
	if err != nil || !s.ada.judged(t, a.Key).Proven {
		t.Fatalf("evidence of kind %d: %v", proof.Kind, err)
	}
	forged := *e
	same := *proof
	same.Second = same.First
	forged.Proof = same.Encode()
	if v, err := forged.Verify(); err == nil && v.Proven {
		t.Error("one statement contradicts itself")
	}
	for n := 0; n < len(e.Proof); n += len(e.Proof) / 16 {
		forged.Proof = e.Proof[:n]
		if v, err := forged.Verify(); err == nil && v.Proven {
			t.Errorf("the first %d bytes prove it too", n)
		}
	}
	for _, id := range []string{client.IDStale, client.IDOwnIdentity} {
		refused := s.refusedProof(t)
		refused.ID = id
		if _, err := refused.Verify(); !errors.Is(err, client.ErrEvidence) {
			t.Errorf("an answer that is refused for another reason than %s: %v, want ErrEvidence", id, err)
		}
	}
	other := *e
	other.LogKey = keytranstest.NewSigner(keytranstest.Origin, 1).VKey()
	other.VRFKey = slices.Clone(e.VRFKey)
	other.VRFKey[0] ^= 1
	if v, err := other.Verify(); err == nil && v.Proven {
		t.Error("it is proven under another key")
	}
	for _, bad := range []string{"", "{}", "[]", `{"format":"conclave evidence 1"}`, strings.Repeat("[", 100_000)} {
		if _, err := client.ParseEvidence([]byte(bad)); err == nil {
			t.Errorf("%.20q is a document", bad)
		}
	}
}

// refusedProof is the evidence of an answer that was refused as proof.
func (s *scene) refusedProof(t *testing.T) *client.Evidence {
	t.Helper()
	s.ada.wire.set(func(w *wire) {
		w.after = func(_ string, _, answer []byte) []byte { return answer[:len(answer)-1] }
	})
	_, err := s.ada.Lookup(t.Context(), "bob")
	b, err := s.ada.Evidence(t.Context(), alarm(t, err, client.IDProof, "MS-42").Key)
	if err != nil {
		t.Fatal(err)
	}
	e, err := client.ParseEvidence(b)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestEvidenceOfNothing calls a new device a new identity.
func TestEvidenceOfNothing(t *testing.T) {
	world := newEvil(t, 0)
	ada := newPerson(t, "ada")
	joins(t, world, world.clock, ada)
	phone := newActor(t, world, world.clock, nil)
	if err := phone.SetOwn(t.Context(), ada.user(), ada.last.IdentityKey); err != nil {
		t.Fatal(err)
	}
	if _, err := phone.LookupUser(t.Context(), ada.user()); err != nil {
		t.Fatal(err)
	}
	if _, err := world.publish(t.Context(), ada.addDevice(t, "Old tablet")); err != nil {
		t.Fatal(err)
	}
	if _, err := phone.LookupUser(t.Context(), ada.user()); err != nil {
		t.Fatal(err)
	}
	b, err := phone.Evidence(t.Context(), one(t, phone.Alarms(), client.IDOwnDevice, "MS-04").Key)
	if err != nil {
		t.Fatal(err)
	}
	e, err := client.ParseEvidence(b)
	if err != nil {
		t.Fatal(err)
	}
	e.ID = client.IDOwnIdentity
	if v, err := e.Verify(); !errors.Is(err, client.ErrEvidence) {
		t.Errorf("Verify = %+v, %v, want ErrEvidence", v, err)
	}
}

// TestOvertaken lets an answer arrive after a newer one: it does not take the
// newer one back, and is no stale answer either.
func TestOvertaken(t *testing.T) {
	s := newScene(t, 1)
	nested := false
	s.ada.wire.set(func(w *wire) {
		w.after = func(_ string, _, answer []byte) []byte {
			if !nested {
				nested = true
				s.bob.Publish(s.Model)
				s.wait(time.Second)
				s.ada.lookup(t, "bob")
			}
			return answer
		}
	})
	if c := s.ada.lookup(t, "bob"); c.Version != 1 || len(s.ada.Alarms()) != 0 {
		t.Errorf("bob is at version %d, alarms %+v", c.Version, s.ada.Alarms())
	}
	s.ada.open(t, nil)
	if c := s.ada.Contact(s.bob.User); c.Version != 1 {
		t.Errorf("stored is version %d", c.Version)
	}
}

// FuzzImport gives Import what another device, or whoever breaks into it, sends.
func FuzzImport(f *testing.F) {
	e := &evil{Model: keytranstest.New(f, 0), clock: newClock(keytranstest.Start)}
	keytranstest.NewPerson("bob").Publish(e.Model)
	e.wait(time.Second)
	a := newActor(f, e, e.clock, nil)
	if _, err := a.Lookup(f.Context(), "bob"); err != nil {
		f.Fatal(err)
	}
	b, err := a.Export()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		other := newActor(t, e, e.clock, nil)
		if other.Import(t.Context(), b) != nil {
			return
		}
		again, err := other.Export()
		if err != nil {
			t.Fatal(err)
		}
		third := newActor(t, e, e.clock, nil)
		if err := third.Import(t.Context(), again); err != nil {
			t.Errorf("what was imported is not exported: %v", err)
		}
	})
}
