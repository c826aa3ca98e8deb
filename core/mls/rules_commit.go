package mls

import (
	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
)

// path checks the path of a commit with a valid list of proposals: that it is
// there if it must be, and its leaf, RFC 9420, Sections 7.3 and 12.4. at is the
// committer's leaf, in an external commit the one it takes. The keys of the
// other nodes and the parent hash are checked where the tree takes the path in.
func (r *rules) path(p *plan, path *mlswire.UpdatePath, at tree.LeafIndex) error {
	if path == nil {
		if p.PathRequired {
			return ErrPathRequired
		}
		return nil
	}
	old := r.replaced(p)
	d, err := demandsOf(r.context, p.Extensions)
	if err != nil {
		return err
	}
	leaf := &path.LeafNode
	// Whoever has a GroupInfo can make an external commit. It may replace only
	// what the application takes for the same member, Section 12.2.
	if p.external && old != nil && r.policy.member(&old.Credential) != r.policy.member(&leaf.Credential) {
		return ErrExternalCommitMember
	}
	if p.external {
		r = r.ofUninvited()
	}
	c := leafCase{leaf: leaf, source: mlswire.LeafNodeSourceCommit, old: old, demands: d}
	if err := r.replacement(c, at); err != nil {
		return err
	}
	return r.newcomer(p, leaf, old)
}

// replaced returns the leaf in whose place that of a commit's path comes: the
// committer's own, or the one that an external commit removes, which the new
// one must be fit to follow (RFC 9420, Section 12.2). It is nil for someone new.
func (r *rules) replaced(p *plan) *mlswire.LeafNode {
	switch {
	case !p.external:
		return r.tree.Leaf(p.committer)
	case len(p.Removes) > 0:
		return r.tree.Leaf(p.Removes[0])
	}
	return nil
}
