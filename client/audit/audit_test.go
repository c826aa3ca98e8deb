package audit_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	vrf "filippo.io/mostly-harmless/vrf-r255"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"conclave/client/audit"
	"conclave/core/keytrans"
	"conclave/directory/prefixmap"
)

// A liar is a directory whose operator writes what it likes.
type liar struct {
	keys   keytrans.ServerKeys
	signer note.Signer
	m      *prefixmap.Map
	leaves [][]byte
	files  [][]byte
	time   uint64

	root  func(tlog.Hash) tlog.Hash // of the log, before it is signed
	unfit error                     // of every request
}

func newLiar(t *testing.T) *liar {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "log.test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	public := vrf.GenerateKey().PublicKey().Bytes()
	l := &liar{signer: signer, m: prefixmap.New(), root: func(h tlog.Hash) tlog.Hash { return h }}
	l.keys = keytrans.ServerKeys{Origin: "log.test", LogKey: vkey, VRFKey: [32]byte(public)}
	return l
}

func some(n int) []prefixmap.Entry {
	out := make([]prefixmap.Entry, n)
	for i := range out {
		_, _ = rand.Read(out[i].Label[:])
		_, _ = rand.Read(out[i].Commitment[:])
	}
	return out
}

// grow makes an honest epoch, which change may make another before it is logged.
func (l *liar) grow(t *testing.T, added []prefixmap.Entry, change func(e *keytrans.Epoch, file *[]byte)) {
	t.Helper()
	next, err := l.m.Insert(slices.Clone(added))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(added, func(a, b prefixmap.Entry) int { return bytes.Compare(a.Label[:], b.Label[:]) })
	var file []byte
	for i := range added {
		file = append(append(file, added[i].Label[:]...), added[i].Commitment[:]...)
	}
	l.time += 1000
	e := &keytrans.Epoch{Index: uint64(len(l.leaves)), Time: l.time, MapRoot: next.Root(), MapSize: uint64(next.Len()), Mutations: sha256.Sum256(file)}
	if change != nil {
		change(e, &file)
	}
	l.m, l.leaves, l.files = next, append(l.leaves, e.Encode()), append(l.files, file)
}

func (l *liar) Checkpoint(context.Context) ([]byte, error) {
	var hashes []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = hashes[x]
		}
		return out, nil
	})
	for i, leaf := range l.leaves {
		more, err := tlog.StoredHashes(int64(i), leaf, read)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, more...)
	}
	root, err := tlog.TreeHash(int64(len(l.leaves)), read)
	if err != nil {
		return nil, err
	}
	root = l.root(root)
	text := fmt.Sprintf("log.test\n%d\n%s\n", len(l.leaves), base64.StdEncoding.EncodeToString(root[:]))
	return note.Sign(&note.Note{Text: text}, l.signer)
}

func (l *liar) Leaves(_ context.Context, bundle, size uint64) ([][]byte, error) {
	return l.leaves[bundle*256 : min(bundle*256+256, size)], l.unfit
}

func (l *liar) Mutations(_ context.Context, epoch uint64) ([]byte, error) {
	return l.files[epoch], l.unfit
}

// TestAudit replays an honest history of two bundles.
func TestAudit(t *testing.T) {
	l := newLiar(t)
	l.grow(t, nil, nil)
	for i := range 300 {
		l.grow(t, some(i%3), nil)
	}
	var last [2]uint64
	r, evidence, err := audit.Run(t.Context(), l, l.keys, func(done, of uint64) { last = [2]uint64{done, of} })
	if err != nil || evidence != nil {
		t.Fatalf("%v, %v", err, evidence)
	}
	if want := (audit.Result{OK: true, Epochs: 301, Entries: 300, Root: l.m.Root().String()}); r != want {
		t.Errorf("%+v, want %+v", r, want)
	}
	if last != [2]uint64{301, 301} {
		t.Errorf("the last progress is %v", last)
	}
}

