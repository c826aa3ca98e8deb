package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A side is an implementation that runs: any number of members live in it.
type side struct {
	*implementation
	*process
}

// A peer is one member of the group of a room.
type peer struct {
	side
	identity string
	group    string // what its process calls the group
}

// A room is one group whose members are of several implementations. Every commit
// goes to all of them, and all must agree afterwards.
type room struct {
	t       testing.TB
	suite   int
	members []*peer
	known   []*process
	devices int
	psks    int
	turn    int
}

// use says which test a failure belongs to from now on.
func (r *room) use(t testing.TB) {
	r.t = t
	for _, p := range r.known {
		p.t = t
	}
}

// newRoom has the creator create a group.
func newRoom(t testing.TB, suite int, creator side) *room {
	r := &room{t: t, suite: suite, devices: 0x1000}
	m := r.newMember(creator)
	m.group = m.call("create_group", fields{
		"suite": suite, "identity": m.identity, "group_id": []byte("a group of " + creator.name + ", " + rand.Text()),
	}).Group
	r.members = append(r.members, m)
	return r
}

// newMember returns somebody who is not in the group yet. All identities are of
// the form that the strictest implementation takes.
func (r *room) newMember(s side) *peer {
	if !slices.Contains(r.known, s.process) {
		r.known = append(r.known, s.process)
	}
	s.t = r.t
	r.devices++
	return &peer{side: s, identity: fmt.Sprintf("1d4b6b54-8a6e-4a9c-9c1d-2f3e4d5c6b7a:%x@conclave.example", r.devices)}
}

// of returns a member of an implementation, the last that came.
func (r *room) of(i *implementation) *peer {
	r.t.Helper()
	for _, m := range slices.Backward(r.members) {
		if m.implementation == i {
			return m
		}
	}
	r.t.Fatalf("no member of %s", i.name)
	return nil
}

// leaf returns by which number one member calls another.
func (r *room) leaf(as, of *peer) int {
	r.t.Helper()
	return as.view().leaf(of)
}

// A guest is somebody who is to join by a Welcome.
type guest struct {
	*peer
	handle     string
	keyPackage []byte
}

func (r *room) guest(s side) *guest {
	r.t.Helper()
	m := r.newMember(s)
	made := m.call("key_package", fields{"suite": r.suite, "identity": m.identity})
	return &guest{m, made.Handle, made.KeyPackage}
}

// enter has a guest join; the tree is nil when the Welcome holds it.
func (r *room) enter(g *guest, welcome, tree []byte) {
	r.t.Helper()
	f := fields{"handle": g.handle, "welcome": welcome}
	if tree != nil {
		f["ratchet_tree"] = tree
	}
	g.group = g.call("join_welcome", f).Group
	r.members = append(r.members, g.peer)
}

// add has a member add guests with the tree inside the Welcome.
func (r *room) add(by *peer, public bool, sides ...side) {
	r.t.Helper()
	var guests []*guest
	var packages [][]byte
	for _, s := range sides {
		g := r.guest(s)
		guests = append(guests, g)
		packages = append(packages, g.keyPackage)
	}
	c := r.commit(by, public, fields{"add": packages, "tree_in_welcome": true})
	for _, g := range guests {
		r.enter(g, c.Welcome, nil)
	}
	r.agree()
}

// propose has a member make a proposal that all others receive.
func (r *room) propose(by *peer, public bool, kind string, f fields) {
	r.t.Helper()
	request := fields{"group": by.group, "kind": kind, "public": public}
	maps.Copy(request, f)
	sent := by.call("propose", request)
	for _, m := range r.others(by) {
		if got := m.call("handle", fields{"group": m.group, "message": sent.Proposal}); got.Kind != "proposal" {
			r.t.Fatalf("%s took a proposal for a %s", m.name, got.Kind)
		}
	}
}

// commit has a member make a commit that all others process, and merges it.
// Members that it removes leave the room.
func (r *room) commit(by *peer, public bool, f fields) reply {
	r.t.Helper()
	request := fields{"group": by.group, "public": public}
	maps.Copy(request, f)
	made := by.call("commit", request)
	r.deliver(by, made.Commit)
	by.call("merge", fields{"group": by.group})
	return made
}

// deliver hands a commit to all but its sender.
func (r *room) deliver(by *peer, commit []byte) {
	r.t.Helper()
	for _, m := range r.others(by) {
		got := m.call("handle", fields{"group": m.group, "message": commit})
		if got.Kind != "commit" {
			r.t.Fatalf("%s took a commit for a %s", m.name, got.Kind)
		}
		if got.Removed {
			r.members = slices.DeleteFunc(r.members, func(x *peer) bool { return x == m })
		}
	}
}

