package main

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"conclave/core/mlswire"
)

// TestGroupNames checks that each request about a group says when there is none.
func TestGroupNames(t *testing.T) {
	p := startOurs(t)
	without := []string{"suites", "key_package", "create_group", "join_welcome", "external_join", "register_psk", "restore"}
	for _, op := range slices.Sorted(maps.Keys(ops)) {
		if slices.Contains(without, op) {
			continue
		}
		if _, err := p.try(op, fields{"group": "g7"}); refused(err) != "ErrUnknownGroup" {
			t.Errorf("%s: %v, want ErrUnknownGroup", op, err)
		}
	}
}

// TestProposals checks what is said about proposals of each kind.
func TestProposals(t *testing.T) {
	r := begin(t, 1, side{conclave, startOurs(t)}, side{conclave, startOurs(t)}, true)
	alice, bob := r.members[0], r.members[1]
	guest := r.guest(bob.side)
	for kind, f := range map[string]fields{
		"add":    {"key_package": guest.keyPackage},
		"remove": {"leaf": 0},
		"update": {},
		"psk":    {"psk_id": r.sharePSK()},
		"gce":    {"extensions": requiredCapabilities},
		"reinit": {"suite": 61441, "group_id": []byte("next"), "extensions": requiredCapabilities},
	} {
		f["group"], f["kind"] = alice.group, kind
		sent := alice.call("propose", f)
		got := bob.call("handle", fields{"group": bob.group, "message": sent.Proposal})
		if got.Kind != "proposal" || got.Proposal != kind || got.Sender != 0 || len(got.Ref) != 32 {
			t.Errorf("handling a proposal of kind %s: %+v", kind, got)
		}
		_, err := bob.try("handle", fields{"group": bob.group, "message": sent.Proposal})
		if name := refused(err); name != "ErrGenerationUsed" {
			t.Errorf("handling it again: %v, want ErrGenerationUsed", err)
		}
	}
	for name, f := range map[string]fields{
		"ErrUnknownKind": {"kind": "nothing"},
		"ErrRemoveBlank": {"kind": "remove", "leaf": 2},
		"ErrShort":       {"kind": "gce", "extensions": []byte{9}},
	} {
		f["group"] = alice.group
		if _, err := alice.try("propose", f); refused(err) != name {
			t.Errorf("proposing %v: %v, want %s", f, err, name)
		}
	}
}

// TestApplicationData checks authenticated data, padding and their limits.
func TestApplicationData(t *testing.T) {
	r := begin(t, 1, side{conclave, startOurs(t)}, side{conclave, startOurs(t)}, true)
	alice, bob := r.members[0], r.members[1]
	send := func(text string, padding int) []byte {
		return alice.call("protect", fields{
			"group": alice.group, "plaintext": []byte(text), "aad": []byte("in the clear"), "padding": padding,
		}).Message
	}
	short, long := send("a", 256), send(strings.Repeat("a", 100), 256)
	if len(short) != len(long) || len(short) < 256 {
		t.Errorf("messages padded to 256 have %d and %d bytes", len(short), len(long))
	}
	if bare := send("a", 0); len(bare) >= 256 {
		t.Errorf("a message of one byte without padding has %d bytes", len(bare))
	}
	got := bob.call("handle", fields{"group": bob.group, "message": long})
	if string(got.AAD) != "in the clear" || len(got.Plaintext) != 100 {
		t.Errorf("read %q with %q", got.Plaintext, got.AAD)
	}
	for _, padding := range []int{-1, 1 << 20} {
		if _, err := alice.try("protect", fields{"group": alice.group, "padding": padding}); refused(err) != "ErrConfig" {
			t.Errorf("padding of %d: %v, want ErrConfig", padding, err)
		}
	}
	r.propose(bob, false, "update", nil)
	if _, err := alice.try("protect", fields{"group": alice.group}); refused(err) != "ErrPendingProposals" {
		t.Errorf("sending before a proposal is committed: %v, want ErrPendingProposals", err)
	}
}

