package account_test

import (
	"errors"
	"slices"
	"testing"

	"conclave/core/account"
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
