package directory_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	tessera "github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"

	"conclave/core/keytrans"
	"conclave/directory"
	"conclave/directory/witness"
)

// TestPublicTools reads the log over HTTP with Tessera's client: checkpoint,
// leaves, and the proofs that it builds of the tiles.
func TestPublicTools(t *testing.T) {
	t.Parallel()
	w := start(t, &memStore{}, t.TempDir())
	for i := range 4 {
		w.put(t, newPerson(t, handleOf(i)))
	}
	s := httptest.NewServer(w.Handler())
	defer s.Close()
	root, err := url.Parse(s.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	f, err := tessera.NewHTTPFetcher(root, s.Client())
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewVerifier(w.PublicConfig().LogKey)
	if err != nil {
		t.Fatal(err)
	}
	c, _, _, err := tessera.FetchCheckpoint(t.Context(), f.ReadCheckpoint, key, origin)
	if err != nil {
		t.Fatal(err)
	}
	if c.Size < 5 {
		t.Fatalf("the log has %d leaves", c.Size)
	}
	b, err := tessera.NewProofBuilder(t.Context(), c.Size, f.ReadTile)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := tessera.GetEntryBundle(t.Context(), f.ReadEntryBundle, 0, c.Size)
	if err != nil {
		t.Fatal(err)
	}
	if len(bundle.Entries) != int(c.Size) {
		t.Fatalf("%d leaves in the bundle", len(bundle.Entries))
	}
	for i, leaf := range bundle.Entries {
		e, err := keytrans.ParseEpoch(leaf)
		if err != nil || e.Index != uint64(i) {
			t.Fatalf("leaf %d: %+v, %v", i, e, err)
		}
		p, err := b.InclusionProof(t.Context(), uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		hash := rfc6962.DefaultHasher.HashLeaf(leaf)
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(i), c.Size, hash, p, c.Hash); err != nil {
			t.Errorf("leaf %d: %v", i, err)
		}
	}
}

// TestHandler asks for what is not there, and for paths that are none.
func TestHandler(t *testing.T) {
	t.Parallel()
	w := start(t, &memStore{}, t.TempDir())
	for path, want := range map[string]int{
		"/checkpoint":                   200,
		"/tile/entries/000.p/1":         200,
		"/tile/0/000.p/1":               200,
		"/tile/0/000":                   404,
		"/tile/0/001.p/1":               404,
		"/tile/0/000.p/01":              404,
		"/tile/00/000.p/1":              404,
		"/tile/entries/..%2fcheckpoint": 404,
		"/tile/..%2f.state%2ftreeState": 404,
		"/tile/0/x000/000":              404,
		"/.state/treeState":             404,
		"/tile/":                        404,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		rec := httptest.NewRecorder()
		w.Handler().ServeHTTP(rec, r)
		if rec.Code != want {
			t.Errorf("GET %s: %d, want %d", path, rec.Code, want)
		}
	}
}

// witnesses returns a server with n of them, their policy text, and their keys.
func witnesses(t testing.TB, logKey string, n int, wrap func(http.Handler) http.Handler) (policy string, keys []note.Verifier) {
	t.Helper()
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	var b strings.Builder
	names := ""
	for i := range n {
		key, err := witness.GenerateKey(fmt.Sprintf("w%d.test", i))
		if err != nil {
			t.Fatal(err)
		}
		store, err := witness.NewFileStore(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		w, err := witness.New(witness.Config{Key: key, Logs: []string{logKey}, Store: store})
		if err != nil {
			t.Fatal(err)
		}
		mux.Handle(fmt.Sprintf("POST /w%d/add-checkpoint", i), wrap(w))
		fmt.Fprintf(&b, "witness w%d %s %s/w%d\n", i, w.VerifierKey(), s.URL, i)
		names += fmt.Sprintf(" w%d", i)
		v, err := f_note.NewVerifierForCosignatureV1(w.VerifierKey())
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, v)
	}
	return fmt.Sprintf("%sgroup every all%s\nquorum every\n", b.String(), names), keys
}

func logKey(t testing.TB, dir string) string {
	t.Helper()
	s, err := directory.LoadSecrets(filepath.Join(dir, "keys"), origin)
	if err != nil {
		t.Fatal(err)
	}
	return s.Public().LogKey
}

// TestWitnesses has Tessera's witness client ask two of our witnesses; clients see
// the quorum, in lookups too.
func TestWitnesses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	policy, keys := witnesses(t, logKey(t, dir), 2, func(h http.Handler) http.Handler { return h })
	w := start(t, &memStore{}, dir, func(c *directory.Config) { c.Policy = policy })
	p := newPerson(t, "alice")
	w.put(t, p)
	w.put(t, p.next(t))
	if w.Stats().Cosigned.Load() != 1 {
		t.Error("the policy is not satisfied")
	}
	parsed, err := keytrans.ParsePolicy(policy)
	if err != nil {
		t.Fatal(err)
	}
	public := w.PublicConfig()
	v, err := keytrans.NewVerifier(keytrans.ServerKeys{Origin: public.Origin, LogKey: public.LogKey, VRFKey: public.VRFKey}, parsed)
	if err != nil {
		t.Fatal(err)
	}
	q := (&keytrans.State{}).Request(keytrans.ByHandle, []byte("alice"))
	answer, err := w.Lookup(t.Context(), q.Encode())
	if err != nil {
		t.Fatal(err)
	}
	r, err := v.Lookup(&keytrans.State{}, q, answer, uint64(time.Now().UnixMilli()))
	if err != nil || r.Witnesses != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if n, err := note.Open(r.Head.Note, note.VerifierList(keys...)); err != nil || len(n.Sigs) != 2 {
		t.Errorf("%v", err)
	}
}

