package main

import (
	"bytes"
	"testing"
)

// flips is how many places of a message are changed for others, one at a time.
// For this module it is every byte.
const flips = 48

// tampered returns copies of a message with one bit changed, at places spread
// over its whole length, and one that is cut short.
func tampered(message []byte, receiver *peer) [][]byte {
	step := max(len(message)/flips, 1)
	if receiver.name == conclave.name {
		step = 1
	}
	var list [][]byte
	for i := 0; i < len(message); i += step {
		b := bytes.Clone(message)
		b[i] ^= 1 << (i % 8)
		list = append(list, b)
	}
	return append(list, message[:len(message)-1])
}

// TestTampered changes what one process of this program sends to another on the
// way: it must be refused, change nothing, and not stand in the way of the
// genuine message. TestTSMLS and TestCoreCrypto do so with the others.
func TestTampered(t *testing.T) {
	other := *conclave
	tamper(t, side{conclave, startOurs(t)}, side{&other, startOurs(t)})
}

// tamper sends one message of each kind over a line that changes bits.
func tamper(t *testing.T, from, to side) {
	from.t, to.t = t, t
	r := newRoom(t, 1, from)
	by := r.members[0]
	g := r.guest(to)
	t.Run("KeyPackage", func(t *testing.T) {
		r.use(t)
		for _, b := range tampered(g.keyPackage, by) {
			if _, err := by.try("commit", fields{"group": by.group, "add": [][]byte{b}, "public": true}); err == nil {
				t.Fatalf("added a client with a KeyPackage that was changed: %x", b)
			}
		}
	})
	t.Run("Welcome", func(t *testing.T) {
		r.use(t)
		made := by.call("commit", fields{"group": by.group, "add": [][]byte{g.keyPackage}, "tree_in_welcome": true, "public": true})
		by.call("merge", fields{"group": by.group})
		for _, b := range tampered(made.Welcome, g.peer) {
			if _, err := g.try("join_welcome", fields{"handle": g.handle, "welcome": b}); err == nil {
				t.Fatalf("joined by a Welcome that was changed: %x", b)
			}
		}
		r.enter(g, made.Welcome, nil)
		r.agree()
	})
	r.use(t)
	formats := []bool{true, false}
	if !from.can(privateHandshakes) || !to.can(privateHandshakes) {
		formats = []bool{true}
	}
	for _, public := range formats {
		if from.can(makesProposals) {
			t.Run("proposal, "+format(public), func(t *testing.T) {
				r.use(t)
				sent := by.call("propose", fields{"group": by.group, "kind": "update", "public": public})
				r.refuses(g.peer, decode(t, sent.Proposal))
				g.call("handle", fields{"group": g.group, "message": sent.Proposal})
				r.commit(g.peer, public, nil)
				r.agree()
			})
		}
		t.Run("commit, "+format(public), func(t *testing.T) {
			r.use(t)
			sent := by.call("commit", fields{"group": by.group, "public": public})
			r.refuses(g.peer, sent.Commit)
			r.deliver(by, sent.Commit)
			by.call("merge", fields{"group": by.group})
			r.agree()
		})
	}
	t.Run("GroupInfo", func(t *testing.T) {
		r.use(t)
		made := r.commit(by, true, fields{"tree_in_welcome": true})
		m := r.newMember(to)
		for _, b := range tampered(made.GroupInfo, g.peer) {
			if _, err := m.try("external_join", fields{"suite": r.suite, "identity": m.identity, "group_info": b}); err == nil {
				t.Fatalf("joined by a GroupInfo that was changed: %x", b)
			}
		}
		joinBy(r, m, fields{"group_info": made.GroupInfo})
		r.agree()
	})
	t.Run("application data", func(t *testing.T) {
		r.use(t)
		sent := by.protect([]byte{7})
		r.refuses(g.peer, sent)
		read(r, g.peer, sent, 7)
		r.agree()
	})
	r.use(t)
}

// refuses checks that a member refuses a message with any bit changed, and that
// nothing changes by that.
func (r *room) refuses(m *peer, message []byte) {
	r.t.Helper()
	before := m.view()
	for i, b := range tampered(message, m) {
		got, err := m.try("handle", fields{"group": m.group, "message": b})
		if err == nil {
			r.t.Fatalf("%s took a changed message for a %s: change %d of %x", m.name, got.Kind, i, message)
		}
		if m.name == conclave.name && refused(err) == "Error" {
			r.t.Errorf("refusal without a sentinel: %v", err)
		}
	}
	r.same(m, before)
}
