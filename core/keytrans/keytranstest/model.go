// Package keytranstest is a key directory for tests, independent of the real one
// and as simple as can be: it keeps every map whole and computes every proof
// anew. It holds all keys and does what it is told, so that a test can make it
// lie in any way: plant a version, take an entry back, fork, strip a
// cosignature, or answer with any part changed.
package keytranstest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	vrf "filippo.io/mostly-harmless/vrf-r255"

	"conclave/core/keytrans"
)

// Times, in milliseconds. Start is since 1970.
const (
	Second = 1000
	Minute = 60 * Second
	Hour   = 60 * Minute
	// Start is when a Model begins: 5 past an hour in 2027.
	Start = 500_000*Hour + 5*Minute
)

// Seed returns 32 bytes that depend on a name alone.
func Seed(name string) []byte {
	s := sha256.Sum256([]byte(name))
	return s[:]
}

// A Model is a directory. Not for concurrent use.
type Model struct {
	// Log and Witnesses sign checkpoints; a Policy needs 2 of the witnesses, or 1 if
	// there is 1.
	Log       *Signer
	Witnesses []*Signer
	// Entries is the map of the next epoch, commitments by label. Change it at will.
	Entries map[keytrans.Hash]keytrans.Hash
	// Maps, Leaves and Epochs are those of each epoch.
	Maps   []map[keytrans.Hash]keytrans.Hash
	Leaves [][]byte
	Epochs []keytrans.Epoch
	// People are those whom Answer and AnswerMonitor find.
	People []*Person
	// Now is the time of the next epoch and of cosignatures.
	Now uint64

	// TB is what fails if the model is misused.
	TB testing.TB

	secret []byte
	key    *vrf.PrivateKey
	proofs *sync.Map // of labels, by input: slow to make; shared by all with the key
}

// Origin is the name of the log.
const Origin = "conclave.example/directory"

// New returns a directory with epoch 0, and n witnesses.
func New(tb testing.TB, witnesses int) *Model {
	tb.Helper()
	m := &Model{
		TB: tb, Log: NewSigner(Origin, 1), secret: Seed("openings"),
		Entries: map[keytrans.Hash]keytrans.Hash{}, Now: Start,
	}
	m.SetKey("vrf")
	for i := range witnesses {
		m.Witnesses = append(m.Witnesses, NewSigner(fmt.Sprintf("witness%d.example", i+1), 4))
	}
	m.Publish()
	return m
}

// Clone returns a directory that goes its own way from here.
func (m *Model) Clone() *Model {
	c := *m
	c.People = slices.Clone(m.People)
	c.Entries = maps.Clone(m.Entries)
	c.Maps, c.Leaves, c.Epochs = slices.Clone(m.Maps), slices.Clone(m.Leaves), slices.Clone(m.Epochs)
	return &c
}

// Keys are what a client pins.
func (m *Model) Keys() keytrans.ServerKeys {
	return keytrans.ServerKeys{Origin: Origin, LogKey: m.Log.VKey(), VRFKey: [32]byte(m.key.PublicKey().Bytes())}
}

// Policy is the parsed PolicyText.
func (m *Model) Policy() *keytrans.Policy {
	m.TB.Helper()
	p, err := keytrans.ParsePolicy(m.PolicyText())
	if err != nil {
		m.TB.Fatal(err)
	}
	return p
}

// PolicyText is a policy with all witnesses.
func (m *Model) PolicyText() string {
	text, members := "log "+m.Log.VKey()+"\n", ""
	for i, w := range m.Witnesses {
		text += fmt.Sprintf("witness w%d %s\n", i+1, w.VKey())
		members += fmt.Sprintf(" w%d", i+1)
	}
	if len(m.Witnesses) == 0 {
		return text + "quorum none\n"
	}
	return text + fmt.Sprintf("group most %d%s\nquorum most\n", min(2, len(m.Witnesses)), members)
}

// Verifier returns a verifier that pins the directory.
func (m *Model) Verifier() *keytrans.Verifier {
	m.TB.Helper()
	v, err := keytrans.NewVerifier(m.Keys(), m.Policy())
	if err != nil {
		m.TB.Fatal(err)
	}
	return v
}

