// Command mls-wasm is the smallest program that uses all of core/mls and nothing
// else. Its size in WebAssembly is what MLS costs a web page; size_test.go holds
// it to its limit. It runs a group once through its life, so that the linker
// keeps every part.
package main

import (
	"runtime"
	"time"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/secret"
)

// uncalled are the parts of core/mls that live does not call; being here keeps
// them from being left out.
var uncalled = []any{
	mls.GREASE,
	(*mls.Client).ProposeExternal, (*mls.Client).RestoreKeyPackage,
	(*mls.KeyPackage).ProposeJoin, (*mls.KeyPackage).Ref, (*mls.KeyPackage).Snapshot,
	(*mls.Group).Branch, (*mls.Group).Reinitialize, (*mls.Group).DiscardCommit, (*mls.Group).Members,
	(*mls.Group).ProposeAdd, (*mls.Group).ProposeExtensions, (*mls.Group).ProposeReInit, (*mls.Group).ProposeRemove,
	(*mls.Group).ProposeResumptionPSK, (*mls.Group).DropProposal, (*mls.Group).Proposals, (*mls.Group).RatchetTree,
	(*mls.StagedCommit).Members, (*mls.StagedCommit).Proposals,
}

func main() {
	if err := live(); err != nil {
		panic(err.Error()) // not os.Exit: package os is not of core/mls
	}
	runtime.KeepAlive(uncalled)
}

// live creates a group, fills and leaves it.
func live() error {
	alice, err := newClient("alice")
	if err != nil {
		return err
	}
	bob, err := newClient("bob")
	if err != nil {
		return err
	}
	a, err := alice.CreateGroup(nil, nil)
	if err != nil {
		return err
	}
	k, err := bob.NewKeyPackage()
	if err != nil {
		return err
	}
	commit, err := a.Commit(mls.CommitOptions{Add: [][]byte{k.Bytes()}})
	if err != nil {
		return err
	}
	if err := a.MergeCommit(); err != nil {
		return err
	}
	b, err := k.Join(commit.Welcomes[0].Message, mls.JoinOptions{})
	if err != nil {
		return err
	}
	if err := propose(a, b); err != nil {
		return err
	}
	if err := speak(a, b); err != nil {
		return err
	}
	return rejoin(alice, bob, a, b)
}

func newClient(name string) (*mls.Client, error) {
	return mls.NewClient(mls.Config{
		Credential:   mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte(name)},
		Now:          time.Now,
		Authenticate: func(mls.Identity) error { return nil },
		PSK:          func([]byte) (secret.Value, bool) { return secret.New(make([]byte, 32)), true },

		AllowExternalCommits: true,
	})
}

// propose has a commit what b proposes.
func propose(a, b *mls.Group) error {
	update, err := b.ProposeUpdate(mls.LeafChange{}, mls.SendOptions{})
	if err != nil {
		return err
	}
	psk, err := b.ProposePSK([]byte("psk"), mls.SendOptions{})
	if err != nil {
		return err
	}
	for _, m := range [][]byte{update, psk} {
		if _, err := a.Process(m); err != nil {
			return err
		}
	}
	commit, err := a.Commit(mls.CommitOptions{})
	if err != nil {
		return err
	}
	if err := a.MergeCommit(); err != nil {
		return err
	}
	received, err := b.Process(commit.Message)
	if err != nil {
		return err
	}
	if staged, ok := received.(*mls.StagedCommit); ok {
		return b.Merge(staged)
	}
	return nil
}

func speak(a, b *mls.Group) error {
	m, err := a.Protect([]byte("hello"), nil)
	if err != nil {
		return err
	}
	if _, err := b.Process(m); err != nil {
		return err
	}
	_, err = a.Export("label", nil, 32)
	return err
}

// rejoin saves and restores a, and has bob join once more, from outside.
func rejoin(alice, bob *mls.Client, a, b *mls.Group) error {
	restored, err := alice.Restore(a.Snapshot())
	if err != nil {
		return err
	}
	info, err := restored.GroupInfo(true)
	if err != nil {
		return err
	}
	b.Erase()
	_, commit, err := bob.JoinExternal(info, mls.ExternalOptions{Resync: true})
	if err != nil {
		return err
	}
	_, err = restored.Process(commit.Message)
	return err
}