// TestWitnessDown publishes without cosignatures when a witness does not answer,
// and has them again soon after it does.
func TestWitnessDown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	down := make(chan struct{})
	policy, _ := witnesses(t, logKey(t, dir), 1, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			select {
			case <-down:
				h.ServeHTTP(rw, r)
			default:
				http.Error(rw, "down", http.StatusServiceUnavailable)
			}
		})
	})
	w := start(t, &memStore{}, dir, func(c *directory.Config) {
		c.Policy, c.Republish = policy, 200*time.Millisecond
	})
	if a := w.put(t, newPerson(t, "alice")); !a.Published || w.Stats().Cosigned.Load() != 0 {
		t.Errorf("%+v, cosigned %d", a, w.Stats().Cosigned.Load())
	}
	close(down)
	wait(t, func() bool { return w.Stats().Cosigned.Load() == 1 })
}

// wait polls until done.
func wait(t testing.TB, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the test ended before")
		}
	}
}

// served returns the checkpoint that the handler serves, or nil.
func served(d *directory.Directory) []byte {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/checkpoint", nil)
	rec := httptest.NewRecorder()
	d.Handler().ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		return nil
	}
	return rec.Body.Bytes()
}

// checkpoint returns the checkpoint that is served.
func (w *world) checkpoint(t testing.TB) []byte {
	t.Helper()
	note := served(w.Directory)
	if note == nil {
		t.Fatal("no checkpoint is served")
	}
	return note
}

// follows checks that the log now holds all that it held in a note.
func (w *world) follows(t testing.TB, before []byte) {
	t.Helper()
	v := w.verifier(t)
	a, err := v.OpenCheckpoint(before)
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.OpenCheckpoint(w.checkpoint(t))
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := w.Consistency(t.Context(), a.Size, b.Size)
	if err != nil {
		t.Fatal(err)
	}
	p, err := keytrans.ParseHashes(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if err := keytrans.VerifyConsistency(*a, *b, p); err != nil {
		t.Error(err)
	}
}

// TestRestart stops and starts again: everything is there, old hours included.
func TestRestart(t *testing.T) {
	t.Parallel()
	store, dir := &memStore{}, t.TempDir()
	w := start(t, store, dir)
	p := newPerson(t, "alice")
	w.put(t, p)
	st := &keytrans.State{}
	w.lookup(t, st, keytrans.ByHandle, []byte("alice"))
	for range 3 {
		w.hours(t, 1)
		w.put(t, newPerson(t, handleOf(int(people.Load()))))
	}
	before, clock := w.checkpoint(t), w.clock.Load()
	w.stop()
	w = start(t, store, dir, func(c *directory.Config) {
		c.Now = func() time.Time { return time.UnixMilli(clock) }
	})
	w.clock.Store(clock)
	w.follows(t, before)
	if epochs, r := w.monitor(t, st, p.user(), true, 64); epochs != 3 || r.Version != 0 {
		t.Errorf("%d epochs, %+v", epochs, r)
	}
	w.put(t, p.next(t))
}

// TestBackup restores an older database under a newer log (MS-10), and a log that
// belongs to another history.
func TestBackup(t *testing.T) {
	t.Parallel()
	store, dir := &memStore{}, t.TempDir()
	w := start(t, store, dir)
	w.put(t, newPerson(t, "alice"))
	backup := store.copy()
	w.put(t, newPerson(t, "bob"))
	w.stop()
	if _, err := tryStart(t, backup, dir); !errors.Is(err, directory.ErrAhead) {
		t.Errorf("an older database: %v", err)
	}
	if _, err := tryStart(t, &memStore{}, dir); !errors.Is(err, directory.ErrAhead) {
		t.Errorf("an empty database: %v", err)
	}

	// The backup goes on where no log is, and then gets the old one back.
	away := filepath.Join(dir, "log")
	if err := os.Rename(away, away+".old"); err != nil {
		t.Fatal(err)
	}
	w = start(t, backup, dir)
	for i := range 3 {
		w.put(t, newPerson(t, handleOf(i)))
	}
	w.stop()
	if err := os.RemoveAll(away); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away+".old", away); err != nil {
		t.Fatal(err)
	}
	if _, err := tryStart(t, backup, dir); !errors.Is(err, directory.ErrFork) {
		t.Errorf("the log of another history: %v", err)
	}
}

