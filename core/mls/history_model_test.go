package mls_test

import (
	"bytes"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// Limits of the groups in histories.
const (
	historyPast   = 2 // PastEpochs
	historyMost   = 9 // members
	historyWindow = 2000
)

// A history is a group, its delivery service, and a model of it: what a naive
// reading of RFC 9420 says that members, extensions and epochs are.
type history struct {
	t     testing.TB
	rng   *mathrand.Rand
	trace []string // the choices, printed when the test fails

	suite    *suite.Suite
	outsider *mls.Client // the one external sender
	psks     [][]byte    // external pre-shared keys, by id
	devices  []*device   // all that ever were

	// The group.
	groupID    []byte
	epoch      uint64
	leaves     []*device // by leaf index, nil where blank
	extensions mlswire.Extensions
	facts      map[uint64]*fact
	proposed   map[string]*envelope // the proposals of this epoch, by reference
	sent       []*sentMessage
	groups     int // for ids
}

// A device is a client. It is outside while group is nil.
type device struct {
	name   string
	client *mls.Client
	key    []byte // the signature key in its leaf, by the model
	group  *mls.Group
	joined uint64 // the first epoch that it knows
	away   bool   // nothing is delivered
	saved  bool   // a snapshot of group was taken
	queue  []*envelope
	// lost are proposals of its epoch that did not arrive.
	lost    []*envelope
	invited *mls.KeyPackage // proposed to be added
	offered []byte          // the signature key that its proposed Update has
	seen    map[*sentMessage]bool
}

// An envelope is a proposal or commit on its way.
type envelope struct {
	message []byte
	epoch   uint64
	public  bool
	ref     []byte  // of a proposal
	from    *device // nil for outsiders
	commit  *committed
	// removed are the members that leave with a commit.
	removed []*device
}

// committed is what the model says of a commit.
type committed struct {
	by       int // leaf
	external bool
	covered  []mls.Proposed
	added    []int
	data     []byte
}

// A fact is what all members of an epoch must agree on.
type fact struct {
	authenticator, exported, tree []byte
	members                       []modelMember
	extensions                    mlswire.Extensions
}

type modelMember struct {
	index int
	name  string
	key   []byte
}

// A sentMessage is application data and who it is from.
type sentMessage struct {
	message, plaintext, data, groupID []byte
	from                              *device
	leaf                              mls.LeafIndex
	epoch                             uint64
}

func newHistory(t *testing.T, id suite.ID, seed uint64) *history {
	t.Helper()
	s, err := suite.Lookup(id)
	if err != nil {
		t.Fatal(err)
	}
	h := &history{t: t, rng: newRNG(seed), suite: s}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("CONCLAVE_SEED=%d, suite %#04x:\n%s", seed, uint16(id), strings.Join(h.trace, "\n"))
		}
	})
	for i := range 3 {
		h.psks = append(h.psks, fmt.Appendf(nil, "psk %d", i))
	}
	h.outsider = h.client("outsider", id)
	h.extensions = h.someExtensions()
	first := h.newDevice()
	first.group, err = first.client.CreateGroup([]byte("group 0"), h.extensions)
	if err != nil {
		t.Fatalf("CreateGroup = %v", err)
	}
	h.begin([]byte("group 0"), 0, first)
	h.learn(first)
	h.agree(first)
	// Most of what can happen needs a few members.
	plan := &plannedCommit{}
	for range 1 + h.rng.IntN(6) {
		h.planAdd(plan)
	}
	h.commitWith(first, plan)
	h.settle()
	return h
}

// begin starts the model of a group of which members are the first.
func (h *history) begin(id []byte, epoch uint64, members ...*device) {
	h.groupID, h.epoch, h.leaves = id, epoch, members
	h.facts, h.sent = map[uint64]*fact{}, nil
	h.proposed = map[string]*envelope{}
	for _, d := range members {
		d.key, d.joined = d.client.SignatureKey(), epoch
		d.queue, d.lost, d.invited, d.offered, d.away = nil, nil, nil, nil, false
		d.seen = map[*sentMessage]bool{}
	}
}

// note adds a line to the trace.
func (h *history) note(format string, args ...any) {
	h.trace = append(h.trace, fmt.Sprintf("epoch %d: ", h.epoch)+fmt.Sprintf(format, args...))
}

