package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The tests of this file hold what README.md says that the others cannot do: one
// that fails because another has learned it wants the list to be changed.

// TestLimitsListed checks that README.md names everything that is left out, with
// the reason.
func TestLimitsListed(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []*implementation{tsMLS, coreCrypto} {
		for what, why := range i.cannot {
			if row := fmt.Sprintf("| %s | %s | %s |", i.name, what, why); !strings.Contains(string(readme), row) {
				t.Errorf("README.md lacks the row\n%s", row)
			}
		}
	}
}

// TestTSMLSCompressedKeys: signature keys of P-256, P-384 and P-521 are
// compressed points, where RFC 9420, Section 5.1.1 has uncompressed ones.
func TestTSMLSCompressedKeys(t *testing.T) {
	ours, theirs := startOurs(t), tsMLS.start(t)
	for _, suite := range []int{2, 5, 7} {
		made := theirs.call("key_package", fields{"suite": suite, "identity": "compressed"})
		g := ours.call("create_group", fields{"suite": suite, "identity": "uncompressed", "group_id": []byte{1}})
		_, err := ours.try("commit", fields{"group": g.Group, "add": [][]byte{made.KeyPackage}})
		if refused(err) != "ErrLeafKey" {
			t.Errorf("suite %d: adding a client of ts-mls: %v, want ErrLeafKey", suite, err)
		}
	}
}

// TestTSMLSExtensions: a commit of nothing but GroupContextExtensions has no path,
// and extensions cannot be taken away.
func TestTSMLSExtensions(t *testing.T) {
	r := withTSMLS(t)
	ours, theirs := r.of(conclave), r.of(tsMLS)
	r.propose(theirs, true, "gce", fields{"extensions": requiredCapabilities})
	c := theirs.call("commit", fields{"group": theirs.group, "public": true})
	_, err := ours.try("handle", fields{"group": ours.group, "message": c.Commit})
	if refused(err) != "ErrPathRequired" {
		t.Errorf("handling a commit without a path: %v, want ErrPathRequired", err)
	}
	theirs.call("discard", fields{"group": theirs.group})
	r.commit(ours, true, nil)
	r.agree()
	r.propose(ours, true, "gce", fields{"extensions": []byte{0}})
	c = ours.call("commit", fields{"group": ours.group, "public": true})
	_, err = theirs.try("handle", fields{"group": theirs.group, "message": c.Commit})
	if refused(err) == "" {
		t.Error("ts-mls takes extensions away")
	}
}

// TestTSMLSReplaced: one who is removed does not see it when somebody who is
// added by the same commit gets the leaf.
func TestTSMLSReplaced(t *testing.T) {
	r := withTSMLS(t)
	ours, theirs := r.of(conclave), r.of(tsMLS)
	g := r.guest(ours.side)
	c := ours.call("commit", fields{"group": ours.group, "remove": []int{1}, "add": [][]byte{g.keyPackage}, "tree_in_welcome": true})
	_, err := theirs.try("handle", fields{"group": theirs.group, "message": c.Commit})
	if refused(err) != "InternalError" {
		t.Errorf("handling the own removal: %v, want InternalError", err)
	}
}

// policy shows that OpenMLS, as core-crypto uses it, refuses handshakes that are
// encrypted, and that its interface takes no tree.
func policy(t *testing.T, core side) {
	r := begin(t, 1, side{conclave, startOurs(t)}, core, true)
	ours, theirs := r.of(conclave), r.of(coreCrypto)
	c := ours.call("commit", fields{"group": ours.group, "public": false})
	_, err := theirs.try("handle", fields{"group": theirs.group, "message": c.Commit})
	if err == nil || !strings.Contains(err.Error(), "wire format policy") {
		t.Errorf("handling an encrypted commit: %v, want the wire format policy", err)
	}
	ours.call("discard", fields{"group": ours.group})
	g := r.guest(theirs.side)
	c = r.commit(ours, true, fields{"add": [][]byte{g.keyPackage}})
	if _, err := g.try("join_welcome", fields{"handle": g.handle, "welcome": c.Welcome}); refused(err) == "" {
		t.Error("core-crypto joins without a tree")
	}
}

// withTSMLS returns a group that this module created and ts-mls has joined.
func withTSMLS(t *testing.T) *room {
	t.Helper()
	return begin(t, 1, side{conclave, startOurs(t)}, side{tsMLS, tsMLS.start(t)}, true)
}
