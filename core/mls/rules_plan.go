package mls

import (
	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
)

// plan checks the proposals of a regular commit, RFC 9420, Section 12.2, and
// puts them into the order of Section 12.3. The path is checked by path. The
// committer is a member, and the sender of the proposals by value: a leaf node has no
// epoch, so an Update by value could otherwise put an old leaf of another
// member back.
func (r *rules) plan(list []sentProposal, committer tree.LeafIndex, why purpose, s sending) (*plan, error) {
	p := &plan{Extensions: r.context.Extensions, PathRequired: len(list) == 0, committer: committer}
	for i := range list {
		if err := p.take(&list[i]); err != nil {
			return nil, err
		}
	}
	if p.ReInit != nil && len(list) > 1 {
		return nil, ErrReInitAlone
	}
	if err := r.singly(p, list, why, s); err != nil {
		return nil, err
	}
	if err := p.distinctPSKs(); err != nil {
		return nil, err
	}
	return p, r.admit(p)
}

// take sorts one proposal into the plan, and refuses what no list may hold
// whatever the proposals' own validity.
func (p *plan) take(sent *sentProposal) error {
	switch v := sent.Proposal.(type) {
	case *mlswire.Add:
		p.Adds = append(p.Adds, &v.KeyPackage)
	case *mlswire.Update:
		if sent.Sender.Type != mlswire.SenderTypeMember {
			return ErrExternalProposal
		}
		at := tree.LeafIndex(sent.Sender.Index)
		if at == p.committer {
			return ErrOwnUpdate
		}
		p.Updates = append(p.Updates, plannedUpdate{at, &v.LeafNode})
		return p.change(at, &v.LeafNode)
	case *mlswire.Remove:
		at := tree.LeafIndex(v.Removed)
		if at == p.committer {
			return ErrSelfRemove
		}
		p.Removes = append(p.Removes, at)
		return p.change(at, nil)
	case *mlswire.PreSharedKey:
		p.PSKs = append(p.PSKs, v.PSK)
	case *mlswire.ReInit:
		p.ReInit = v // of one alone, or else the list is refused
	case *mlswire.GroupContextExtensions:
		if p.Context {
			return ErrDuplicateGroupContextExtensions
		}
		p.Extensions, p.Context = v.Extensions, true
		p.PathRequired = true
	default:
		return ErrExternalInit
	}
	return nil
}

// singly checks each proposal by itself, RFC 9420, Section 12.1, unless that was
// done when it arrived. Those that are only now made or read by value are
// checked together, so that the signatures of a large batch of Adds may be too.
func (r *rules) singly(p *plan, list []sentProposal, why purpose, s sending) error {
	d, err := demandsOf(r.context, p.Extensions)
	if err != nil {
		return err
	}
	var added []*mlswire.KeyPackage
	for _, sent := range list {
		switch v := sent.Proposal.(type) {
		case *mlswire.Add:
			// The demands are those of the new extensions, Section 12.3.
			if sent.Checked {
				err = r.stillAddable(&v.KeyPackage.LeafNode, d, s)
			} else if err = r.keyPackageParts(&v.KeyPackage, d, s); err == nil {
				added = append(added, &v.KeyPackage)
			}
		case *mlswire.Update:
			if !sent.Checked {
				err = r.proposal(sent, s)
			}
			if err == nil {
				err = d.metBy(&v.LeafNode.Capabilities)
			}
		case *mlswire.PreSharedKey:
			err = r.preSharedKey(v, why)
		default:
			if !sent.Checked {
				err = r.proposal(sent, s)
			}
		}
		if err != nil {
			return err
		}
	}
	return r.keyPackageProofs(added)
}

// stillAddable checks of a client that waits to be added what may have changed
// since its Add arrived. Who commits an Add sends it on, and looks at the
// lifetime as strictly as who proposes it, RFC 9420, Section 7.3.
func (r *rules) stillAddable(leaf *mlswire.LeafNode, d *demands, s sending) error {
	if bool(s) && !r.policy.inside(leaf.Lifetime, s) {
		return ErrLifetime
	}
	return d.metBy(&leaf.Capabilities)
}

// change notes what becomes of member at: leaf is nil for a Remove. No list may
// hold two changes of one leaf, RFC 9420, Section 12.2.
func (p *plan) change(at tree.LeafIndex, leaf *mlswire.LeafNode) error {
	if _, twice := p.changed[at]; twice {
		return ErrSameLeaf
	}
	if p.changed == nil {
		p.changed = make(map[tree.LeafIndex]*mlswire.LeafNode)
	}
	p.changed[at] = leaf
	p.PathRequired = true
	return nil
}

// removes reports whether the plan removes member i.
func (p *plan) removes(i tree.LeafIndex) bool {
	leaf, changed := p.changed[i]
	return changed && leaf == nil
}

// distinctPSKs is RFC 9420, Section 12.2: no PreSharedKeyID twice.
func (p *plan) distinctPSKs() error {
	if hasDuplicatePSK(p.PSKs) {
		return ErrDuplicatePSK
	}
	return nil
}

func hasDuplicatePSK(list []mlswire.PreSharedKeyID) bool {
	seen := make(map[string]bool, len(list))
	for i := range list {
		id := string(mlswire.Marshal(&list[i]))
		if seen[id] {
			return true
		}
		seen[id] = true
	}
	return false
}

// externalPlan checks the proposals of an external commit, RFC 9420, Sections
// 12.2 and 12.4.3.2.
func (r *rules) externalPlan(list []mlswire.ProposalOrRef) (*plan, error) {
	p := &plan{Extensions: r.context.Extensions, PathRequired: true, external: true}
	for _, item := range list {
		if item.Proposal == nil {
			return nil, ErrExternalCommitReference
		}
		switch v := item.Proposal.(type) {
		case *mlswire.ExternalInit:
			if p.ExternalInit != nil {
				return nil, ErrExternalCommitInit
			}
			p.ExternalInit = v
		case *mlswire.Remove:
			if len(p.Removes) != 0 {
				return nil, ErrExternalCommitRemove
			}
			if err := r.remove(v); err != nil {
				return nil, err
			}
			at := tree.LeafIndex(v.Removed)
			p.Removes, p.changed = []tree.LeafIndex{at}, map[tree.LeafIndex]*mlswire.LeafNode{at: nil}
		case *mlswire.PreSharedKey:
			if err := r.preSharedKey(v, forOrdinary); err != nil {
				return nil, err
			}
			p.PSKs = append(p.PSKs, v.PSK)
		default:
			return nil, ErrExternalCommitProposal
		}
	}
	if p.ExternalInit == nil {
		return nil, ErrExternalCommitInit
	}
	return p, p.distinctPSKs()
}