// TestObjects checks the public objects of a group, and what is refused of them.
func TestObjects(t *testing.T) {
	r := begin(t, 1, side{conclave, startOurs(t)}, side{conclave, startOurs(t)}, true)
	alice, bob := r.members[0], r.members[1]
	info := alice.call("group_info", fields{"group": alice.group}).GroupInfo
	m, err := mlswire.ParseMessage(info)
	if err != nil || m.GroupInfo == nil {
		t.Fatalf("GroupInfo: %v", err)
	}
	if _, ok := m.GroupInfo.Extensions.Find(mlswire.ExtensionTypeExternalPub); !ok {
		t.Error("GroupInfo has no external_pub")
	}
	if _, ok := m.GroupInfo.Extensions.Find(mlswire.ExtensionTypeRatchetTree); ok {
		t.Error("GroupInfo has the tree although it was not asked for")
	}
	tree := bob.call("ratchet_tree", fields{"group": bob.group}).RatchetTree
	if want := alice.call("ratchet_tree", fields{"group": alice.group}).RatchetTree; !bytes.Equal(tree, want) {
		t.Errorf("ratchet tree %x, want %x", tree, want)
	}
	if _, err := mlswire.ParseRatchetTree(tree); err != nil {
		t.Errorf("ratchet tree: %v", err)
	}
	join := fields{"suite": 1, "identity": "x", "group_info": info}
	for _, c := range []struct {
		op   string
		f    fields
		want string
	}{
		{"external_join", join, "ErrNoTree"},
		{"external_join", fields{"suite": 3, "group_info": info}, "ErrWelcomeSuite"},
		{"external_join", fields{"suite": 1, "group_info": tree}, "ErrVersion"},
		{"export", fields{"group": alice.group, "length": 1 << 20}, "ErrExportLength"},
		{"handle", fields{"group": alice.group, "message": info}, "ErrNotGroupMessage"},
		{"handle", fields{"group": alice.group, "message": []byte{}}, "ErrShort"},
		{"commit", fields{"group": alice.group, "add": [][]byte{info}}, "ErrNotGroupMessage"},
	} {
		if _, err := alice.try(c.op, c.f); refused(err) != c.want {
			t.Errorf("%s: %v, want %s", c.op, err, c.want)
		}
	}
	r.agree()
}

// TestRemoved checks what one learns who is removed.
func TestRemoved(t *testing.T) {
	r := begin(t, 1, side{conclave, startOurs(t)}, side{conclave, startOurs(t)}, true)
	alice, bob := r.members[0], r.members[1]
	c := alice.call("commit", fields{"group": alice.group, "remove": []int{1}})
	if got := bob.call("handle", fields{"group": bob.group, "message": c.Commit}); got.Kind != "commit" || !got.Removed {
		t.Errorf("handling the own removal: %+v", got)
	}
	for _, op := range []string{"protect", "commit", "group_info", "export"} {
		if _, err := bob.try(op, fields{"group": bob.group, "length": 32}); refused(err) != "ErrRemoved" {
			t.Errorf("%s after removal: %v, want ErrRemoved", op, err)
		}
	}
}

// TestSaved sends more after a snapshot than the snapshot allows for, and goes on
// from the snapshot as well: no message is encrypted with a key that was used.
func TestSaved(t *testing.T) {
	r := begin(t, 1, side{conclave, startOurs(t)}, side{conclave, startOurs(t)}, true)
	alice, bob := r.members[0], r.members[1]
	state := alice.call("snapshot", fields{"group": alice.group}).State
	for i := range 3 {
		read(r, bob, alice.protect([]byte{byte(i)}), byte(i))
	}
	alice.group = alice.call("restore", fields{"state": state}).Group
	for i := range 100 {
		read(r, bob, alice.protect([]byte{byte(i)}), byte(i))
	}
	for range 3 {
		r.commit(alice, false, nil)
		r.agree()
	}
}
