package account_test

import (
	"errors"
	"slices"
	"testing"

	"conclave/core/account"
	"conclave/core/secret"
)

// Each byte of each message changed on its way: no side that shows symbols shows
// those of the other, so people who compare them notice.
func TestSASTamper(t *testing.T) {
	honest := newWire(t)
	honest.must(t)
	shown := 0
	for number, message := range honest.messages {
		for at := range message {
			w := newWire(t)
			w.tamper = func(n int, m []byte) []byte {
				if n == number {
					m = slices.Clone(m)
					m[at] ^= 0x04
				}
				return m
			}
			err := w.exchange(t)
			a, okA := w.starter.Emoji()
			if w.answerer == nil {
				continue // the request was refused
			}
			b, okB := w.answerer.Emoji()
			if okA && okB {
				shown++
			}
			if okA && okB && a == b {
				t.Errorf("byte %d of message %d can be changed: %v", at, number, err)
			}
			if number == 3 && okA {
				t.Errorf("byte %d of the answerer's key can be changed: the starter shows symbols", at)
			}
		}
	}
	if shown == 0 {
		t.Error("no change got as far as symbols; this test proves little")
	}
}

// Somebody in the middle runs one SAS with each side and passes nothing on.
func TestSASManInTheMiddle(t *testing.T) {
	seen := make(map[bool]int)
	for range 20 {
		w := newWire(t)
		middle := newPerson(t, 9).device.ID()
		toKofi, toGrace := w.a, w.b
		toKofi.Own.Device, toGrace.Own.Device = middle, middle
		asKofi := &wire{a: w.a, b: toGrace} // Grace with who says to be Kofi
		asGrace := &wire{a: toKofi, b: w.b} // who says to be Grace with Kofi
		asKofi.must(t)
		asGrace.must(t)
		grace, _ := codes(t, asKofi.starter)
		kofi, _ := codes(t, asGrace.answerer)
		seen[grace == kofi]++
	}
	if seen[true] > 0 {
		t.Errorf("the symbols match in %d of 20 attacks", seen[true])
	}
}

// The answerer's place is taken by who waits for the starter's key and would then
// choose a key of its own: the commitment does not let it.
func TestSASCommitment(t *testing.T) {
	w, other := newWire(t), newWire(t)
	other.must(t)
	txnOf := func(m []byte) [16]byte {
		txn, err := account.SASTxn(m)
		if err != nil {
			t.Fatal(err)
		}
		return txn
	}
	w.tamper = func(n int, m []byte) []byte {
		if n != 3 {
			return m
		}
		late := slices.Clone(other.messages[3])
		txn := txnOf(m)
		copy(late[1:], txn[:])
		return late
	}
	if err := w.exchange(t); !errors.Is(err, account.ErrSASCommitment) {
		t.Fatalf("another key than committed to: %v, want ErrSASCommitment", err)
	}
	if w.starter.State() != account.SASFailed || !errors.Is(w.starter.Err(), account.ErrSASCommitment) {
		t.Errorf("state %v, error %v", w.starter.State(), w.starter.Err())
	}
	if _, ok := w.starter.Emoji(); ok {
		t.Error("symbols are shown after a broken commitment")
	}
}

// The MACs: symbols match, and the server gave one side another identity key.
func TestSASOtherIdentity(t *testing.T) {
	w := newWire(t)
	w.a.Peer.Fingerprint[0] ^= 1 // the server lied to Grace about Kofi
	w.must(t)
	a, b := w.agree(t)
	if !errors.Is(b, account.ErrSASKeys) || !errors.Is(a, account.ErrSASKeys) {
		t.Errorf("errors %v and %v, want ErrSASKeys", a, b)
	}
	for _, s := range []*account.SAS{w.starter, w.answerer} {
		if result, err := s.Result(); result != nil || !errors.Is(err, account.ErrSASKeys) {
			t.Errorf("Result = %v, %v, want ErrSASKeys", result, err)
		}
	}
	// The lie is told to the other side.
	w = newWire(t)
	w.b.Peer.Fingerprint[0] ^= 1
	w.must(t)
	if _, b := w.agree(t); !errors.Is(b, account.ErrSASKeys) {
		t.Errorf("error %v, want ErrSASKeys", b)
	}
}