// TestWholeBackup restores database and log together, which only a witness can
// know: nothing new is signed.
func TestWholeBackup(t *testing.T) {
	t.Parallel()
	dir, restored := t.TempDir(), t.TempDir()
	policy, _ := witnesses(t, logKey(t, dir), 1, func(h http.Handler) http.Handler { return h })
	witnessed := func(c *directory.Config) { c.Policy = policy }
	store := &memStore{}
	w := start(t, store, dir, witnessed)
	w.put(t, newPerson(t, "alice"))
	w.stop()
	old := store.copy()
	if err := os.CopyFS(restored, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	w = start(t, store, dir, witnessed)
	w.put(t, newPerson(t, "bob"))
	w.stop()

	w = start(t, old, restored, witnessed, func(c *directory.Config) { c.Heartbeat = 50 * time.Millisecond })
	w.refuses(t, newPerson(t, "carol"), directory.ErrAhead)
	if err := w.Beat(t.Context()); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("Beat: %v", err)
	}
	if n, err := old.Count(t.Context()); err != nil || n != 2 {
		t.Errorf("there are %d epochs, %v", n, err)
	}
	if r := w.lookup(t, &keytrans.State{}, keytrans.ByHandle, []byte("alice")); !r.Found {
		t.Error("questions are not answered any more")
	}
}

