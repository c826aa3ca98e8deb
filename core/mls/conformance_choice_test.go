package mls_test

import (
	"testing"

	"conclave/core/mls"
	"conclave/core/mlswire"
)

// TestCompatible holds RFC 9420, Section 12.2: of proposals that exclude each
// other a committer prefers removals, then the latest Update, and anything to a
// ReInit.
func TestCompatible(t *testing.T) {
	update := func(t *testing.T, g *mls.Group) []byte {
		t.Helper()
		m, err := g.ProposeUpdate(mls.LeafChange{}, mls.SendOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	remove := func(t *testing.T, g *mls.Group) []byte {
		t.Helper()
		m, err := g.ProposeRemove(1, mls.SendOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	reInit := func(t *testing.T, g *mls.Group) []byte {
		t.Helper()
		m, err := g.ProposeReInit(mlswire.ReInit{GroupID: []byte("next"), Version: mlswire.MLS10, CipherSuite: 1}, mls.SendOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	type send struct {
		from int
		what func(*testing.T, *mls.Group) []byte
	}
	for _, tt := range []struct {
		name string
		sent []send
		want []int // which of sent the commit of member 2 takes in
	}{
		{"the latest Update", []send{{1, update}, {1, update}}, []int{1}},
		{"a Remove before an Update", []send{{1, update}, {0, remove}, {1, update}}, []int{1}},
		{"one Remove of two", []send{{0, remove}, {3, remove}}, []int{0}},
		{"what is not the committer's own", []send{{2, update}, {1, update}}, []int{1}},
		{"anything before a ReInit", []send{{0, reInit}, {1, update}}, []int{1}},
		{"a ReInit alone", []send{{0, reInit}}, []int{0}},
		{"one ReInit of two", []send{{0, reInit}, {1, reInit}}, []int{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			members := conformMembers(t, 4)
			var refs []string
			for _, s := range tt.sent {
				m := s.what(t, members[s.from])
				for i, g := range members {
					if i != s.from {
						conformProcess(t, g, m)
					}
				}
				waiting := members[2].Proposals()
				refs = append(refs, string(waiting[len(waiting)-1].Ref))
			}
			c, err := members[2].Commit(mls.CommitOptions{})
			if err != nil {
				t.Fatal(err)
			}
			received, err := members[3].Process(c.Message)
			if err != nil {
				t.Fatalf("Process = %v", err)
			}
			taken := received.(*mls.StagedCommit).Proposals()
			if len(taken) != len(tt.want) {
				t.Fatalf("the commit takes in %d proposals, want %d", len(taken), len(tt.want))
			}
			for i, want := range tt.want {
				if string(taken[i].Ref) != refs[want] {
					t.Errorf("proposal %d of the commit is not number %d of those sent", i, want)
				}
			}
		})
	}
}
