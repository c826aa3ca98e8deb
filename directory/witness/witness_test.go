package witness_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"conclave/directory/witness"
)

// A testLog is a log whose operator may lie.
type testLog struct {
	origin string
	signer note.Signer
	vkey   string
	hashes []tlog.Hash // as tlog stores them
	size   int64
}

func newLog(t *testing.T, origin string) *testLog {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return &testLog{origin: origin, signer: signer, vkey: vkey}
}

func (l *testLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = l.hashes[x]
	}
	return out, nil
}

func (l *testLog) grow(t *testing.T, leaf string, n int) {
	t.Helper()
	for range n {
		more, err := tlog.StoredHashes(l.size, []byte(leaf+strconv.FormatInt(l.size, 10)), l)
		if err != nil {
			t.Fatal(err)
		}
		l.hashes = append(l.hashes, more...)
		l.size++
	}
}

// fork returns a log of the same key with another history.
func (l *testLog) fork(t *testing.T, size int) *testLog {
	t.Helper()
	f := &testLog{origin: l.origin, signer: l.signer, vkey: l.vkey}
	f.grow(t, "other", size)
	return f
}

func (l *testLog) checkpoint(t *testing.T, size int64) string {
	t.Helper()
	root, err := tlog.TreeHash(size, l)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", l.origin, size, base64.StdEncoding.EncodeToString(root[:]))
	n, err := note.Sign(&note.Note{Text: text}, l.signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(n)
}

// request asks to cosign size after old.
func (l *testLog) request(t *testing.T, old, size int64) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "old %d\n", old)
	if old > 0 && old < size {
		p, err := tlog.ProveTree(size, old, l)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range p {
			b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
		}
	}
	return b.String() + "\n" + l.checkpoint(t, size)
}

func post(t *testing.T, h http.Handler, body string) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/add-checkpoint", strings.NewReader(body))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