// client makes a client with a name, for this history's pre-shared keys.
func (h *history) client(name string, id suite.ID) *mls.Client {
	h.t.Helper()
	capabilities := mlswire.Capabilities{
		Versions:     []mlswire.ProtocolVersion{mlswire.MLS10},
		CipherSuites: []mlswire.CipherSuite{id},
		Extensions:   []mlswire.ExtensionType{historyExtension},
		Credentials:  []mlswire.CredentialType{mlswire.CredentialTypeBasic},
	}
	if h.chance(2) {
		capabilities = mls.GREASE(capabilities)
	}
	c, err := mls.NewClient(mls.Config{
		Suite:             id,
		Credential:        mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte(name)},
		Capabilities:      &capabilities,
		Now:               func() time.Time { return time.Unix(1_800_000_000, 0) },
		AllowJoinRequests: true, AllowExternalCommits: true,
		Authenticate: func(mls.Identity) error { return nil },
		PSK: func(id []byte) (secret.Value, bool) {
			known := slices.ContainsFunc(h.psks, func(psk []byte) bool { return bytes.Equal(psk, id) })
			return secret.New(append([]byte("key of "), id...)), known
		},
		PastEpochs: historyPast, Window: historyWindow, Forward: historyWindow,
		Padding: pick(h, []int{0, 1, 32, 256}), PublicHandshakes: h.chance(3),
	})
	if err != nil {
		h.t.Fatalf("NewClient = %v", err)
	}
	return c
}

// newDevice makes a device that is outside.
func (h *history) newDevice() *device {
	h.t.Helper()
	d := &device{name: fmt.Sprintf("device %d", len(h.devices))}
	d.client = h.client(d.name, h.suite.ID())
	h.devices = append(h.devices, d)
	return d
}

// outside returns a device that can join: one that left, or a new one.
func (h *history) outside() *device {
	var list []*device
	for _, d := range h.devices {
		if d.group == nil && d.invited == nil {
			list = append(list, d)
		}
	}
	if len(list) > 0 && h.chance(2) {
		return pick(h, list)
	}
	return h.newDevice()
}

// historyExtension is an extension that RFC 9420 does not know and all support.
const historyExtension mlswire.ExtensionType = 0xff01

// someExtensions returns extensions for the GroupContext, the external sender
// always among them.
func (h *history) someExtensions() mlswire.Extensions {
	e := mlswire.Extensions{{
		Type: mlswire.ExtensionTypeExternalSenders,
		Data: mlswire.Marshal(mlswire.ExternalSenders{{
			SignatureKey: h.outsider.SignatureKey(),
			Credential:   mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte("outsider")},
		}}),
	}}
	if h.chance(2) {
		e = append(e, mlswire.Extension{Type: historyExtension, Data: fmt.Appendf(nil, "value %d", h.rng.IntN(1000))})
	}
	if h.chance(2) {
		e = append(e, mlswire.Extension{
			Type: mlswire.ExtensionTypeRequiredCapabilities,
			Data: mlswire.Marshal(&mlswire.RequiredCapabilities{ExtensionTypes: []mlswire.ExtensionType{historyExtension}}),
		})
	}
	return e
}

// members returns the devices in the newest epoch, by leaf.
func (h *history) members() []*device {
	return slices.DeleteFunc(slices.Clone(h.leaves), func(d *device) bool { return d == nil })
}

// present returns the members that are in the newest epoch and know it.
func (h *history) present() []*device {
	return slices.DeleteFunc(h.members(), func(d *device) bool { return d.away || len(d.queue) > 0 })
}

// leafOf returns the leaf of a member in the newest epoch.
func (h *history) leafOf(d *device) int { return slices.Index(h.leaves, d) }

