package keytrans_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

var update = flag.Bool("update", false, "write the vectors of the TypeScript verifier anew")

// vectorFolder is where the second verifier reads them.
const vectorFolder = "../../web/src/keytrans/testdata"

// maxVector is the longest answer that is worth a place in a file.
const maxVector = 32 << 10

// A vectorFile is what both verifiers must agree on. Bytes are base64; states are
// shared, for most cases begin in the same.
type vectorFile struct {
	Origin string             `json:"origin"`
	LogKey string             `json:"log_key"`
	VRFKey []byte             `json:"vrf_key"`
	Policy string             `json:"policy"`
	States []vectorState      `json:"states"`
	Cases  []vectorCase       `json:"cases"`
	seen   map[string]int     // of states
	v      *keytrans.Verifier // that says what is right
}

type vectorState struct {
	Head    []byte            `json:"head,omitempty"`
	Users   [][]byte          `json:"users,omitempty"`
	Handles map[string][]byte `json:"handles,omitempty"`
}

// A vectorCase is an answer and what becomes of it: an id and an attack, or what
// was learned.
type vectorCase struct {
	Name    string `json:"name"`
	State   int    `json:"state"`
	Request []byte `json:"request"`
	Answer  []byte `json:"answer"`
	Now     uint64 `json:"now"`

	ID     string `json:"id,omitempty"`
	Attack string `json:"attack,omitempty"`

	Head      []byte `json:"head,omitempty"`
	User      []byte `json:"user,omitempty"` // the new UserState
	Version   uint32 `json:"version,omitempty"`
	Witnesses int    `json:"witnesses,omitempty"`
	Reset     bool   `json:"reset,omitempty"`
	More      bool   `json:"more,omitempty"`
}

func newVectorFile(m *keytranstest.Model) *vectorFile {
	keys := m.Keys()
	return &vectorFile{
		Origin: keys.Origin, LogKey: keys.LogKey, VRFKey: keys.VRFKey[:], Policy: m.PolicyText(),
		seen: map[string]int{}, v: m.Verifier(),
	}
}

// state returns the index of what a client knows.
func (f *vectorFile) state(t *testing.T, st *keytrans.State) int {
	t.Helper()
	var s vectorState
	if st.Head != nil {
		s.Head = st.Head.Encode()
	}
	for _, id := range slices.SortedFunc(maps.Keys(st.Users), func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }) {
		s.Users = append(s.Users, st.Users[id].Encode())
	}
	for handle, user := range st.Handles {
		if s.Handles == nil {
			s.Handles = map[string][]byte{}
		}
		s.Handles[handle] = user[:]
	}
	key, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	i, ok := f.seen[string(key)]
	if !ok {
		i = len(f.States)
		f.seen[string(key)] = i
		f.States = append(f.States, s)
	}
	return i
}

// add judges an answer and keeps it.
func (f *vectorFile) add(t *testing.T, c vectorCase, err error) {
	t.Helper()
	if e := new(keytrans.Error); errors.As(err, &e) {
		c.ID, c.Attack = e.ID, e.Attack
	} else if err != nil {
		t.Fatal(err)
	}
	if len(c.Answer) <= maxVector {
		f.Cases = append(f.Cases, c)
	}
}

func (f *vectorFile) lookup(t *testing.T, name string, st *keytrans.State, q *keytrans.LookupRequest, answer []byte, now uint64) {
	t.Helper()
	c := vectorCase{Name: name, State: f.state(t, st), Request: q.Encode(), Answer: answer, Now: now}
	r, err := f.v.Lookup(st, q, answer, now)
	if err == nil {
		c.Head, c.Version, c.Witnesses, c.Reset = r.Head.Encode(), r.Version, r.Witnesses, r.Reset
		if r.State != nil {
			c.User = r.State.Encode()
		}
	}
	f.add(t, c, err)
}

func (f *vectorFile) monitor(t *testing.T, name string, st *keytrans.State, q *keytrans.MonitorRequest, answer []byte, now uint64) {
	t.Helper()
	c := vectorCase{Name: name, State: f.state(t, st), Request: q.Encode(), Answer: answer, Now: now}
	r, err := f.v.Monitor(st, q, answer, now)
	if err == nil {
		c.Head, c.Version, c.Witnesses, c.More, c.User = r.Head.Encode(), r.Version, r.Witnesses, r.More, r.State.Encode()
	}
	f.add(t, c, err)
}