// Each byte of a MAC changed on its way.
func TestSASMACTamper(t *testing.T) {
	for number := 4; number <= 5; number++ {
		for at := range 1 + 16 + 32 {
			w := newWire(t)
			w.must(t)
			w.tamper = func(n int, m []byte) []byte {
				if n == number {
					m = slices.Clone(m)
					m[at] ^= 0x08
				}
				return m
			}
			w.agree(t)
			receiver := w.answerer
			if number == 5 {
				receiver = w.starter
			}
			if receiver.State() == account.SASDone {
				t.Errorf("byte %d of message %d can be changed", at, number)
			}
		}
	}
}

// A side's own MAC, sent back to it, proves nothing.
func TestSASReflectedMAC(t *testing.T) {
	w := newWire(t)
	w.must(t)
	m, err := w.starter.Confirm(true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.starter.Handle(m, start+5); !errors.Is(err, account.ErrSASKeys) {
		t.Errorf("its own MAC: Handle = %v, want ErrSASKeys", err)
	}
}

// Two devices that are shown different directories find out, also where the
// people agree; where somebody changes what they say, the symbols differ (see
// TestSASTamper).
func TestSASCheckpoints(t *testing.T) {
	w := newWire(t)
	w.a.Checkpoint, w.b.Checkpoint = checkpoint(10, 1), checkpoint(10, 2)
	w.must(t)
	a, b := w.agree(t)
	if !errors.Is(a, account.ErrSplit) || !errors.Is(b, account.ErrSplit) {
		t.Errorf("errors %v and %v, want ErrSplit", a, b)
	}
	for s, theirs := range map[*account.SAS]account.Checkpoint{w.answerer: w.a.Checkpoint, w.starter: w.b.Checkpoint} {
		result, err := s.Result()
		if !errors.Is(err, account.ErrSplit) || result == nil || result.Checkpoint != theirs {
			t.Errorf("Result = %+v, %v, want the other checkpoint and ErrSplit", result, err)
		}
	}
	for name, other := range map[string]account.Checkpoint{
		"the same":       checkpoint(10, 1),
		"a longer log":   checkpoint(11, 2),
		"another server": {Origin: account.OriginHash("example.net"), Size: 10, Root: [32]byte{2}},
	} {
		w := newWire(t)
		w.a.Checkpoint, w.b.Checkpoint = checkpoint(10, 1), other
		w.must(t)
		if a, b := w.agree(t); a != nil || b != nil {
			t.Errorf("%s: errors %v and %v, want none", name, a, b)
		}
	}
}

// A forged message that tells of a split does not make an unproven result.
func TestSASForgedCancel(t *testing.T) {
	for reason, want := range map[byte]error{
		1: account.ErrSASCancelled, 2: account.ErrSASDiffer, 3: account.ErrSASExpired,
		4: account.ErrSASCancelled, 5: account.ErrSASKeys, 6: account.ErrSplit, 77: account.ErrSASCancelled,
	} {
		w := newWire(t)
		w.must(t)
		txn := w.starter.Txn()
		cancel := append(append([]byte{5}, txn[:]...), reason)
		if _, err := w.starter.Handle(cancel, start+5); !errors.Is(err, want) {
			t.Errorf("reason %d: Handle = %v, want %v", reason, err, want)
		}
		if result, err := w.starter.Result(); result != nil || !errors.Is(err, want) {
			t.Errorf("reason %d: Result = %v, %v, want %v", reason, result, err, want)
		}
		if _, ok := w.starter.Emoji(); ok {
			t.Errorf("reason %d: symbols are still shown", reason)
		}
		if again, err := account.ParseSAS(w.starter.Encode()); err != nil || !errors.Is(again.Err(), want) {
			t.Errorf("reason %d: stored and read again: %v, %v", reason, again.Err(), err)
		}
	}
}

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
