package mls_test

import (
	"errors"
	"testing"

	"conclave/core/mls"
)

// TestStagedCommitCanBeDiscarded holds that a commit which the application
// refuses leaves nothing behind, and can be processed and merged after all.
func TestStagedCommitCanBeDiscarded(t *testing.T) {
	p := newParty(t, x25519, 3, nil)
	commit, err := p.members[0].Commit(mls.CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	stage := func() *mls.StagedCommit {
		t.Helper()
		received, err := p.members[1].Process(commit.Message)
		if err != nil {
			t.Fatal(err)
		}
		return received.(*mls.StagedCommit)
	}
	refused := stage()
	refused.Discard()
	refused.Discard()
	if err := p.members[1].Merge(refused); !errors.Is(err, mls.ErrStaleCommit) {
		t.Errorf("Merge of a discarded commit = %v, want ErrStaleCommit", err)
	}
	merged := stage()
	if err := p.members[1].Merge(merged); err != nil {
		t.Fatal(err)
	}
	merged.Discard()
	if err := p.members[0].MergeCommit(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.members[1].Protect([]byte("still here"), nil); err != nil {
		t.Errorf("Protect after Discard of a merged commit = %v", err)
	}
	message, err := p.members[0].Protect([]byte("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.members[1].Process(message); err != nil {
		t.Errorf("Process after Discard of a merged commit = %v", err)
	}
}