// honest keeps the answers to a client that looks kofi up, before and after some
// changes.
func (f *vectorFile) honest(t *testing.T, version int) {
	t.Helper()
	w := newWorld(t, version)
	try := func(name string) {
		q := w.request()
		f.lookup(t, name, w.st, q, w.Lookup(q, w.p, w.p.Version()).Encode(), w.Now)
		w.accept(t)
	}
	try("first contact")
	try("again")
	for range 2 {
		w.p.Publish(w.Model)
		w.Later(minute)
	}
	try("after two updates")
	w.p.Reset(w.Model, true)
	w.Later(minute)
	try("after a reset")
	for _, name := range []string{"lin", "nobody"} {
		q := w.st.Request(keytrans.ByHandle, []byte(name))
		f.lookup(t, "a handle that nobody has", w.st, q, w.Lookup(q, nil, 0).Encode(), w.Now)
	}
	q := w.st.Request(keytrans.ByUser, keytranstest.Seed("stranger")[:16])
	f.lookup(t, "a user without records", w.st, q, w.Lookup(q, nil, 0).Encode(), w.Now)
}

func lookupVectors(t *testing.T) *vectorFile {
	t.Helper()
	f := newVectorFile(base(false).Model)
	for _, version := range []int{0, 1, 7} {
		f.honest(t, version)
	}
	w := base(true)
	q := w.st.Request(keytrans.ByHandle, []byte("kofi"))
	gone := w.copyOf()
	gone.Remove(keytrans.Handles, []byte("kofi"), 0)
	gone.Later(second)
	f.lookup(t, "a handle taken back", w.st, q, gone.Lookup(q, nil, 0).Encode(), gone.Now)
	thief := keytranstest.NewPerson("kofi")
	thief.User = [16]byte(keytranstest.Seed("thief"))
	moved := w.copyOf()
	thief.Publish(moved.Model)
	moved.Later(second)
	f.lookup(t, "a handle given to another", w.st, q, moved.Lookup(q, thief, 0).Encode(), moved.Now)
	for i := range attacks {
		at := &attacks[i]
		w, q, answer, now := at.make()
		f.lookup(t, at.name, w.st, q, answer, now)
	}
	return f
}

func monitorVectors(t *testing.T) *vectorFile {
	t.Helper()
	w := newWatched(t)
	f := newVectorFile(w.Model)
	for _, at := range monitorAttacks {
		evil := w.copyOf()
		q := w.st.MonitorRequest(w.p.User, true, 64)
		a := evil.Monitor(q, w.GreatestOf(w.p))
		at.change(evil, a)
		f.monitor(t, at.name, w.st, q, a.Encode(), evil.Now)
	}
	for _, most := range []uint8{1, 2, 64} {
		for _, owner := range []bool{true, false} {
			c := w.copyOf()
			name := map[bool]string{true: "the owner", false: "a contact"}[owner]
			for range 2 {
				q := c.st.MonitorRequest(c.p.User, owner, most)
				f.monitor(t, name, c.st, q, c.Monitor(q, c.GreatestOf(c.p)).Encode(), c.Now)
				c.watch(t, owner, most)
			}
		}
	}
	flip := w.copyOf()
	flip.Remove(keytrans.Users, w.p.User[:], 4)
	flip.hours(1)
	for _, owner := range []bool{true, false} {
		q := w.st.MonitorRequest(w.p.User, owner, 64)
		f.monitor(t, "a version taken back", w.st, q, flip.Monitor(q, func(int) uint32 { return 4 }).Encode(), flip.Now)
	}
	return f
}

// TestVectors checks that the vectors of the TypeScript verifier are those that
// this verifier makes now.
func TestVectors(t *testing.T) {
	for name, f := range map[string]*vectorFile{"lookup.json": lookupVectors(t), "monitor.json": monitorVectors(t)} {
		b, err := json.MarshalIndent(f, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, '\n')
		path := filepath.Join(vectorFolder, name)
		if *update {
			if err := os.MkdirAll(vectorFolder, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, b) {
			t.Errorf("%s is old: run go test ./core/keytrans -run TestVectors -update", name)
		}
	}
}
