package main

import "slices"

// requiredCapabilities is an Extension extensions<V> with required_capabilities
// for basic credentials, RFC 9420, Section 11.1.
var requiredCapabilities = []byte{8, 0, 3, 5, 0, 0, 2, 0, 1}

// steps are what happens to a group, in this order.
var steps = []step{
	{name: "an empty commit", run: func(r *room, actor, _ *peer, public bool) {
		r.commit(actor, public, nil)
	}},
	{name: "two added with the tree in the Welcome", run: func(r *room, actor, other *peer, public bool) {
		r.add(actor, public, other.side, actor.side)
	}},
	{name: "one added with the tree beside the Welcome", all: []ability{treeBeside}, run: addBeside},
	{name: "a commit that renews the keys", actor: []ability{forcesPath}, run: func(r *room, actor, _ *peer, public bool) {
		r.commit(actor, public, fields{"force_path": true})
	}},
	{name: "one removed", run: func(r *room, actor, other *peer, public bool) {
		r.commit(actor, public, fields{"remove": []int{r.leaf(actor, other)}})
	}},
	{name: "one added in place of another", actor: []ability{presharedKeys}, run: replace},
	{name: "a pre-shared key", all: []ability{presharedKeys}, run: func(r *room, actor, _ *peer, public bool) {
		r.commit(actor, public, fields{"psk": [][]byte{r.sharePSK(), r.sharePSK()}})
	}},
	{name: "an Update by reference", actor: []ability{makesProposals}, run: func(r *room, actor, other *peer, public bool) {
		r.propose(actor, public, "update", nil)
		r.commit(other, public, nil)
	}},
	{name: "an Add by reference", actor: []ability{makesProposals}, run: func(r *room, actor, other *peer, public bool) {
		g := r.guest(other.side)
		r.propose(actor, public, "add", fields{"key_package": g.keyPackage})
		c := r.commit(other, public, fields{"tree_in_welcome": true})
		r.enter(g, c.Welcome, nil)
	}},
	{name: "a Remove by reference", actor: []ability{makesProposals}, run: func(r *room, actor, other *peer, public bool) {
		gone := r.others(other)[0]
		if gone == actor {
			gone = r.others(other)[1]
		}
		r.propose(actor, public, "remove", fields{"leaf": r.leaf(actor, gone)})
		r.commit(other, public, nil)
		if slices.Contains(r.members, gone) {
			r.t.Fatalf("%s is still a member", gone.identity)
		}
	}},
	{name: "a PreSharedKey by reference", actor: []ability{makesProposals}, all: []ability{presharedKeys}, run: func(r *room, actor, other *peer, public bool) {
		r.propose(actor, public, "psk", fields{"psk_id": r.sharePSK()})
		r.commit(other, public, nil)
	}},
	{name: "proposals by reference of many", all: []ability{makesProposals, presharedKeys}, run: many},
	{name: "an external join", run: joinExternally},
	{name: "an external join with the tree beside", all: []ability{treeBeside}, run: joinExternallyBeside},
	{name: "a commit that is discarded", run: discard},
	{name: "two commits at once", run: race},
	{name: "messages out of order and late", run: reorder},
	{name: "new extensions of the group", actor: []ability{makesProposals}, run: changeExtensions},
	{name: "a member that is saved and restored", actor: []ability{saves}, run: restore},
}

func addBeside(r *room, actor, other *peer, public bool) {
	g := r.guest(other.side)
	c := r.commit(actor, public, fields{"add": [][]byte{g.keyPackage}, "tree_in_welcome": false})
	if _, err := g.try("join_welcome", fields{"handle": g.handle, "welcome": c.Welcome}); err == nil {
		r.t.Fatal("joined without a tree")
	}
	r.enter(g, c.Welcome, actor.call("ratchet_tree", fields{"group": actor.group}).RatchetTree)
}

// replace removes somebody and adds somebody else, who gets the leaf, in one commit.
func replace(r *room, actor, other *peer, public bool) {
	g := r.guest(other.side)
	remove := []int{r.leaf(actor, other)}
	if other.lacks(noticesRemoval) {
		r.members = r.others(other)
	}
	c := r.commit(actor, public, fields{
		"remove": remove, "add": [][]byte{g.keyPackage}, "tree_in_welcome": true,
	})
	r.enter(g, c.Welcome, nil)
}

