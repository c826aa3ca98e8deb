package evilserver

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"conclave/core/keytrans"
)

// TestLiesInAnswers changes what an honest server says about Bob, whom Ada knows:
// she believes none of it, keeps what she knew, and the honest answer works again.
func TestLiesInAnswers(t *testing.T) {
	t.Parallel()
	s := New(t, quick())
	world := s.World()
	f := s.Front(world)
	ada := register(t, f, "ada")
	register(t, s.Front(world), "bob")
	register(t, s.Front(world), "carol")
	before := ada.knows("bob")

	edit := func(change func(a *keytrans.LookupResponse)) Hook {
		return Change(func(body []byte) []byte {
			a, err := keytrans.ParseLookupResponse(bytes.Clone(body))
			if err != nil {
				t.Errorf("the honest answer: %v", err)
				return body
			}
			change(a)
			return a.Encode()
		})
	}
	var foreign []byte // an honest answer about somebody else
	f.Lie(lookupRoute, Change(func(b []byte) []byte { foreign = bytes.Clone(b); return b }))
	ada.knows("carol")
	lies := []struct {
		name, message, attack string
		hook                  Hook
	}{
		{"a record that is not in the map", "proof", "MS-05", edit(func(a *keytrans.LookupResponse) { a.Opening[0] ^= 1 })},
		{"a path of another map", "proof", "MS-05", edit(func(a *keytrans.LookupResponse) { a.Inclusion = append(a.Inclusion, keytrans.Hash{1}) })},
		{"the answer about somebody else", "handle-moved", "MS-16", nil},
		{"bytes after the end", "proof", "MS-42", Change(func(b []byte) []byte { return append(b, 0) })},
		{"a record with another key", "proof", "MS-05", swapped(t)},
		{"half an answer", "proof", "MS-42", Change(func(b []byte) []byte { return b[:len(b)/2] })},
		{"nothing", "proof", "MS-42", Change(func([]byte) []byte { return nil })},
		{"a changed checkpoint", "server-identity", "MS-14", edit(func(a *keytrans.LookupResponse) {
			a.Checkpoint = bytes.ReplaceAll(a.Checkpoint, []byte(Origin), []byte("evil.test"))
		})},
	}
	for _, l := range lies {
		t.Run(l.name, func(t *testing.T) {
			d := *ada
			d.t = t
			if l.hook == nil {
				l.hook = Change(func([]byte) []byte { return foreign })
			}
			f.Lie(lookupRoute, l.hook)
			_, err := d.Lookup(t.Context(), "bob")
			d.alarmed(err, l.message, l.attack)
			f.Lie(lookupRoute, nil)
			d.honest("bob", before)
		})
	}
}

// TestRefusedOne is MS-44: the server answers for everybody but one.
func TestRefusedOne(t *testing.T) {
	t.Parallel()
	s := New(t, quick())
	world := s.World()
	f := s.Front(world)
	ada := register(t, f, "ada")
	register(t, s.Front(world), "bob")
	register(t, s.Front(world), "carol")
	before := ada.knows("bob")
	ada.knows("carol")
	f.Lie(lookupRoute, func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		q, err := keytrans.ParseLookupRequest(Body(r))
		if err == nil && string(q.Name) == "bob" {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		real.ServeHTTP(w, r)
	})
	var err error
	for range 10 {
		if _, err = ada.Lookup(t.Context(), "bob"); err == nil {
			t.Fatal("the lookup succeeded")
		}
		ada.knows("carol")
		ada.ahead += 20 * time.Minute
	}
	ada.hasAlarm("refused-one", "MS-44")
	ada.ahead = 0
	f.Lie(lookupRoute, nil)
	ada.honest("bob", before)
}

func swapped(t *testing.T) Hook {
	t.Helper()
	h, err := SwapKey()
	if err != nil {
		t.Fatal(err)
	}
	return h
}
