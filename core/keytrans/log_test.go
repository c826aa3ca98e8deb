package keytrans_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	formats "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// raw returns hashes as transparency-dev/merkle takes them.
func raw(hashes []keytrans.Hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}

func leaves(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = fmt.Append(nil, "leaf ", i)
	}
	return out
}

// TestConsistency compares with transparency-dev/merkle: right proofs of all
// sizes to 33, and wrong ones.
func TestConsistency(t *testing.T) {
	for to := 1; to <= 33; to++ {
		all := leaves(to)
		second := keytrans.Checkpoint{Size: uint64(to), Root: keytranstest.LogRoot(all)}
		for from := 0; from <= to; from++ {
			first := keytrans.Checkpoint{Size: uint64(from), Root: keytranstest.LogRoot(all[:from])}
			var p []keytrans.Hash
			if from > 0 {
				p = keytranstest.LogConsistency(from, all)
			}
			try := func(what string, first, second keytrans.Checkpoint, p []keytrans.Hash) {
				oracle := proof.VerifyConsistency(rfc6962.DefaultHasher, first.Size, second.Size, raw(p), first.Root[:], second.Root[:])
				if err := keytrans.VerifyConsistency(first, second, p); (err == nil) != (oracle == nil) {
					t.Errorf("%s, %d to %d: %v, merkle says %v", what, from, to, err, oracle)
				}
			}
			try("right", first, second, p)
			other := first
			other.Root[0]++
			if from > 0 { // the oracle asks no root of an empty log
				try("another first root", other, second, p)
			}
			other = second
			other.Root[0]++
			if from > 0 {
				try("another second root", first, other, p)
			}
			try("a hash more", first, second, append(slices.Clone(p), keytrans.Hash{}))
			for i := range p {
				q := slices.Clone(p)
				q[i][0]++
				try("another hash", first, second, q)
				try("a hash less", first, second, slices.Delete(slices.Clone(p), i, i+1))
			}
		}
	}
	if err := keytrans.VerifyConsistency(keytrans.Checkpoint{Size: 3}, keytrans.Checkpoint{Size: 2}, nil); !errors.Is(err, keytrans.ErrSplit) {
		t.Errorf("from greater to smaller: %v", err)
	}
}

// TestGossip compares the notes of two clients.
func TestGossip(t *testing.T) {
	w := newWorld(t, 0)
	for range 4 {
		w.Later(second)
	}
	v := w.v
	for from := 1; from <= 6; from++ {
		a, b := w.NoteAt(from, w.Now), w.Note()
		p, err := keytrans.ParseHashes(w.Consistency(from, 6))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(v.Gossip(a, b, p), v.Gossip(b, a, p)); err != nil {
			t.Errorf("%d and 6 of one log: %v", from, err)
		}
		for _, p := range [][]keytrans.Hash{p, slices.Repeat([]keytrans.Hash{{1}}, len(p)), nil} {
			e := &keytrans.Evidence{Kind: keytrans.Fork, First: a, Second: b, Proof: p}
			if err := v.VerifyEvidence(e); !errors.Is(err, keytrans.ErrUnproven) {
				t.Errorf("one log is proven to have forked at %d: %v", from, err)
			}
		}
		// A fork: entry 2 is another.
		evil := w.Clone()
		evil.Leaves[2] = bytes.Repeat([]byte{7}, 90)
		p, _ = keytrans.ParseHashes(evil.Consistency(from, 6))
		err = v.Gossip(a, evil.Note(), p)
		if from <= 2 {
			if err != nil {
				t.Errorf("%d epochs from before the fork: %v", from, err)
			}
			continue
		}
		var e *keytrans.Error
		if !errors.As(err, &e) || !errors.Is(err, keytrans.ErrSplit) || e.Attack != "MS-11" || e.Evidence == nil {
			t.Fatalf("a fork at %d: %v", from, err)
		}
		// The honest proof leads to both roots of the fork, and so shows it; but for 4,
		// a power of two, it begins at the first root.
		if err := v.VerifyEvidence(e.Evidence); (err == nil) != (from != 4) {
			t.Errorf("evidence at %d: %v", from, err)
		}
		if from == 6 {
			same := *e.Evidence
			same.Second = same.First
			if err := v.VerifyEvidence(&same); !errors.Is(err, keytrans.ErrUnproven) {
				t.Errorf("one note twice: %v", err)
			}
		}
		forged := *e.Evidence
		forged.Second = bytes.Replace(forged.Second, []byte("\n6\n"), []byte("\n7\n"), 1)
		if err := v.VerifyEvidence(&forged); err == nil || errors.Is(err, keytrans.ErrUnproven) {
			t.Errorf("forged evidence: %v", err)
		}
	}
	if err := v.Gossip(w.Note(), []byte("x"), nil); !errors.Is(err, keytrans.ErrProof) {
		t.Errorf("no note: %v", err)
	}
	if err := v.Gossip([]byte("x"), w.Note(), nil); !errors.Is(err, keytrans.ErrProof) {
		t.Errorf("no note: %v", err)
	}
}

