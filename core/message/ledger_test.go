package message_test

import (
	"slices"
	"testing"

	"conclave/core/message"
)

type sent struct {
	content *message.Content
	encoded []byte
}

// chain is what a device sends: contents 1 to n, each with the digest of the one before.
func chain(t *testing.T, n int) []sent {
	t.Helper()
	list := make([]sent, n+1)
	var previous message.Digest
	for i := 1; i <= n; i++ {
		c := message.Content{ID: message.ID{byte(i), 1}, Counter: uint64(i), Previous: previous, Body: message.Merged{}}
		list[i] = sent{&c, encode(t, c)}
		previous = message.DigestOf(list[i].encoded)
	}
	return list
}

func take(t *testing.T, l *message.Ledger, s sent, want message.Order, missing uint64) {
	t.Helper()
	if got := l.Take(s.content, s.encoded); got != (message.Verdict{Order: want, Missing: missing}) {
		t.Errorf("content %d: %+v, want order %d with %d missing", s.content.Counter, got, want, missing)
	}
	kept, err := message.ParseLedger(l.Encode())
	if err != nil {
		t.Fatal(err)
	}
	*l = *kept
}

// forged is a content that differs from the one with its counter.
func forged(t *testing.T, s sent) sent {
	t.Helper()
	c := *s.content
	c.Time++
	return sent{&c, encode(t, c)}
}

func TestLedgerSeesWhatIsMissing(t *testing.T) {
	var l message.Ledger
	c := chain(t, 9)
	take(t, &l, c[1], message.InOrder, 0)
	take(t, &l, c[1], message.Duplicate, 0)
	take(t, &l, c[6], message.Gap, 4)
	take(t, &l, c[9], message.Gap, 2)
	if got := l.Missing(5); !slices.Equal(got, []uint64{2, 3, 4, 5, 7}) {
		t.Errorf("missing %v", got)
	}
	take(t, &l, c[4], message.Late, 0)
	take(t, &l, c[4], message.Duplicate, 0)
	for _, n := range []int{2, 8, 3, 5, 7} {
		take(t, &l, c[n], message.Late, 0)
	}
	if got := l.Missing(5); got != nil {
		t.Errorf("still missing %v", got)
	}
}

func TestLedgerSeesTwoStories(t *testing.T) {
	var l message.Ledger
	c, other := chain(t, 8), chain(t, 8)
	take(t, &l, c[1], message.InOrder, 0)
	take(t, &l, forged(t, c[1]), message.Fork, 0)
	next := *other[2].content
	next.Previous = message.Digest{1}
	take(t, &l, sent{&next, encode(t, next)}, message.Fork, 0)
	take(t, &l, c[2], message.InOrder, 0)
	take(t, &l, c[6], message.Gap, 3)
	take(t, &l, forged(t, c[5]), message.Fork, 0)
	next = *other[3].content
	next.Previous = message.Digest{1}
	take(t, &l, sent{&next, encode(t, next)}, message.Fork, 0)
	take(t, &l, c[4], message.Late, 0)
	take(t, &l, forged(t, c[3]), message.Fork, 0)
	take(t, &l, c[3], message.Late, 0)
	take(t, &l, c[5], message.Late, 0)
}

func TestLedgerOfOneThatJoins(t *testing.T) {
	c := chain(t, 200)
	l := message.Joining()
	take(t, l, c[7], message.InOrder, 0)
	take(t, l, c[6], message.Old, 0)
	take(t, l, c[8], message.InOrder, 0)
	var late message.Ledger
	take(t, &late, c[3], message.Gap, 2)
	for _, s := range c[9:] {
		take(t, l, s, message.InOrder, 0)
	}
	take(t, l, c[8], message.Old, 0)
	take(t, l, c[190], message.Duplicate, 0)
}

func TestLedgerIsBounded(t *testing.T) {
	var l message.Ledger
	for i := range 1000 {
		c := message.Content{ID: message.ID{1}, Counter: uint64(i)*1000 + 1, Body: message.Merged{}}
		if i > 0 {
			c.Previous = message.Digest{byte(i), 1}
		}
		l.Take(&c, encode(t, c))
	}
	if n := len(l.Encode()); n > 4096 {
		t.Errorf("a ledger of %d bytes", n)
	}
	typing := message.Content{ID: message.ID{1}, Body: message.Typing{}}
	take(t, &l, sent{&typing, encode(t, typing)}, message.Uncounted, 0)
}

func TestDamagedLedgerIsRefused(t *testing.T) {
	var l message.Ledger
	take(t, &l, chain(t, 3)[3], message.Gap, 2)
	b := l.Encode()
	for n := range b {
		if _, err := message.ParseLedger(b[:n]); err == nil {
			t.Fatalf("accepted %d of %d bytes", n, len(b))
		}
	}
}
