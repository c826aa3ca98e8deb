package keytrans_test

import (
	"bytes"
	"errors"
	"runtime"
	"testing"

	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// bounded fails if parse allocates much more than its input is long.
func bounded(t *testing.T, n int, parse func()) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	parse()
	runtime.ReadMemStats(&after)
	// A path of 2 bytes becomes 66; the rest is smaller.
	if got := after.TotalAlloc - before.TotalAlloc; got > uint64(80*n+64<<10) {
		t.Errorf("parsing %d bytes allocates %d", n, got)
	}
}

// FuzzAnswers feeds a lookup and monitoring: nothing panics, nothing but the
// honest answers is believed, and what parses is written back byte for byte.
func FuzzAnswers(f *testing.F) {
	w := newWorld(f, 1)
	first := w.request()
	honest := w.Lookup(first, w.p, 1).Encode()
	empty := &keytrans.State{}
	q := w.request()
	r, err := w.v.Lookup(empty, q, honest, w.Now)
	if err != nil {
		f.Fatal(err)
	}
	w.st.Apply(r)
	w.hours(2)
	m := w.st.MonitorRequest(w.p.User, true, 2)
	watched := w.Monitor(m, w.GreatestOf(w.p)).Encode()
	now := w.Now
	f.Add(honest)
	f.Add(watched)
	f.Add(w.Lookup(w.st.Request(keytrans.ByHandle, []byte("lin")), nil, 0).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		bounded(t, len(b), func() {
			if a, err := keytrans.ParseLookupResponse(b); err == nil && !bytes.Equal(a.Encode(), b) {
				t.Error("an answer is written back as something else")
			}
			if a, err := keytrans.ParseMonitorResponse(b); err == nil && !bytes.Equal(a.Encode(), b) {
				t.Error("monitoring is written back as something else")
			}
		})
		if _, err := w.v.Lookup(&keytrans.State{}, first, b, now); err == nil && !bytes.Equal(b, honest) {
			t.Errorf("believed: %x", b)
		}
		if _, err := w.v.Monitor(w.st, m, b, now); err == nil && !bytes.Equal(b, watched) {
			t.Errorf("believed: %x", b)
		}
	})
}

// FuzzText feeds policies and notes.
func FuzzText(f *testing.F) {
	w := newWorld(f, 0)
	f.Add([]byte(w.PolicyText()))
	f.Add(w.Note())
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := keytrans.ParsePolicy(string(b)); err == nil {
			if p.String() != string(b) {
				t.Error("a policy is another text")
			}
			if _, err := keytrans.NewVerifier(w.Keys(), p); err != nil && !errors.Is(err, keytrans.ErrFormat) {
				t.Errorf("NewVerifier = %v", err)
			}
		} else if !errors.Is(err, keytrans.ErrFormat) {
			t.Errorf("ParsePolicy = %v", err)
		}
		c, err := w.v.OpenCheckpoint(b)
		if err == nil && *c != (keytrans.Checkpoint{Size: 2, Root: keytranstest.LogRoot(w.Leaves)}) {
			t.Errorf("a checkpoint that nobody made: %+v", c)
		}
	})
}

// FuzzStored feeds what a client stores and exports.
func FuzzStored(f *testing.F) {
	w := newWorld(f, 1)
	q := w.request()
	r, err := w.v.Lookup(w.st, q, w.Lookup(q, w.p, 1).Encode(), w.Now)
	if err != nil {
		f.Fatal(err)
	}
	w.st.Apply(r)
	u := w.st.Users[w.p.User]
	f.Add(u.Encode())
	f.Add(w.st.Head.Encode())
	f.Add((&keytrans.Evidence{Kind: keytrans.Changed, First: u.Proof, Second: u.Proof}).Encode())
	f.Add((&keytrans.Evidence{Kind: keytrans.Fork, First: w.Note(), Second: w.NoteAt(1, w.Now)}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		bounded(t, len(b), func() {
			if u, err := keytrans.ParseUserState(b); err == nil && !bytes.Equal(u.Encode(), b) {
				t.Error("a user is written back as something else")
			}
			if h, err := keytrans.ParseHead(b); err == nil && !bytes.Equal(h.Encode(), b) {
				t.Error("a head is written back as something else")
			}
		})
		e, err := keytrans.ParseEvidence(b)
		if err != nil {
			return
		}
		if !bytes.Equal(e.Encode(), b) {
			t.Error("evidence is written back as something else")
		}
		if w.v.VerifyEvidence(e) == nil {
			t.Error("an honest directory is proven to lie")
		}
	})
}
