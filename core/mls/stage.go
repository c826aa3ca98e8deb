package mls

import (
	"conclave/core/mls/internal/secrettree"
	"conclave/core/mlswire"
)

// A StagedCommit is a Commit that was found valid, with the epoch that it
// begins. Look at it, then install it with [Group.Merge], or forget it. A Commit
// that was not merged can be processed again.
type StagedCommit struct {
	// base is the epoch in which the commit was sent, next the one it begins.
	// next is nil when this member was removed. No two groups share an epoch.
	base, next *epoch
	messages   *secrettree.Tree

	sender            mlswire.Sender
	committer         LeafIndex
	added             []LeafIndex
	proposals         []Proposed
	authenticatedData []byte
	reInit            *mlswire.ReInit
	hasPath           bool
	// generation is that of the key of a PrivateMessage.
	generation *uint32
	// merged says that the secrets are a group's, discarded that they are erased.
	merged, discarded bool
}

func (*StagedCommit) received() {}

// Epoch returns the number of the epoch that the commit begins.
func (s *StagedCommit) Epoch() uint64 { return s.base.context.Epoch + 1 }

// Committer returns the leaf of the member that sent the commit: in the new
// epoch if it joins by it.
func (s *StagedCommit) Committer() LeafIndex { return s.committer }

// IsExternal reports whether the commit came from outside the group, from a
// client that joins by it, RFC 9420, Section 12.4.3.2.
func (s *StagedCommit) IsExternal() bool { return s.sender.Type == mlswire.SenderTypeNewMemberCommit }

// Proposals returns the proposals that the commit covers, in its order. Those by
// value have no Ref.
func (s *StagedCommit) Proposals() []Proposed { return s.proposals }

// Added returns the leaves of those whom the commit adds, by Add proposals. Who
// joins by an external commit is its Committer.
func (s *StagedCommit) Added() []LeafIndex { return s.added }

// AuthenticatedData returns what the committer sent along with the commit.
func (s *StagedCommit) AuthenticatedData() []byte { return s.authenticatedData }

// HasPath reports whether the commit renews the committer's keys, RFC 9420,
// Section 12.4.
func (s *StagedCommit) HasPath() bool { return s.hasPath }

// ReInit returns the ReInit that ends the group, or nil.
func (s *StagedCommit) ReInit() *mlswire.ReInit { return cloneReInit(s.reInit) }

// Removed reports whether the commit removes this client from the group. Its
// confirmation tag could then not be verified, as only members can: the Commit is
// known to be from its sender and valid in all that those outside can see.
func (s *StagedCommit) Removed() bool { return s.next == nil }

// Members returns the members of the new epoch, or nil when this client is
// removed.
func (s *StagedCommit) Members() []Member {
	if s.next == nil {
		return nil
	}
	return membersOf(s.next.tree)
}

// Merge makes the epoch of a staged commit the present one. Proposals of the old
// epoch, an own commit that was pending, and the secrets of the old epoch are
// gone then, apart from what late application messages need. The error is
// [ErrStaleCommit] when the group is not any more in the epoch in which the
// commit was sent.
func (g *Group) Merge(s *StagedCommit) error {
	if g.removed {
		return ErrRemoved
	}
	if s == nil || s.discarded || s.base != g.current {
		return ErrStaleCommit
	}
	g.install(s)
	return nil
}

// MergeCommit makes the epoch of the pending own commit the present one, once
// the delivery service has accepted the commit, RFC 9420, Section 14. The error
// is [ErrNoPendingCommit].
func (g *Group) MergeCommit() error {
	if g.pending == nil {
		return ErrNoPendingCommit
	}
	return g.Merge(g.pending)
}

// DiscardCommit forgets the pending own commit. The error is
// [ErrNoPendingCommit].
func (g *Group) DiscardCommit() error {
	if g.pending == nil {
		return ErrNoPendingCommit
	}
	if !g.pending.hasPath && len(g.pending.added) > 0 {
		g.sealed = g.current
	}
	g.pending.discard()
	g.pending = nil
	return nil
}

// HasPendingCommit reports whether an own commit waits to be merged or discarded.
func (g *Group) HasPendingCommit() bool { return g.pending != nil }

// install goes to the next epoch.
func (g *Group) install(s *StagedCommit) {
	if g.pending != nil && g.pending != s {
		g.pending.discard()
	}
	g.pending = nil
	g.dropProposals()
	g.consume(s)
	if s.next == nil {
		g.Erase()
		return
	}
	g.retire(s.next)
	s.merged = true
	g.current, g.messages = s.next, s.messages
	// A snapshot of the old epoch allows for nothing in the new one: whoever
	// restores it gets here again, and begins with the first generations.
	g.lease.handshake, g.lease.application = 0, 0
}

// consume deletes the key that the commit was encrypted with, RFC 9420, Section
// 9.2: late messages of its epoch may be opened for a while, the commit not.
func (g *Group) consume(s *StagedCommit) {
	if s.generation == nil {
		return
	}
	if c, err := g.messages.Find(s.sender.Index, secrettree.Handshake, *s.generation); err == nil {
		defer c.Erase()
		_ = g.messages.Use(c) // it was found just now
	}
}

// retire keeps of the present epoch what late messages need and erases the rest,
// RFC 9420, Section 9.2.
func (g *Group) retire(next *epoch) {
	old := g.current
	old.private.Erase(next.private)
	old.secrets.Retire()
	g.past = append(g.past, &pastEpoch{
		number: old.context.Epoch, encoded: old.encoded, self: old.self(), secrets: old.secrets,
		messages: g.messages, tree: old.tree,
	})
	for len(g.past) > g.client.pastEpochs() {
		g.past[0].erase()
		g.past = g.past[1:]
	}
}

// Discard erases the secrets of a commit that is not going to be merged, which
// is then [ErrStaleCommit] for Merge. Forgetting it leaves them to the garbage
// collector. It does nothing to a commit that was merged.
func (s *StagedCommit) Discard() {
	if !s.discarded && !s.merged {
		s.discard()
	}
	s.discarded = true
}

// discard erases a commit that does not come to be.
func (s *StagedCommit) discard() {
	if s.next != nil {
		s.next.private.Erase(s.base.private)
		s.next.secrets.Erase()
		s.messages.Erase()
	}
}