// many has everyone but the committer propose something, and the committer add
// to that by value.
func many(r *room, actor, other *peer, public bool) {
	g := r.guest(other.side)
	for _, m := range r.others(actor) {
		r.propose(m, public, "update", nil)
	}
	r.propose(actor, public, "psk", fields{"psk_id": r.sharePSK()})
	c := r.commit(actor, public, fields{
		"add": [][]byte{g.keyPackage}, "psk": [][]byte{r.sharePSK()}, "tree_in_welcome": true,
	})
	r.enter(g, c.Welcome, nil)
}

// joinExternally has somebody of the actor's join by a GroupInfo of the other's.
// An external commit is always a PublicMessage, RFC 9420, Section 12.4.3.2.
func joinExternally(r *room, actor, other *peer, public bool) {
	var info []byte
	if other.can(makesGroupInfo) {
		info = other.call("group_info", fields{"group": other.group, "tree": true}).GroupInfo
	} else {
		info = r.commit(other, public, nil).GroupInfo
	}
	joinBy(r, r.newMember(actor.side), fields{"group_info": info})
}

func joinExternallyBeside(r *room, actor, other *peer, _ bool) {
	joinBy(r, r.newMember(actor.side), fields{
		"group_info":   other.call("group_info", fields{"group": other.group}).GroupInfo,
		"ratchet_tree": other.call("ratchet_tree", fields{"group": other.group}).RatchetTree,
	})
}

func joinBy(r *room, m *peer, f fields) {
	f["suite"], f["identity"] = r.suite, m.identity
	joined := m.call("external_join", f)
	m.group = joined.Group
	r.deliver(m, joined.Commit)
	r.members = append(r.members, m)
}

// discard has a commit refused by the delivery service; the next one counts.
func discard(r *room, actor, other *peer, public bool) {
	before := actor.view()
	actor.call("commit", fields{"group": actor.group, "public": public})
	actor.call("discard", fields{"group": actor.group})
	r.same(actor, before)
	r.commit(other, public, nil)
}

// race has two members commit in one epoch; the delivery service takes the other's.
func race(r *room, actor, other *peer, public bool) {
	actor.call("commit", fields{"group": actor.group, "public": public})
	theirs := other.call("commit", fields{"group": other.group, "public": public})
	r.deliver(other, theirs.Commit)
	other.call("merge", fields{"group": other.group})
}

// reorder delivers messages in another order than they were sent, each once, and
// one after the epoch has ended.
func reorder(r *room, actor, other *peer, public bool) {
	var sent [][]byte
	for i := range 6 {
		sent = append(sent, actor.protect([]byte{byte(i)}))
	}
	for _, i := range []int{1, 0, 3, 2} { // core-crypto does not go back further
		read(r, other, sent[i], byte(i))
	}
	for _, i := range []int{1, 0} {
		if got, err := other.try("handle", fields{"group": other.group, "message": sent[i]}); err == nil {
			r.t.Fatalf("%s read message %d twice: %v", other.name, i, got.Plaintext)
		}
	}
	r.commit(other, public, nil)
	read(r, other, sent[5], 5)
	read(r, other, sent[4], 4)
}

func read(r *room, m *peer, message []byte, want byte) {
	r.t.Helper()
	got, err := m.try("handle", fields{"group": m.group, "message": message})
	if err != nil {
		r.t.Fatalf("%s cannot read message %d: %v", m.name, want, err)
	}
	if len(got.Plaintext) != 1 || got.Plaintext[0] != want {
		r.t.Fatalf("%s read %v, want %d", m.name, got.Plaintext, want)
	}
}

func changeExtensions(r *room, actor, other *peer, public bool) {
	committer := other
	if !other.can(changesExtensions) {
		committer = actor
	}
	r.propose(actor, public, "gce", fields{"extensions": requiredCapabilities})
	r.commit(committer, public, nil)
}

// restore goes on with a group from its snapshot, in place of the one that was.
func restore(r *room, actor, other *peer, public bool) {
	before := actor.view()
	state := actor.call("snapshot", fields{"group": actor.group}).State
	actor.group = actor.call("restore", fields{"state": state}).Group
	r.same(actor, before)
	r.agree()
	r.commit(other, public, nil)
	r.agree()
	r.commit(actor, public, nil)
}

// end closes the group with a ReInit, after which nobody may send, RFC 9420,
// Section 11.2.
func end(r *room, proposer, committer *peer) {
	r.propose(proposer, true, "reinit", fields{"group_id": []byte("the next group"), "suite": r.suite})
	r.commit(committer, true, nil)
	want := r.members[0].view()
	for _, m := range r.members {
		r.same(m, want)
		if _, err := m.try("protect", fields{"group": m.group, "plaintext": []byte("too late")}); err == nil {
			r.t.Errorf("%s sends in a group that has ended", m.name)
		}
	}
}
