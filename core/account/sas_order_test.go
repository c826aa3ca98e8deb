package account_test

import (
	"errors"
	"slices"
	"testing"

	"conclave/core/account"
	"conclave/core/secret"
)

// Replayed messages change nothing; those of another comparison neither.
func TestSASReplay(t *testing.T) {
	w, other := newWire(t), newWire(t)
	w.must(t)
	other.must(t)
	check := func(s *account.SAS, m []byte, want error) {
		t.Helper()
		before := s.State()
		if reply, err := s.Handle(m, start+5); !errors.Is(err, want) || reply != nil {
			t.Errorf("Handle = %x, %v, want %v", reply, err, want)
		}
		if s.State() != before || s.Err() != nil {
			t.Errorf("state %v, error %v, was %v", s.State(), s.Err(), before)
		}
	}
	check(w.answerer, w.messages[0], account.ErrSASReplay)
	check(w.starter, w.messages[1], account.ErrSASReplay)
	check(w.answerer, w.messages[2], account.ErrSASReplay)
	check(w.starter, w.messages[3], account.ErrSASReplay)
	for _, m := range other.messages {
		check(w.starter, m, account.ErrSASOther)
		check(w.answerer, m, account.ErrSASOther)
	}
	check(w.starter, nil, account.ErrSASOther)
	check(w.starter, make([]byte, account.MaxSASMessage+1), account.ErrSASOther)
	if a, b := w.agree(t); a != nil || b != nil {
		t.Fatalf("after the replays: %v, %v", a, b)
	}
	check(w.starter, w.messages[5], account.ErrSASReplay)
	cancel := w.starter.Txn()
	check(w.starter, append(append([]byte{5}, cancel[:]...), 1), account.ErrSASReplay)
}

// Messages in a wrong order end it, and the peer is told.
func TestSASOrder(t *testing.T) {
	head := func(s *account.SAS, kind byte) []byte {
		txn := s.Txn()
		return append([]byte{kind}, txn[:]...)
	}
	fixed := func(s *account.SAS, kind byte) []byte { return append(head(s, kind), make([]byte, 32)...) }
	tests := map[string]func(t *testing.T, w *wire) (*account.SAS, []byte){
		"key before accept": func(t *testing.T, w *wire) (*account.SAS, []byte) {
			s, _, err := account.StartSAS(w.a, start)
			if err != nil {
				t.Fatal(err)
			}
			return s, fixed(s, 3)
		},
		"MAC before symbols": func(t *testing.T, w *wire) (*account.SAS, []byte) {
			s, _, err := account.StartSAS(w.a, start)
			if err != nil {
				t.Fatal(err)
			}
			return s, fixed(s, 4)
		},
		"a request to the starter": func(t *testing.T, w *wire) (*account.SAS, []byte) {
			s, request, err := account.StartSAS(w.a, start)
			if err != nil {
				t.Fatal(err)
			}
			return s, request
		},
		"accept to the answerer": func(t *testing.T, w *wire) (*account.SAS, []byte) {
			w.must(t)
			return w.answerer, w.messages[1]
		},
		"a second, other key": func(t *testing.T, w *wire) (*account.SAS, []byte) {
			w.must(t)
			return w.answerer, fixed(w.answerer, 3)
		},
		"a second, other accept": func(t *testing.T, w *wire) (*account.SAS, []byte) {
			w.must(t)
			m := slices.Clone(w.messages[1])
			m[len(m)-1] ^= 1
			return w.starter, m
		},
		"a second MAC": func(t *testing.T, w *wire) (*account.SAS, []byte) {
			w.must(t)
			if _, err := w.starter.Handle(fixed(w.starter, 4), start+5); err != nil {
				t.Fatal(err)
			}
			m := fixed(w.starter, 4)
			m[20] ^= 1
			return w.starter, m
		},
		"an unknown kind": func(t *testing.T, w *wire) (*account.SAS, []byte) {
			w.must(t)
			return w.starter, head(w.starter, 9)
		},
	}
	for name, make := range tests {
		t.Run(name, func(t *testing.T) {
			s, message := make(t, newWire(t))
			reply, err := s.Handle(message, start+6)
			if !errors.Is(err, account.ErrSASOrder) || s.State() != account.SASFailed {
				t.Errorf("Handle = %v in state %v, want ErrSASOrder and failed", err, s.State())
			}
			if len(reply) == 0 || reply[0] != 5 {
				t.Errorf("the peer is not told: %x", reply)
			}
		})
	}
}