// TestCosignatureOracle lets transparency-dev/formats check the model's
// cosignatures, and the verifier those of formats.
func TestCosignatureOracle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0)
		time.Sleep(time.Until(time.UnixMilli(int64(w.Now)))) //nolint:forbidigo // the clock of the bubble: formats asks it
		var oracles []note.Verifier
		for _, s := range w.Witnesses {
			o, err := formats.NewVerifierForCosignatureV1(s.VKey())
			if err != nil {
				t.Fatal(err)
			}
			oracles = append(oracles, o)
		}
		n, err := note.Open(w.Note(), note.VerifierList(oracles...))
		if err != nil || len(n.Sigs) != 2 {
			t.Fatalf("formats does not accept what the model signs: %v", err)
		}

		skey, vkey, err := note.GenerateKey(nil, "theirs.example")
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := formats.NewSignerForCosignatureV1(skey)
		if err != nil {
			t.Fatal(err)
		}
		policy, err := keytrans.ParsePolicy("witness theirs " + vkey + "\nquorum theirs\n")
		if err != nil {
			t.Fatal(err)
		}
		v, err := keytrans.NewVerifier(w.Keys(), policy)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := note.Sign(&note.Note{Text: n.Text, UnverifiedSigs: n.UnverifiedSigs}, theirs)
		if err != nil {
			t.Fatal(err)
		}
		q := w.request()
		a := w.Lookup(q, w.p, 0)
		a.Checkpoint = signed
		if r, err := v.Lookup(w.st, q, a.Encode(), w.Now); err != nil || r.Witnesses != 1 {
			t.Errorf("a cosignature by formats: %+v, %v", r, err)
		}
		a.Checkpoint = w.Note()
		if _, err := v.Lookup(w.st, q, a.Encode(), w.Now); !errors.Is(err, keytrans.ErrWitness) {
			t.Errorf("without it: %v", err)
		}
	})
}

// TestCheckpointText refuses texts that the log signed but that are no
// checkpoints in their one form.
func TestCheckpointText(t *testing.T) {
	m := keytranstest.New(t, 0)
	v := m.Verifier()
	good := m.Text(1)
	lines := strings.Split(good, "\n")
	for name, text := range map[string]string{
		"no root":         lines[0] + "\n1\n",
		"size 01":         strings.Replace(good, "\n1\n", "\n01\n", 1),
		"size +1":         strings.Replace(good, "\n1\n", "\n+1\n", 1),
		"a negative size": strings.Replace(good, "\n1\n", "\n-1\n", 1),
		"a huge size":     strings.Replace(good, "\n1\n", "\n9223372036854775807\n", 1),
		"a short root":    lines[0] + "\n1\nAAAA\n",
		"a loose root":    lines[0] + "\n1\n" + strings.TrimRight(lines[2], "=") + "\n",
		"another base64":  loosen(good),
		"a fourth line":   good + "x\n",
		"an empty origin": "\n1\n" + lines[2] + "\n",
	} {
		if _, err := v.OpenCheckpoint([]byte(text + "\n" + m.Log.Sign(text))); !errors.Is(err, keytrans.ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := v.OpenCheckpoint([]byte(good + "\n" + loosen(m.Log.Sign(good)))); !errors.Is(err, keytrans.ErrProof) {
		t.Errorf("a signature in another base64: %v", err)
	}
	c, err := v.OpenCheckpoint([]byte(good + "\n" + m.Log.Sign(good)))
	if err != nil || c.Size != 1 || c.Root != keytranstest.LogRoot(m.Leaves) {
		t.Errorf("the good one: %+v, %v", c, err)
	}
}

// loosen changes bits of base64 that mean nothing: those before the last =.
func loosen(text string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := strings.LastIndex(text, "=") - 1
	for text[i] == '=' {
		i--
	}
	return text[:i] + string(digits[strings.IndexByte(digits, text[i])|1]) + text[i+1:]
}

// TestNoWitnesses judges by the directory's own time.
func TestNoWitnesses(t *testing.T) {
	m := keytranstest.New(t, 0)
	p := keytranstest.NewPerson("kofi")
	p.Publish(m)
	m.Later(second)
	w := &world{Model: m, v: m.Verifier(), st: &keytrans.State{}, p: p}
	q := w.request()
	answer := w.Lookup(q, p, 0).Encode()
	for now, want := range map[uint64]error{
		w.Now - 11*minute: keytrans.ErrClock, w.Now - 10*minute: nil, w.Now: nil,
		w.Now + 24*hour: nil, w.Now + 24*hour + 1: keytrans.ErrFrozen,
	} {
		_, err := w.v.Lookup(w.st, q, answer, now)
		if want == nil && err != nil || want != nil && !errors.Is(err, want) {
			t.Errorf("at %+d s: %v, want %v", (int64(now)-int64(w.Now))/second, err, want)
		}
	}
}
