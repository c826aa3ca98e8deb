package main

import (
	"slices"
	"testing"
)

// TestRefusals checks what this program says about common mistakes of others.
func TestRefusals(t *testing.T) {
	ours := side{conclave, startOurs(t)}
	r := newRoom(t, 1, ours)
	r.add(r.members[0], true, ours, ours)
	alice, bob, carol := r.members[0], r.members[1], r.members[2]
	other := newRoom(t, 1, side{&implementation{name: "elsewhere"}, ours.process}).members[0]

	old := alice.protect([]byte("old"))
	oldCommit := alice.call("commit", fields{"group": alice.group}).Commit
	alice.call("discard", fields{"group": alice.group})
	r.commit(bob, false, fields{"remove": []int{r.leaf(bob, carol)}})
	used := r.guest(ours)
	elsewhere := other.call("protect", fields{"group": other.group, "plaintext": []byte("x")}).Message
	fromAlice := r.commit(alice, true, fields{"add": [][]byte{used.keyPackage}, "tree_in_welcome": true})
	r.enter(used, fromAlice.Welcome, nil)

	handle := func(m *peer, message []byte) error {
		_, err := m.try("handle", fields{"group": m.group, "message": message})
		return err
	}
	commit := func(m *peer, f fields) error {
		f["group"] = m.group
		_, err := m.try("commit", f)
		return err
	}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"a message of another group", handle(alice, elsewhere), "ErrWrongGroup"},
		{"a commit of an old epoch", handle(bob, oldCommit), "ErrWrongEpoch"},
		{"an own message", handle(alice, alice.protect([]byte("mine"))), "ErrOwnMessage"},
		{"a message for one who was removed", handle(carol, old), "ErrRemoved"},
		{"a Welcome that was used", second(used, fromAlice.Welcome), "ErrKeyPackageUsed"},
		{"own removal", commit(alice, fields{"remove": []int{r.leaf(alice, alice)}}), "ErrSelfRemove"},
		{"removal of nobody", commit(alice, fields{"remove": []int{99}}), "ErrRemoveBlank"},
		{"a PSK that is not known", commit(alice, fields{"psk": [][]byte{[]byte("?")}}), "ErrUnknownPSK"},
		{"a merge of nothing", call(alice, "merge"), "ErrNoPendingCommit"},
		{"a discard of nothing", call(alice, "discard"), "ErrNoPendingCommit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if refused(c.err) != c.want {
				t.Errorf("got %v, want %s", c.err, c.want)
			}
		})
	}
	r.members = slices.DeleteFunc(r.members, func(m *peer) bool { return m == carol })
	r.agree()
}

func second(g *guest, welcome []byte) error {
	_, err := g.try("join_welcome", fields{"handle": g.handle, "welcome": welcome})
	return err
}

func call(m *peer, op string) error {
	_, err := m.try(op, fields{"group": m.group})
	return err
}
