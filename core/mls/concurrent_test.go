package mls_test

import (
	"sync"
	"testing"

	"conclave/core/mls"
)

// TestConcurrentClient has goroutines share a Client and the nodes of one tree,
// as its documentation allows. The race detector judges.
func TestConcurrentClient(t *testing.T) {
	p := newParty(t, x25519, 1, nil)
	client := p.client(t)
	members := make([][]byte, 8)
	for i := range members {
		members[i] = p.keyPackage(t).Bytes()
	}
	saved, err := client.CreateGroup(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := saved.Snapshot()

	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			own, err := client.CreateGroup(nil, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := own.Commit(mls.CommitOptions{Add: members}); err != nil {
				t.Error(err)
				return
			}
			if err := own.MergeCommit(); err != nil {
				t.Error(err)
			}
			if _, err := client.NewKeyPackage(); err != nil {
				t.Error(err)
			}
			if _, err := client.Restore(snapshot); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