func (r *room) others(than *peer) []*peer {
	return slices.DeleteFunc(slices.Clone(r.members), func(m *peer) bool { return m == than })
}

// A view is what a member knows of the epoch, as far as its implementation says.
type view struct {
	Exported      []byte
	Other         []byte // exported for another label and context
	Authenticator []byte
	Members       []person
}

func (m *peer) view() view {
	m.t.Helper()
	v := view{
		// The one label that every implementation exports for.
		Exported: m.call("export", fields{"group": m.group, "label": "exporter", "context": []byte{}, "length": 32}).Secret,
		Members:  m.call("members", fields{"group": m.group}).Members,
	}
	if m.can(exportAny) {
		v.Other = m.call("export", fields{"group": m.group, "label": "other", "context": []byte("context"), "length": 77}).Secret
	}
	if m.can(authenticators) {
		v.Authenticator = m.call("epoch_authenticator", fields{"group": m.group}).Value
	}
	return v
}

// agree checks that all members are in the same epoch, know the same of it, and
// read each other's messages.
func (r *room) agree() {
	r.t.Helper()
	ours := r.of(conclave).view()
	if len(ours.Members) != len(r.members) || len(ours.Exported) != 32 || len(ours.Authenticator) == 0 || len(ours.Other) != 77 {
		r.t.Fatalf("view of %d members: %+v", len(r.members), ours)
	}
	views := make(map[*peer]view)
	for _, m := range r.members {
		views[m] = m.view()
		if diff := cmp.Diff(ours.to(m.implementation), views[m]); diff != "" {
			r.t.Fatalf("%s and %s see different epochs:\n%s", conclave.name, m.name, diff)
		}
	}
	// One sends to all, and the next answers; it is somebody else's turn each time.
	r.turn++
	speaker := r.members[r.turn%len(r.members)]
	next := r.members[(r.turn+1)%len(r.members)]
	r.say(speaker, r.others(speaker), views)
	r.say(next, []*peer{speaker}, views)
}

// to returns a view as an implementation gives it that does not tell everything.
func (v view) to(i *implementation) view {
	if i.lacks(exportAny) {
		v.Other = nil
	}
	if i.lacks(authenticators) {
		v.Authenticator = nil
	}
	if i.lacks(leaves) {
		members := make([]person, len(v.Members))
		for i, p := range v.Members {
			members[i] = person{Leaf: i, Identity: p.Identity}
		}
		v.Members = members
	}
	return v
}

// leaf returns by which number the viewer calls a member.
func (v view) leaf(of *peer) int {
	i := slices.IndexFunc(v.Members, func(p person) bool { return p.Identity == of.identity })
	return v.Members[i].Leaf
}

// same checks that a member sees an epoch that was seen before.
func (r *room) same(m *peer, want view) {
	r.t.Helper()
	if diff := cmp.Diff(want, m.view()); diff != "" {
		r.t.Fatalf("%s sees another epoch:\n%s", m.name, diff)
	}
}

// say has a member send something to others, who must read just that, from it.
func (r *room) say(from *peer, to []*peer, views map[*peer]view) {
	r.t.Helper()
	text := fmt.Appendf(nil, "number %d", r.turn)
	sent := from.protect(text)
	for _, m := range to {
		got := m.call("handle", fields{"group": m.group, "message": sent})
		if got.Kind != "application" || !bytes.Equal(got.Plaintext, text) || got.Sender != views[m].leaf(from) {
			r.t.Fatalf("%s read %q of %d, a %s; %s sent %q", m.name, got.Plaintext, got.Sender, got.Kind, from.name, text)
		}
	}
}

// protect encrypts application data, with authenticated data and padding where
// the implementation has them.
func (m *peer) protect(text []byte) []byte {
	m.t.Helper()
	f := fields{"group": m.group, "plaintext": text}
	if m.can(authenticatedData) {
		f["aad"], f["padding"] = []byte("seen by all"), 48
	}
	return m.call("protect", f).Message
}

// sharePSK makes a pre-shared key known to all processes and returns its id.
func (r *room) sharePSK() []byte {
	r.t.Helper()
	r.psks++
	id := fmt.Appendf(nil, "key %d", r.psks)
	for _, p := range r.known {
		p.call("register_psk", fields{"psk_id": id, "secret": bytes.Repeat([]byte{byte(r.psks)}, 32)})
	}
	return id
}