// TestKeys has keys that are not those of the database, and half a key file.
func TestKeys(t *testing.T) {
	t.Parallel()
	store, dir := &memStore{}, t.TempDir()
	start(t, store, dir).stop()
	path := filepath.Join(dir, "keys")
	keys, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for n := 0; n < len(keys); n += 17 {
		if err := os.WriteFile(path, keys[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := directory.LoadSecrets(path, origin)
		if !errors.Is(err, directory.ErrSecrets) {
			t.Errorf("%d bytes of the key file: %v", n, err)
		}
		if err != nil && strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("the error holds a key: %v", err)
		}
	}
	if err := os.WriteFile(path, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := directory.LoadSecrets(path, "other.test"); !errors.Is(err, directory.ErrSecrets) {
		t.Errorf("another origin: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := tryStart(t, store, dir); !errors.Is(err, directory.ErrSecrets) {
		t.Errorf("new keys over an old database: %v", err)
	}
}

// TestHalfWritten cuts each file of the log, or removes it, as a disk may that
// loses what it said it wrote. The log goes on from the database and says the same,
// or it is refused; it never says something else.
func TestHalfWritten(t *testing.T) {
	t.Parallel()
	store, dir := &memStore{}, t.TempDir()
	w := start(t, store, dir)
	for i := range 3 {
		w.put(t, newPerson(t, handleOf(i)))
	}
	before := w.checkpoint(t)
	w.stop()
	log := filepath.Join(dir, "log")
	var files []string
	err := filepath.WalkDir(log, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && !strings.HasSuffix(path, ".lock") {
			files = append(files, strings.TrimPrefix(path, log))
		}
		return err
	})
	if err != nil || len(files) < 5 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		for _, keep := range []float64{-1, 0, 0.5} {
			t.Run(fmt.Sprintf("%s to %v", file, keep), func(t *testing.T) {
				t.Parallel()
				copyTo := t.TempDir()
				if err := os.CopyFS(copyTo, os.DirFS(dir)); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(copyTo, "log", file)
				info, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				if keep < 0 {
					err = os.Remove(path)
				} else {
					err = os.Truncate(path, int64(keep*float64(info.Size())))
				}
				if err != nil {
					t.Fatal(err)
				}
				w, err := tryStart(t, store.copy(), copyTo)
				if err != nil {
					t.Fatal(err)
				}
				w.follows(t, before)
			})
		}
	}
}

// TestBothDamaged refuses when nothing says what was signed.
func TestBothDamaged(t *testing.T) {
	t.Parallel()
	store, dir := &memStore{}, t.TempDir()
	start(t, store, dir).stop()
	for _, file := range []string{"checkpoint", ".state/treeState"} {
		if err := os.Truncate(filepath.Join(dir, "log", file), 3); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tryStart(t, store, dir); err == nil || !strings.Contains(err.Error(), "nobody knows what was signed") {
		t.Errorf("%v", err)
	}
}

// TestDamagedDatabase refuses entries that are not what the log committed to.
func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	store, dir := &memStore{}, t.TempDir()
	w := start(t, store, dir)
	w.put(t, newPerson(t, "alice"))
	w.stop()
	for name, damage := range map[string]func(*memStore){
		"an entry is gone":        func(s *memStore) { s.entries = s.entries[1:] },
		"an entry is another":     func(s *memStore) { s.entries[0].Commitment[0] ^= 1 },
		"an epoch is cut off":     func(s *memStore) { s.epochs[len(s.epochs)-1].Leaf = s.epochs[len(s.epochs)-1].Leaf[:9] },
		"epochs are mixed up":     func(s *memStore) { s.epochs[len(s.epochs)-1] = s.epochs[0] },
		"an entry is there twice": func(s *memStore) { s.entries = append(s.entries, s.entries[0]) },
	} {
		s := store.copy()
		damage(s)
		if _, err := tryStart(t, s, dir); !errors.Is(err, directory.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestClock keeps time from falling when the clock does.
func TestClock(t *testing.T) {
	t.Parallel()
	store := &memStore{}
	w := start(t, store, t.TempDir())
	w.clock.Add(-26 * time.Hour.Milliseconds())
	w.put(t, newPerson(t, "alice"))
	w.hours(t, 1)
	epochs, err := store.Epochs(context.Background(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var last uint64
	for _, e := range epochs {
		epoch, err := keytrans.ParseEpoch(e.Leaf)
		if err != nil {
			t.Fatal(err)
		}
		if epoch.Time < last {
			t.Errorf("epoch %d is of time %d, the one before of %d", e.Number, epoch.Time, last)
		}
		last = epoch.Time
	}
}

// TestLogFails has a folder of the log that cannot be written for a while: what
// was stored is not lost, nothing more is taken, and questions are answered.
func TestLogFails(t *testing.T) {
	t.Parallel()
	w := start(t, &memStore{}, t.TempDir())
	alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
	w.put(t, alice)
	before := w.checkpoint(t)
	tiles := filepath.Join(w.dir, "log", "tile")
	if err := errors.Join(os.Rename(tiles, tiles+".away"), os.WriteFile(tiles, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	a, err := w.Update(t.Context(), bob.user(), bob.last.Encode(), directory.Options{})
	if err != nil || a.Published {
		t.Errorf("stored, not published: %+v, %v", a, err)
	}
	w.refuses(t, newPerson(t, "carol"), directory.ErrUnavailable)
	st := &keytrans.State{}
	if r := w.lookup(t, st, keytrans.ByHandle, []byte("alice")); !r.Found {
		t.Error("alice is not found meanwhile")
	}
	if r := w.lookup(t, st, keytrans.ByHandle, []byte("bob")); r.Found {
		t.Error("bob is told before he is published")
	}
	if err := errors.Join(os.Remove(tiles), os.Rename(tiles+".away", tiles)); err != nil {
		t.Fatal(err)
	}
	wait(t, func() bool {
		a, err := w.Update(t.Context(), bob.user(), bob.last.Encode(), directory.Options{})
		return err == nil && a.Published
	})
	if r := w.lookup(t, st, keytrans.ByHandle, []byte("bob")); !r.Found {
		t.Error("bob is lost")
	}
	w.follows(t, before)
}

// TestRest writes nothing to the folder of the log once Run returned, even if a
// witness was being waited for.
func TestRest(t *testing.T) {
	t.Parallel()
	for range 3 {
		dir, asked := t.TempDir(), make(chan struct{})
		policy, _ := witnesses(t, logKey(t, dir), 1, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				select {
				case asked <- struct{}{}:
				case <-r.Context().Done():
				}
				<-r.Context().Done() // until the log gives up
			})
		})
		w := start(t, &memStore{}, dir, func(c *directory.Config) {
			c.Policy, c.Republish, c.WitnessTimeout = policy, 100*time.Millisecond, 100*time.Millisecond
		})
		<-asked // to sign again
		w.stop()
		before := files(t, dir)
		later := time.NewTimer(50 * time.Millisecond)
		<-later.C
		if after := files(t, dir); after != before {
			t.Errorf("the folder was\n%s\nand is\n%s", before, after)
		}
	}
}

// files says what is in a folder.
func files(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		fmt.Fprintln(&b, path, info.Size(), info.ModTime().UnixNano())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