// Label returns the label of a name's version and its proof.
func (m *Model) Label(ns keytrans.Namespace, name []byte, version uint32) (keytrans.Hash, []byte) {
	alpha := keytrans.LabelInput(ns, name, version)
	kept, ok := m.proofs.Load(string(alpha))
	if !ok {
		kept, _ = m.proofs.LoadOrStore(string(alpha), m.key.Prove(alpha).Bytes())
	}
	pi, _ := kept.([]byte)
	p, err := vrf.NewProof(pi)
	if err != nil {
		m.TB.Fatal(err)
	}
	return keytrans.Hash(p.Hash()[:32]), pi
}

// Opening returns the opening of a label's commitment.
func (m *Model) Opening(label keytrans.Hash) keytrans.Hash {
	mac := hmac.New(sha256.New, m.secret)
	mac.Write(label[:])
	return keytrans.Hash(mac.Sum(nil))
}

// Put adds an entry to the map of the next epoch.
func (m *Model) Put(ns keytrans.Namespace, name []byte, version uint32, value []byte) {
	label, _ := m.Label(ns, name, version)
	opening := m.Opening(label)
	digest := sha256.Sum256(value)
	mac := hmac.New(sha256.New, opening[:])
	mac.Write(label[:])
	mac.Write(digest[:])
	m.Entries[label] = keytrans.Hash(mac.Sum(nil))
}

// Remove takes an entry out of the map, which only a hostile directory does.
func (m *Model) Remove(ns keytrans.Namespace, name []byte, version uint32) {
	label, _ := m.Label(ns, name, version)
	delete(m.Entries, label)
}

// Fill adds n entries of nobody.
func (m *Model) Fill(n int) {
	for i := range n {
		m.Entries[sha256.Sum256(fmt.Append(nil, "filler ", i))] = keytrans.Hash{1}
	}
}

// Publish makes an epoch of the entries.
func (m *Model) Publish() {
	e := keytrans.Epoch{
		Index: uint64(len(m.Epochs)), Time: m.Now, MapSize: uint64(len(m.Entries)),
		MapRoot: mapRoot(sorted(m.Entries), 0), Extensions: []byte{},
	}
	m.Epochs, m.Leaves = append(m.Epochs, e), append(m.Leaves, e.Encode())
	m.Maps = append(m.Maps, maps.Clone(m.Entries))
}

// Later publishes an epoch after a time.
func (m *Model) Later(ms uint64) {
	m.Now += ms
	m.Publish()
}

// Text is that of a checkpoint of size epochs.
func (m *Model) Text(size int) string {
	root := LogRoot(m.Leaves[:size])
	return fmt.Sprintf("%s\n%d\n%s\n", m.Log.Name, size, base64.StdEncoding.EncodeToString(root[:]))
}

// Note is the newest checkpoint, signed by all.
func (m *Model) Note() []byte { return m.NoteAt(len(m.Leaves), m.Now) }

// NoteAt is the checkpoint of the first size epochs, cosigned at a time.
func (m *Model) NoteAt(size int, at uint64) []byte {
	text := m.Text(size)
	b := []byte(text + "\n" + m.Log.Sign(text))
	for _, w := range m.Witnesses {
		b = append(b, w.Cosign(text, at)...)
	}
	return b
}

// header fills in what all answers begin with.
func (m *Model) header(known uint64) (note, epoch []byte, inclusion, consistency []keytrans.Hash) {
	last := len(m.Leaves) - 1
	if known > 0 && known < uint64(len(m.Leaves)) {
		consistency = LogConsistency(int(known), m.Leaves)
	}
	return m.Note(), m.Leaves[last], LogInclusion(last, m.Leaves), consistency
}

// Prove joins the paths of labels in the map of an epoch.
func (m *Model) Prove(epoch int, labels []keytrans.Hash) *keytrans.BatchProof {
	m.TB.Helper()
	paths := make([]keytrans.MapProof, len(labels))
	for i, label := range labels {
		paths[i] = m.Path(epoch, label)
	}
	b, err := keytrans.NewBatchProof(labels, paths)
	if err != nil {
		m.TB.Fatal(err)
	}
	return b
}

