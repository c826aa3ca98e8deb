package mls_test

import (
	"bytes"
	"fmt"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// stepJoinExternal has a client join by an external commit.
func (h *history) stepJoinExternal() bool {
	if len(h.present()) == 0 || len(h.members()) >= historyMost {
		return false
	}
	h.joinExternal(h.outside(), false)
	return true
}

// stepResync has a member that lost its state, away or not, join anew in place
// of its old leaf.
func (h *history) stepResync() bool {
	d := pick(h, h.members())
	if len(h.present()) < 2 {
		return false
	}
	h.joinExternal(d, true)
	return true
}

func (h *history) joinExternal(d *device, resync bool) {
	h.t.Helper()
	helper := pick(h, h.present())
	for helper == d {
		helper = pick(h, h.present())
	}
	o := mls.ExternalOptions{Resync: resync}
	withTree := h.chance(2)
	if !withTree {
		o.RatchetTree = helper.group.RatchetTree()
	}
	if h.chance(3) {
		o.PSK = append(o.PSK, pick(h, h.psks))
	}
	if h.chance(3) {
		o.AuthenticatedData = fmt.Appendf(nil, "%s joins", d.name)
	}
	info, err := helper.group.GroupInfo(withTree)
	if err != nil {
		h.t.Fatalf("GroupInfo = %v", err)
	}
	if h.chance(4) { // the delivery service does not accept this one
		if _, _, err := d.client.JoinExternal(info, o); err != nil {
			h.t.Fatalf("JoinExternal = %v", err)
		}
	}
	group, commit, err := d.client.JoinExternal(info, o)
	if err != nil {
		h.t.Fatalf("JoinExternal of %s = %v", d.name, err)
	}
	h.note("  %s joins with the help of %s, resync %t", d.name, helper.name, resync)
	// The old device of a resync hears nothing any more.
	before := h.members()
	if resync {
		before = without(before, d)
	}
	env := &envelope{message: commit.Message, epoch: h.epoch, from: d, public: true}
	covered := h.seenBy(helper, env)
	env.commit = &committed{external: true, covered: covered, data: o.AuthenticatedData}
	env.commit.added, env.removed = h.apply(covered, d)
	env.commit.by = env.commit.added[0]
	if resync != (len(env.removed) == 1) || resync && env.removed[0] != d {
		h.t.Fatalf("an external commit of %s removes %d members", d.name, len(env.removed))
	}
	env.removed = nil // the old leaf is nobody's any more
	h.dispatch(env, before)
	d.group, d.seen, d.queue, d.lost, d.away, d.invited, d.saved = group, map[*sentMessage]bool{}, nil, nil, false, nil, false
	for _, other := range h.devices {
		other.invited = nil
	}
	h.advance(d)
	d.joined = h.epoch
	if int(group.Self()) != env.commit.by {
		h.t.Fatalf("%s joins at leaf %d, want %d", d.name, group.Self(), env.commit.by)
	}
}

func without(list []*device, d *device) (rest []*device) {
	for _, other := range list {
		if other != d {
			rest = append(rest, other)
		}
	}
	return rest
}

// everyoneBack brings all members up to date.
func (h *history) everyoneBack() {
	h.t.Helper()
	for _, d := range h.devices {
		if d.group != nil {
			d.away = false
			h.flush(d)
		}
	}
}

// stepReInit ends the group and begins it anew, perhaps with another suite.
func (h *history) stepReInit() bool {
	if len(h.present()) == 0 {
		return false
	}
	h.everyoneBack()
	h.groups++
	id := h.suite.ID()
	if h.chance(2) {
		id = suite.MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519
	}
	c := pick(h, h.present())
	reInit := &mlswire.ReInit{
		GroupID: fmt.Appendf(nil, "group %d", h.groups), Version: mlswire.MLS10, CipherSuite: id, Extensions: nil,
	}
	h.note("  %s ends the group; the next has suite %#04x", c.name, uint16(id))
	h.commitWith(c, &plannedCommit{options: mls.CommitOptions{ReInit: reInit, WithoutPending: true, Public: h.chance(2)}})
	h.everyoneBack()
	old := h.members()
	h.successor(id, old)
	creator := pick(h, old)
	group, members := h.follow(creator, without(old, creator), true)
	for i, d := range members {
		d.group, d.saved = group[i], false
	}
	h.extensions = nil
	h.begin(reInit.GroupID, 1, members...)
	h.learn(creator)
	for _, d := range members {
		h.entered(d)
	}
	// The group needs its external sender again.
	extensions := h.someExtensions()
	h.commitWith(creator, &plannedCommit{options: mls.CommitOptions{Extensions: &extensions}})
	return true
}

// successor gives all devices clients of the next group's suite.
func (h *history) successor(id suite.ID, members []*device) {
	h.t.Helper()
	for _, d := range members {
		if d.group.ReInit() == nil || !bytes.Equal(d.group.EpochAuthenticator(), members[0].group.EpochAuthenticator()) {
			h.t.Fatalf("%s does not see that the group has ended", d.name)
		}
	}
	if id == h.suite.ID() && h.chance(2) {
		return // the same clients can go on
	}
	s, err := suite.Lookup(id)
	if err != nil {
		h.t.Fatal(err)
	}
	h.suite = s
	h.outsider = h.client("outsider", id)
	for _, d := range h.devices {
		d.client = h.client(d.name, id)
	}
}

// follow has a member begin the group that follows an ended one, or a branch,
// and the others join. It returns the groups of the members, in their order.
func (h *history) follow(creator *device, others []*device, reInit bool) ([]*mls.Group, []*device) {
	h.t.Helper()
	var packages []*mls.KeyPackage
	var public [][]byte
	for _, d := range others {
		k := h.keyPackage(d)
		packages, public = append(packages, k), append(public, k.Bytes())
	}
	o := mls.CommitOptions{WithoutTree: h.chance(2), WelcomePerJoiner: h.chance(2)}
	var next *mls.Group
	var commit *mls.Commit
	var err error
	if reInit {
		next, commit, err = creator.group.Reinitialize(creator.client, public, o)
	} else {
		next, commit, err = creator.group.Branch(nil, public, o)
	}
	if err != nil {
		h.t.Fatalf("%s begins the next group: %v", creator.name, err)
	}
	groups, members := []*mls.Group{next}, []*device{creator}
	for i, d := range others {
		join := mls.JoinOptions{From: d.group}
		if o.WithoutTree {
			join.RatchetTree = next.RatchetTree()
		}
		groups = append(groups, joinBy(h.t, packages[i], commit.Welcomes, join))
		members = append(members, d)
	}
	return groups, members
}

// stepBranch has some members make a group of their own beside this one.
func (h *history) stepBranch() bool {
	present := h.present()
	if len(present) < 2 {
		return false
	}
	creator := pick(h, present)
	others := without(present, creator)
	others = others[:1+h.rng.IntN(len(others))]
	h.note("  %s and %d others branch", creator.name, len(others))
	groups, members := h.follow(creator, others, false)
	for i, g := range groups {
		if !bytes.Equal(g.EpochAuthenticator(), groups[0].EpochAuthenticator()) || g.Epoch() != 1 ||
			len(g.Members()) != len(groups) || int(g.Self()) != i {
			h.t.Fatalf("%s in the branch: epoch %d, leaf %d of %d", members[i].name, g.Epoch(), g.Self(), len(g.Members()))
		}
	}
	groups[len(groups)-1].Snapshot() // its KeyPackage was saved, so it must be
	message, err := groups[len(groups)-1].Protect([]byte("among ourselves"), nil)
	if err != nil {
		h.t.Fatalf("Protect in the branch = %v", err)
	}
	for _, g := range groups[:len(groups)-1] {
		if received, err := g.Process(message); err != nil || string(received.(*mls.Application).Plaintext) != "among ourselves" {
			h.t.Fatalf("Process in the branch = %v", err)
		}
	}
	h.refuses(creator, message, mls.ErrWrongGroup)
	for _, d := range members {
		h.agree(d)
	}
	return true
}
