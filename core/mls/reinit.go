package mls

import (
	"bytes"
	"crypto/rand"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
)

// Reinitialize begins the group that follows g, which has ended with a ReInit:
// RFC 9420, Section 11.2. Any member of g may do so; should two, the delivery
// service accepts one of the groups, by its id.
//
// c is this member's client for the new group, whose cipher suite may be
// another. keyPackages are of all other members of g, who are told apart by
// [Config].MemberID. The group that is returned is in its first epoch with
// members; the Welcomes go to the others, who join with g as JoinOptions.From.
// Of o only what concerns Welcomes counts.
//
// The error is [ErrNotReInit] if g goes on, [ErrReInitMismatch] if c cannot be in
// the new group, [ErrReInitMembers] if the members are not those of g, or a rule
// that a KeyPackage breaks.
func (g *Group) Reinitialize(c *Client, keyPackages [][]byte, o CommitOptions) (*Group, *Commit, error) {
	if err := g.alive(); err != nil {
		return nil, nil, err
	}
	announced := g.current.reInit
	switch {
	case announced == nil:
		return nil, nil, ErrNotReInit
	case announced.Version != mlswire.MLS10 || announced.CipherSuite != c.suite.ID():
		return nil, nil, ErrReInitMismatch
	}
	next, err := c.CreateGroup(announced.GroupID, announced.Extensions)
	if err != nil {
		return nil, nil, err
	}
	return g.succeed(next, forReInit, keyPackages, o)
}

// succeed fills a new group with members of g, in one commit that injects the
// resumption secret of g's present epoch.
func (g *Group) succeed(next *Group, why purpose, keyPackages [][]byte, o CommitOptions) (*Group, *Commit, error) {
	o = CommitOptions{
		Add: keyPackages, ForcePath: true, successor: &successor{why: why, psk: g.successorPSK(next, why)},
		WithoutTree: o.WithoutTree, WelcomePerJoiner: o.WelcomePerJoiner,
		GroupInfo: o.GroupInfo, GroupInfoExtensions: o.GroupInfoExtensions,
	}
	next.origin = g
	commit, err := next.Commit(o)
	next.origin = nil
	if err != nil {
		next.Erase()
		return nil, nil, err
	}
	begun := next.pending.next
	if err := next.client.checkSuccessor([]mlswire.PreSharedKeyID{o.successor.psk}, g, &begun.context, begun.tree); err != nil {
		next.Erase()
		return nil, nil, err
	}
	return next, commit, next.MergeCommit()
}

// successorPSK names the resumption secret that links a new group to g, RFC
// 9420, Sections 11.2 and 11.3. The nonce is as long as the new group's suite
// has it.
func (g *Group) successorPSK(next *Group, why purpose) mlswire.PreSharedKeyID {
	nonce := make([]byte, next.current.suite.HashSize())
	_, _ = rand.Read(nonce) // never fails
	return mlswire.PreSharedKeyID{
		Type: mlswire.PSKTypeResumption, Usage: why,
		GroupID: g.current.context.GroupID, Epoch: g.current.context.Epoch, PSKNonce: nonce,
	}
}

// checkSuccessor checks a group that claims to follow another, RFC 9420,
// Section 12.4.3.1. psks are those of the Welcome, from the group that the
// application believes it to follow. A group that claims nothing is fine only if
// nothing was expected: after a ReInit nobody may put a group of their own in the
// place of the one that was announced.
func (c *Client) checkSuccessor(psks []mlswire.PreSharedKeyID, from *Group, context *mlswire.GroupContext, t *tree.Tree) error {
	link := linkOf(psks)
	if link == nil {
		if from != nil {
			return ErrNoPredecessor
		}
		return nil
	}
	if from == nil || !bytes.Equal(link.GroupID, from.current.context.GroupID) {
		return ErrNoPredecessor
	}
	r := c.rules(context, t)
	if err := r.firstEpoch(); err != nil {
		return err
	}
	old, ok := from.credentialsIn(link.Epoch)
	if !ok {
		return ErrNoPredecessor
	}
	if link.Usage == forBranch {
		return r.branches(&from.current.context, old)
	}
	// The ReInit is in the last commit of the old group, and the PSK is of the
	// epoch that it began.
	if link.Epoch != from.current.context.Epoch {
		return ErrReInitMismatch
	}
	return r.reinitializes(from.current.reInit, old)
}

// linkOf returns the PSK that says which group a new one follows, or nil.
func linkOf(psks []mlswire.PreSharedKeyID) *mlswire.PreSharedKeyID {
	for i := range psks {
		if psks[i].Type == mlswire.PSKTypeResumption && psks[i].Usage != forOrdinary {
			return &psks[i]
		}
	}
	return nil
}

// credentialsIn returns the credentials of the members in an epoch that is
// remembered.
func (g *Group) credentialsIn(number uint64) (credentials, bool) {
	if number == g.current.context.Epoch {
		return func(yield func(*mlswire.Credential) bool) {
			for _, leaf := range g.current.tree.Members() {
				if !yield(&leaf.Credential) {
					return
				}
			}
		}, true
	}
	for _, p := range g.past {
		if p.number == number {
			return p.credentials, true
		}
	}
	return nil, false
}

// credentials yields the credentials of the members of an ended epoch.
func (p *pastEpoch) credentials(yield func(*mlswire.Credential) bool) {
	for i, leaf := range p.tree.Members() {
		if _, changed := p.changed[i]; !changed && !yield(&leaf.Credential) {
			return
		}
	}
	for _, s := range p.changed {
		if len(s.signatureKey) > 0 && !yield(&s.credential) {
			return
		}
	}
}