// apply changes the model as RFC 9420, Section 12.3, has it: updates, removes,
// then adds, each at the leftmost blank leaf. joiner is who joins by an external
// commit.
func (h *history) apply(covered []mls.Proposed, joiner *device) (added []int, removed []*device) {
	h.t.Helper()
	for _, p := range covered {
		switch p := p.Proposal.(type) {
		case *mlswire.Remove:
			removed = append(removed, h.leaves[p.Removed])
			h.leaves[p.Removed] = nil
		case *mlswire.GroupContextExtensions:
			h.extensions = p.Extensions
		}
	}
	for _, p := range covered {
		if u, ok := p.Proposal.(*mlswire.Update); ok {
			d := h.leaves[p.Sender.Index]
			if d.key = d.offered; !bytes.Equal(u.LeafNode.SignatureKey, d.key) {
				h.t.Fatalf("the Update of %s has another signature key", d.name)
			}
		}
	}
	for _, p := range covered {
		if a, ok := p.Proposal.(*mlswire.Add); ok {
			added = append(added, h.place(h.named(a.KeyPackage.LeafNode.Credential.Identity)))
		}
	}
	if joiner != nil {
		added = append(added, h.place(joiner))
	}
	for len(h.leaves) > 0 && h.leaves[len(h.leaves)-1] == nil {
		h.leaves = h.leaves[:len(h.leaves)-1]
	}
	return added, removed
}

// place puts a device at the leftmost blank leaf.
func (h *history) place(d *device) int {
	d.key = d.client.SignatureKey()
	i := slices.Index(h.leaves, nil)
	if i < 0 {
		i = len(h.leaves)
		h.leaves = append(h.leaves, nil)
	}
	h.leaves[i] = d
	return i
}

func (h *history) named(name []byte) *device {
	h.t.Helper()
	for _, d := range h.devices {
		if d.name == string(name) {
			return d
		}
	}
	h.t.Fatalf("nobody is called %q", name)
	return nil
}

// learn takes down what the first member to be in the newest epoch says of it.
func (h *history) learn(d *device) {
	h.t.Helper()
	f := &fact{
		authenticator: d.group.EpochAuthenticator(), exported: h.export(d), tree: d.group.RatchetTree(),
		extensions: h.extensions,
	}
	for i, m := range h.leaves {
		if m != nil {
			f.members = append(f.members, modelMember{i, m.name, m.key})
		}
	}
	for epoch, other := range h.facts {
		if bytes.Equal(other.authenticator, f.authenticator) || bytes.Equal(other.exported, f.exported) {
			h.t.Fatalf("epoch %d has the secrets of epoch %d", h.epoch, epoch)
		}
	}
	h.facts[h.epoch] = f
}

func (h *history) export(d *device) []byte {
	h.t.Helper()
	exported, err := d.group.Export("a label", []byte("a context"), 32)
	if err != nil {
		h.t.Fatalf("Export = %v", err)
	}
	return exported.Expose()
}

// agree compares a member with what is known of the epoch that it is in.
func (h *history) agree(d *device) {
	h.t.Helper()
	g := d.group
	f := h.facts[g.Epoch()]
	switch {
	case f == nil:
		h.t.Fatalf("%s is in epoch %d, which never was", d.name, g.Epoch())
	case !bytes.Equal(g.GroupID(), h.groupID) || g.Suite() != h.suite.ID():
		h.t.Fatalf("%s is in group %q of suite %d", d.name, g.GroupID(), g.Suite())
	case !bytes.Equal(g.EpochAuthenticator(), f.authenticator):
		h.t.Fatalf("%s has another epoch authenticator in epoch %d", d.name, g.Epoch())
	case !bytes.Equal(h.export(d), f.exported):
		h.t.Fatalf("%s exports another secret in epoch %d", d.name, g.Epoch())
	case !bytes.Equal(g.RatchetTree(), f.tree):
		h.t.Fatalf("%s has another tree in epoch %d", d.name, g.Epoch())
	case !bytes.Equal(mlswire.Marshal(g.Extensions()), mlswire.Marshal(f.extensions)):
		h.t.Fatalf("%s has extensions %x in epoch %d, want %x", d.name, g.Extensions(), g.Epoch(), f.extensions)
	}
	var got []modelMember
	for _, m := range g.Members() {
		got = append(got, modelMember{int(m.Index), string(m.Credential.Identity), m.SignatureKey})
	}
	if !slices.EqualFunc(got, f.members, func(a, b modelMember) bool {
		return a.index == b.index && a.name == b.name && bytes.Equal(a.key, b.key)
	}) {
		h.t.Fatalf("%s has members %v in epoch %d, want %v", d.name, got, g.Epoch(), f.members)
	}
	if m, ok := g.Member(g.Self()); !ok || string(m.Credential.Identity) != d.name {
		h.t.Fatalf("%s is at leaf %d, where %v is", d.name, g.Self(), m.Credential)
	}
}