func newWitness(t *testing.T, store witness.Store, logs ...*testLog) *witness.Witness {
	t.Helper()
	key, err := witness.GenerateKey("witness.test/w")
	if err != nil {
		t.Fatal(err)
	}
	cfg := witness.Config{Key: key, Store: store, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }}
	for _, l := range logs {
		cfg.Logs = append(cfg.Logs, l.vkey)
	}
	w, err := witness.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func fileStore(t *testing.T) (witness.Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := witness.NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

// stored returns the size that was cosigned last.
func stored(t *testing.T, s witness.Store, origin string) (size uint64) {
	t.Helper()
	err := s.Update(t.Context(), origin, func(s witness.State) (witness.State, error) {
		size = s.Size
		return s, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// TestCosign checks a cosignature with another implementation of its format.
func TestCosign(t *testing.T) {
	l := newLog(t, "log.test")
	l.grow(t, "leaf", 5)
	store, _ := fileStore(t)
	w := newWitness(t, store, l)
	code, body, _ := post(t, w, l.request(t, 0, 5))
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	v, err := f_note.NewVerifierForCosignatureV1(w.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(l.checkpoint(t, 5)+body), note.VerifierList(v))
	if err != nil {
		t.Fatal(err)
	}
	at, err := f_note.CoSigV1Timestamp(n.Sigs[0])
	if err != nil || at.Unix() != 1_800_000_000 {
		t.Errorf("cosigned at %v, %v", at, err)
	}
}

// TestStatus has one case for each answer of C2SP tlog-witness, each after 4
// leaves were cosigned.
func TestStatus(t *testing.T) {
	l, stranger := newLog(t, "log.test"), newLog(t, "stranger.test")
	l.grow(t, "leaf", 9)
	stranger.grow(t, "leaf", 9)
	forger := newLog(t, "log.test")
	forger.grow(t, "leaf", 9)
	swap := func(old, with string) string { return strings.Replace(l.request(t, 4, 9), old, with, 1) }
	for name, c := range map[string]struct {
		body string
		want int
		text string
	}{
		"grows":                 {l.request(t, 4, 9), 200, "\u2014 witness.test/w "},
		"the same again":        {l.request(t, 4, 4), 200, "\u2014 witness.test/w "},
		"unknown log":           {stranger.request(t, 0, 9), 404, ""},
		"not signed":            {forger.request(t, 4, 9), 403, ""},
		"another old size":      {l.request(t, 3, 9), 409, "4\n"},
		"no old size":           {l.request(t, 0, 9), 409, "4\n"},
		"old above size":        {swap("old 4", "old 10"), 400, ""},
		"rolled back":           {l.request(t, 2, 3), 409, "4\n"},
		"rolled back from 0":    {l.request(t, 0, 3), 409, "4\n"},
		"another root":          {l.fork(t, 9).request(t, 4, 4), 409, "another root was cosigned for this size\n"},
		"another history":       {l.fork(t, 9).request(t, 4, 9), 422, ""},
		"no proof":              {fmt.Sprintf("old 4\n\n%s", l.checkpoint(t, 9)), 422, ""},
		"proof of nothing":      {fmt.Sprintf("old 4\n%s\n\n%s", base64.StdEncoding.EncodeToString(make([]byte, 32)), l.checkpoint(t, 4)), 422, ""},
		"empty":                 {"", 400, ""},
		"no old line":           {"\n\n" + l.checkpoint(t, 9), 400, ""},
		"old with a sign":       {swap("old 4", "old +4"), 400, ""},
		"old with a zero":       {swap("old 4", "old 04"), 400, ""},
		"old too large":         {swap("old 4", "old 9223372036854775808"), 400, ""},
		"proof too long":        {"old 4\n" + strings.Repeat(base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n", 64) + "\n" + l.checkpoint(t, 9), 400, ""},
		"hash too short":        {"old 4\nAAAA\n\n" + l.checkpoint(t, 9), 400, ""},
		"checkpoint cut off":    {"old 4\n\nlog.test\n9\n", 400, ""},
		"checkpoint is no note": {"old 4\n\nlog.test\n9\n" + base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n", 400, ""},
		"too long":              {l.request(t, 4, 9) + strings.Repeat("x", 40<<10), 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			store, _ := fileStore(t)
			w := newWitness(t, store, l)
			if code, body, _ := post(t, w, l.request(t, 0, 4)); code != http.StatusOK {
				t.Fatalf("%d %s", code, body)
			}
			code, body, header := post(t, w, c.body)
			if code != c.want || !strings.HasPrefix(body, c.text) {
				t.Errorf("%d %q, want %d %q", code, body, c.want, c.text)
			}
			if size := header.Get("Content-Type") == "text/x.tlog.size"; size != (c.text == "4\n") {
				t.Errorf("Content-Type is %q", header.Get("Content-Type"))
			}
			if size := stored(t, store, l.origin); code != 200 && size != 4 {
				t.Errorf("the state is %d after a refusal", size)
			}
		})
	}
}

// TestEmpty cosigns a log without leaves, as a log does that has just begun.
func TestEmpty(t *testing.T) {
	l := newLog(t, "log.test")
	store, _ := fileStore(t)
	w := newWitness(t, store, l)
	if code, body, _ := post(t, w, l.request(t, 0, 0)); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
	l.grow(t, "leaf", 1)
	if code, body, _ := post(t, w, l.request(t, 0, 1)); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
}

// TestRestart goes on where it was: what was cosigned is on the disk.
func TestRestart(t *testing.T) {
	l := newLog(t, "log.test")
	l.grow(t, "leaf", 9)
	store, dir := fileStore(t)
	if code, body, _ := post(t, newWitness(t, store, l), l.request(t, 0, 7)); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	again, err := witness.NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := newWitness(t, again, l)
	if code, body, _ := post(t, w, l.request(t, 0, 5)); code != http.StatusConflict || body != "7\n" {
		t.Errorf("%d %s", code, body)
	}
	if code, _, _ := post(t, w, l.request(t, 7, 9)); code != http.StatusOK {
		t.Errorf("%d", code)
	}
	if n := w.Stats().Rollback.Load(); n != 1 {
		t.Errorf("%d rollbacks are counted", n)
	}
}

// failing is a Store that cannot write.
type failing struct{ witness.Store }

func (f failing) Update(ctx context.Context, origin string, judge func(witness.State) (witness.State, error)) error {
	_ = f.Store.Update(ctx, origin, func(s witness.State) (witness.State, error) {
		_, err := judge(s)
		return s, err
	})
	return errors.New("no space left on device")
}

// TestFull lets no cosignature leave that is not on the disk.
func TestFull(t *testing.T) {
	l := newLog(t, "log.test")
	l.grow(t, "leaf", 3)
	store, _ := fileStore(t)
	code, body, _ := post(t, newWitness(t, failing{store}, l), l.request(t, 0, 3))
	if code != http.StatusInternalServerError || strings.Contains(body, "\u2014") {
		t.Errorf("%d %s", code, body)
	}
}

// TestDamaged does not take a damaged state for none.
func TestDamaged(t *testing.T) {
	l := newLog(t, "log.test")
	l.grow(t, "leaf", 3)
	for _, text := range []string{"", "log.test\n3\n", "log.test\n-3\n\n", "other.test\n3\nAAAA\n"} {
		store, dir := fileStore(t)
		w := newWitness(t, store, l)
		if code, _, _ := post(t, w, l.request(t, 0, 2)); code != http.StatusOK {
			t.Fatal(code)
		}
		files, err := filepath.Glob(filepath.Join(dir, "????????????????????????????????"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%v, %v", files, err)
		}
		if err := os.WriteFile(files[0], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, _ := post(t, w, l.request(t, 0, 2)); code != http.StatusInternalServerError {
			t.Errorf("%q: %d", text, code)
		}
	}
}

// TestTogether has two logs, each of which shows two histories at the same time
// to two witnesses on one folder: only one of them is cosigned.
func TestTogether(t *testing.T) {
	logs := []*testLog{newLog(t, "a.test"), newLog(t, "b.test")}
	store, dir := fileStore(t)
	second, err := witness.NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	both := []*witness.Witness{newWitness(t, store, logs...), newWitness(t, second, logs...)}
	var wg sync.WaitGroup
	ok := make([][2]int, len(logs))
	var mu sync.Mutex
	for i, l := range logs {
		l.grow(t, "leaf", 4)
		for side, body := range []string{l.request(t, 0, 4), l.fork(t, 4).request(t, 0, 4)} {
			for k := range 8 {
				wg.Go(func() {
					code, _, _ := post(t, both[k%2], body)
					mu.Lock()
					defer mu.Unlock()
					if code == http.StatusOK {
						ok[i][side]++
					}
				})
			}
		}
	}
	wg.Wait()
	for i := range ok {
		if ok[i][0]+ok[i][1] != 1 {
			t.Errorf("log %d: %v cosignatures", i, ok[i])
		}
	}
}

func TestConfig(t *testing.T) {
	store, _ := fileStore(t)
	for _, key := range []string{"", "PRIVATE+KEY+x", "PRIVATE+KEY+a b+00000000+AQ==", "PRIVATE+KEY+w+00000000+AQ=="} {
		if _, err := witness.New(witness.Config{Key: key, Store: store}); err == nil {
			t.Errorf("the key %q is taken", key)
		}
	}
	key, err := witness.GenerateKey("w")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := witness.New(witness.Config{Key: key, Store: store, Logs: []string{"nonsense"}}); err == nil {
		t.Error("a log's key that is none is taken")
	}
	if _, err := witness.New(witness.Config{Key: key}); err == nil {
		t.Error("no store is needed")
	}
}