// TestLies has one case for each lie, and the evidence convicts without the server.
func TestLies(t *testing.T) {
	planted := some(1)
	for name, c := range map[string]struct {
		lie    func(t *testing.T, l *liar)
		proven bool
		epoch  uint64
	}{
		"an entry unseen": {func(t *testing.T, l *liar) {
			l.grow(t, some(2), func(e *keytrans.Epoch, _ *[]byte) {
				hidden, err := l.m.Insert(some(3))
				if err != nil {
					t.Fatal(err)
				}
				e.MapRoot = hidden.Root()
			})
		}, true, 3},
		"an entry taken back": {func(t *testing.T, l *liar) {
			before := l.m
			l.grow(t, slices.Clone(planted), nil)
			l.m = before
			l.grow(t, nil, nil)
		}, true, 4},
		"an entry twice": {func(t *testing.T, l *liar) {
			before := l.m
			l.grow(t, slices.Clone(planted), nil)
			l.m = before
			l.grow(t, slices.Clone(planted), nil)
		}, true, 4},
		"another size": {func(t *testing.T, l *liar) {
			l.grow(t, nil, func(e *keytrans.Epoch, _ *[]byte) { e.MapSize++ })
		}, true, 3},
		"another number": {func(t *testing.T, l *liar) {
			l.grow(t, nil, func(e *keytrans.Epoch, _ *[]byte) { e.Index++ })
		}, true, 3},
		"time goes back": {func(t *testing.T, l *liar) {
			l.grow(t, nil, func(e *keytrans.Epoch, _ *[]byte) { e.Time = 1 })
		}, true, 3},
		"no epoch": {func(_ *testing.T, l *liar) {
			l.leaves, l.files = append(l.leaves, []byte("nonsense")), append(l.files, nil)
		}, true, 3},
		"changes not sorted": {func(t *testing.T, l *liar) {
			l.grow(t, some(2), func(e *keytrans.Epoch, file *[]byte) {
				*file = append(slices.Clone((*file)[64:]), (*file)[:64]...)
				e.Mutations = sha256.Sum256(*file)
			})
		}, true, 3},
		"half a change": {func(t *testing.T, l *liar) {
			l.grow(t, some(2), func(e *keytrans.Epoch, file *[]byte) {
				*file = (*file)[:100]
				e.Mutations = sha256.Sum256(*file)
			})
		}, true, 3},
		"other changes shown": {func(t *testing.T, l *liar) {
			l.grow(t, some(2), func(_ *keytrans.Epoch, file *[]byte) { *file = (*file)[:64] })
		}, false, 3},
		"other leaves shown": {func(_ *testing.T, l *liar) {
			l.root = func(h tlog.Hash) tlog.Hash { h[0] ^= 1; return h }
		}, false, 3},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			l.grow(t, nil, nil)
			l.grow(t, some(4), nil)
			l.grow(t, some(1), nil)
			c.lie(t, l)
			r, evidence, err := audit.Run(t.Context(), l, l.keys, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.OK || r.Lie == nil || r.Lie.Proven != c.proven || r.Lie.Epoch != c.epoch {
				t.Fatalf("%+v, %+v", r, r.Lie)
			}
			b, err := json.Marshal(evidence)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := audit.ParseEvidence(b)
			if err != nil {
				t.Fatal(err)
			}
			again, err := parsed.Verify(t.Context())
			if err != nil || again.Lie == nil || *again.Lie != *r.Lie {
				t.Errorf("the evidence says %+v, %v", again.Lie, err)
			}
		})
	}
}

// TestInnocent does not convict by documents that somebody made.
func TestInnocent(t *testing.T) {
	l := newLiar(t)
	l.grow(t, nil, nil)
	l.grow(t, some(2), func(e *keytrans.Epoch, _ *[]byte) { e.MapSize++ })
	_, evidence, err := audit.Run(t.Context(), l, l.keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	forged := *evidence
	forged.Leaves = [][]byte{evidence.Leaves[0], evidence.Leaves[0]}
	if r, err := forged.Verify(t.Context()); err != nil || r.Lie == nil || r.Lie.Proven {
		t.Errorf("leaves that were not signed: %+v, %v", r.Lie, err)
	}
	other := newLiar(t)
	forged = *evidence
	forged.LogKey = other.keys.LogKey
	if _, err := forged.Verify(t.Context()); err == nil {
		t.Error("a checkpoint of another key is taken")
	}
	forged = *evidence
	forged.Leaves = forged.Leaves[:1]
	if _, err := forged.Verify(t.Context()); !errors.Is(err, audit.ErrFormat) {
		t.Errorf("leaves are missing: %v", err)
	}
	for _, b := range []string{"", "{}", `{"format":"conclave audit evidence 1"}`} {
		if _, err := audit.ParseEvidence([]byte(b)); !errors.Is(err, audit.ErrFormat) {
			t.Errorf("%q: %v", b, err)
		}
	}
}

// TestUnreachable says nothing about a directory that does not answer.
func TestUnreachable(t *testing.T) {
	l := newLiar(t)
	l.grow(t, some(2), nil)
	l.unfit = errors.New("the network is down")
	if r, evidence, err := audit.Run(t.Context(), l, l.keys, nil); !errors.Is(err, l.unfit) || r.Lie != nil || evidence != nil {
		t.Errorf("%+v, %v, %v", r, evidence, err)
	}
}