// Path finds the path of a label in the map of an epoch.
func (m *Model) Path(epoch int, label keytrans.Hash) keytrans.MapProof {
	return mapPath(sorted(m.Maps[epoch]), label)
}

// Ladder returns the labels of steps and the proofs of those not in cached.
func (m *Model) Ladder(user []byte, steps []keytrans.LadderStep, cached []uint32) (labels []keytrans.Hash, proofs [][]byte) {
	for _, s := range steps {
		label, pi := m.Label(keytrans.Users, user, s.Version)
		labels = append(labels, label)
		if !slices.Contains(cached, s.Version) {
			proofs = append(proofs, pi)
		}
	}
	return labels, proofs
}

// Lookup answers q about p, or about nobody if p is nil, with version as the
// greatest.
func (m *Model) Lookup(q *keytrans.LookupRequest, p *Person, version uint32) *keytrans.LookupResponse {
	m.TB.Helper()
	a := &keytrans.LookupResponse{}
	a.Checkpoint, a.Epoch, a.Inclusion, a.Consistency = m.header(q.Known)
	var labels []keytrans.Hash
	if q.Kind == keytrans.ByHandle {
		label, pi := m.Label(keytrans.Handles, q.Name, 0)
		labels = append(labels, label)
		a.Handle = &keytrans.Binding{VRF: [80]byte(pi)}
		if p != nil {
			a.Handle.User, a.Handle.Opening = p.User, m.Opening(label)
		}
	} else {
		copy(a.User[:], q.Name)
	}
	var steps []keytrans.LadderStep
	switch {
	case p != nil:
		a.Found, a.User, a.Version = true, p.User, version
		steps = keytrans.Ladder(version)
		own, _ := m.Label(keytrans.Users, p.User[:], version)
		a.Opening = m.Opening(own)
		first := version
		if q.SincePlusOne > 0 {
			first = min(first, q.SincePlusOne-1)
		}
		a.Records = p.Records[first : version+1]
	case q.Kind == keytrans.ByUser:
		steps = []keytrans.LadderStep{{Version: 0}}
	}
	ladder, proofs := m.Ladder(a.User[:], steps, q.Cached)
	a.VRFs = proofs
	a.Proof = m.Prove(len(m.Leaves)-1, append(labels, ladder...))
	return a
}

// Monitor answers q with the versions that greatest says for each epoch.
func (m *Model) Monitor(q *keytrans.MonitorRequest, greatest func(epoch int) uint32) *keytrans.MonitorResponse {
	m.TB.Helper()
	a := &keytrans.MonitorResponse{}
	a.Checkpoint, a.Epoch, a.Inclusion, a.Consistency = m.header(q.Known)
	cached := slices.Clone(q.Cached)
	for i := int(q.After) + 1; i < len(m.Epochs) && len(a.Epochs) < int(q.Most); i++ {
		if !keytrans.Distinguished(m.Epochs[i-1].Time, m.Epochs[i].Time) {
			continue
		}
		c := keytrans.Checked{
			Before: m.Leaves[i-1], BeforeInclusion: LogInclusion(i-1, m.Leaves),
			Epoch: m.Leaves[i], Inclusion: LogInclusion(i, m.Leaves), Version: q.Version,
		}
		steps := []keytrans.LadderStep{{Version: q.Version, Exists: true}}
		if q.Owner {
			c.Version = greatest(i)
			steps = keytrans.Ladder(c.Version)
		}
		labels, proofs := m.Ladder(q.User[:], steps, cached)
		for _, s := range steps {
			cached = append(cached, s.Version)
		}
		a.VRFs = append(a.VRFs, proofs...)
		c.Proof = m.Prove(i, labels)
		a.Epochs = append(a.Epochs, c)
	}
	return a
}

// proofs are a sync.Map for each key's name.
var proofs sync.Map

// SetKey makes labels by another key, which clients do not pin.
func (m *Model) SetKey(name string) {
	scalar := Seed(name)
	scalar[31] = 0 // below the order of the group
	key, err := vrf.NewPrivateKey(scalar)
	if err != nil {
		m.TB.Fatal(err)
	}
	m.key = key
	all, _ := proofs.LoadOrStore(name, &sync.Map{})
	m.proofs, _ = all.(*sync.Map)
}