// A key that everybody shares a secret with, this device's own key, and messages
// with bytes too many or too few.
func TestSASMalformed(t *testing.T) {
	tests := map[string]func(m []byte) []byte{
		"small order": func(m []byte) []byte { return append(slices.Clone(m[:17]), make([]byte, 32)...) },
		"trailing":    func(m []byte) []byte { return append(slices.Clone(m), 0) },
		"short":       func(m []byte) []byte { return m[:len(m)-1] },
		"only a head": func(m []byte) []byte { return m[:17] },
	}
	for name, change := range tests {
		for number := 1; number <= 3; number++ {
			if name == "small order" && number == 1 {
				continue
			}
			w := newWire(t)
			w.tamper = func(n int, m []byte) []byte {
				if n == number {
					return change(m)
				}
				return m
			}
			err := w.exchange(t)
			if !errors.Is(err, account.ErrMalformed) && !errors.Is(err, account.ErrSASCommitment) {
				t.Errorf("%s, message %d: %v, want ErrMalformed", name, number, err)
			}
		}
	}
	if _, err := account.ParseSASRequest(append([]byte{2}, make([]byte, 200)...)); !errors.Is(err, account.ErrMalformed) {
		t.Errorf("ParseSASRequest of an accept = %v, want ErrMalformed", err)
	}
	w := newWire(t)
	w.tamper = func(n int, m []byte) []byte {
		if n == 1 {
			m[1+16+16+1]++ // the suite
		}
		return m
	}
	if err := w.exchange(t); !errors.Is(err, account.ErrMalformed) {
		t.Errorf("a suite that was not offered: %v, want ErrMalformed", err)
	}
	w = newWire(t)
	w.must(t)
	txn := w.starter.Txn()
	if _, err := w.starter.Handle(append([]byte{5}, txn[:]...), start+5); !errors.Is(err, account.ErrMalformed) {
		t.Errorf("a cancel without a reason: %v, want ErrMalformed", err)
	}
	// The answerer's own key comes back to it as the starter's.
	w = newWire(t)
	var key []byte
	w.tamper = func(n int, m []byte) []byte {
		if n == 2 {
			again, err := account.ParseSAS(w.answerer.Encode())
			if err != nil {
				t.Fatal(err)
			}
			if key, err = again.Handle(m, start); err != nil {
				t.Fatal(err)
			}
			return key
		}
		return m
	}
	if err := w.exchange(t); !errors.Is(err, account.ErrMalformed) {
		t.Errorf("its own key: %v, want ErrMalformed", err)
	}
}

// A peer that stops: the SAS ends by itself, and Cancel tells the other.
func TestSASAborts(t *testing.T) {
	w := newWire(t)
	w.must(t)
	cancel := w.starter.Cancel()
	if _, err := w.answerer.Handle(cancel, start+5); !errors.Is(err, account.ErrSASCancelled) || w.answerer.State() != account.SASFailed {
		t.Errorf("Handle of a cancel = %v", err)
	}
	if w.answerer.Cancel() != nil {
		t.Error("what is over is cancelled again")
	}
	w = newWire(t)
	w.must(t)
	message, err := w.starter.Confirm(false)
	if !errors.Is(err, account.ErrSASDiffer) {
		t.Fatalf("Confirm(false) = %v, want ErrSASDiffer", err)
	}
	if _, err := w.answerer.Handle(message, start+5); !errors.Is(err, account.ErrSASDiffer) {
		t.Errorf("the other side: %v, want ErrSASDiffer", err)
	}
	if _, err := w.starter.Confirm(true); !errors.Is(err, account.ErrSASState) {
		t.Errorf("Confirm after the end = %v, want ErrSASState", err)
	}
	w = newWire(t)
	w.must(t)
	if err := w.starter.Tick(start + account.SASLifetime); err != nil {
		t.Errorf("Tick at the last moment = %v, want nil", err)
	}
	m, err := w.answerer.Confirm(true)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := w.starter.Handle(m, start+account.SASLifetime+1)
	if !errors.Is(err, account.ErrSASExpired) || len(reply) == 0 {
		t.Errorf("Handle too late = %x, %v, want ErrSASExpired", reply, err)
	}
	if _, err := w.answerer.Handle(reply, start+account.SASLifetime); !errors.Is(err, account.ErrSASExpired) {
		t.Errorf("the other side: %v, want ErrSASExpired", err)
	}
}

// A stored state that is damaged is refused.
func TestParseSASRefuses(t *testing.T) {
	w := newWire(t)
	w.must(t)
	b := w.starter.Encode().Expose()
	for n := range b {
		if _, err := account.ParseSAS(secret.New(b[:n])); !errors.Is(err, account.ErrMalformed) {
			t.Fatalf("the first %d bytes: ParseSAS = %v, want ErrMalformed", n, err)
		}
	}
	const stateAt = 2 + 1 + 2*64 + 72 + 16 + 8 + 1
	for name, change := range map[string][2]int{"format": {1, 2}, "state 0": {stateAt, 0}, "state 6": {stateAt, 6}, "error": {stateAt + 1, 99}} {
		c := slices.Clone(b)
		c[change[0]] = byte(change[1])
		if _, err := account.ParseSAS(secret.New(c)); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("%s: ParseSAS = %v, want ErrMalformed", name, err)
		}
	}
	waiting := slices.Clone(b)
	waiting[stateAt] = 1 // without its ephemeral key
	if _, err := account.ParseSAS(secret.New(waiting)); !errors.Is(err, account.ErrMalformed) {
		t.Errorf("a key is missing: ParseSAS = %v, want ErrMalformed", err)
	}
}
