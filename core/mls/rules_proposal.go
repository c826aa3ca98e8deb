package mls

import (
	"slices"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// proposal checks one proposal by itself, RFC 9420, Section 12.1: when it
// arrives, is about to be sent, or is part of a commit by value. What depends
// on the other proposals of a commit is left to plan.
func (r *rules) proposal(p sentProposal, s sending) error {
	switch v := p.Proposal.(type) {
	case *mlswire.Add:
		if p.Sender.Type == mlswire.SenderTypeNewMemberProposal {
			r = r.ofUninvited()
		}
		return r.add(v, s)
	case *mlswire.Update:
		return r.update(v, p.Sender, s)
	case *mlswire.Remove:
		return r.remove(v)
	case *mlswire.PreSharedKey:
		return r.preSharedKey(v, forOrdinary)
	case *mlswire.ReInit:
		return r.reInit(v)
	case *mlswire.GroupContextExtensions:
		if bool(s) && slices.ContainsFunc(v.Extensions, func(e mlswire.Extension) bool { return isGREASE(e.Type) }) {
			return ErrGroupExtension // Section 13.5; who receives it judges it like any other
		}
		return r.groupExtensions(v.Extensions, r.context.Extensions)
	default:
		// An ExternalInit belongs into an external commit, which has rules of
		// its own (Section 12.1.6); there are no other types.
		return ErrExternalInit
	}
}

// add is RFC 9420, Section 12.1.1. Whoever sends an Add also checks that the
// group as it is could take the client.
func (r *rules) add(v *mlswire.Add, s sending) error {
	var d *demands
	if s {
		var err error
		if d, err = demandsOf(r.context, r.context.Extensions); err != nil {
			return err
		}
	}
	return r.keyPackage(&v.KeyPackage, d, s)
}

// update is RFC 9420, Section 12.1.2.
func (r *rules) update(v *mlswire.Update, from mlswire.Sender, s sending) error {
	if from.Type != mlswire.SenderTypeMember {
		return ErrExternalProposal
	}
	at := tree.LeafIndex(from.Index) // a member: its signature was verified
	c := leafCase{leaf: &v.LeafNode, source: mlswire.LeafNodeSourceUpdate, old: r.tree.Leaf(at), sending: s}
	return r.replacement(c, at)
}

// replacement checks a leaf that takes the place of another, or of none, and is
// signed for index at: of an Update or of a commit.
func (r *rules) replacement(c leafCase, at tree.LeafIndex) error {
	if err := r.leaf(c); err != nil {
		return err
	}
	if err := r.verify(ErrLeafSignature, []suite.Check{r.leafSignature(c.leaf, at)}); err != nil {
		return err
	}
	return r.succeed(c.leaf, c.old)
}

// remove is RFC 9420, Section 12.1.3.
func (r *rules) remove(v *mlswire.Remove) error {
	if r.tree.Leaf(tree.LeafIndex(v.Removed)) == nil {
		return ErrRemoveBlank
	}
	return nil
}

// preSharedKey is RFC 9420, Section 12.1.4.
func (r *rules) preSharedKey(v *mlswire.PreSharedKey, why purpose) error {
	return judge(r, pskRules, pskCase{&v.PSK, why})
}

// A pskCase is a pre-shared key and what the commit is for that uses it.
type pskCase struct {
	*mlswire.PreSharedKeyID
	why purpose
}

// pskRules are the rules of RFC 9420, Sections 8.4 and 12.1.4.
var pskRules = []rule[pskCase]{
	{"8.4", ErrPSKType, func(_ *rules, k pskCase) bool {
		return k.Type == mlswire.PSKTypeExternal || k.Type == mlswire.PSKTypeResumption &&
			k.Usage >= mlswire.ResumptionPSKUsageApplication && k.Usage <= mlswire.ResumptionPSKUsageBranch
	}},
	{"12.1.4", ErrPSKUsage, func(_ *rules, k pskCase) bool {
		return k.Type != mlswire.PSKTypeResumption || k.Usage == mlswire.ResumptionPSKUsageApplication || k.Usage == k.why
	}},
	{"12.1.4", ErrPSKNonce, func(r *rules, k pskCase) bool {
		return len(k.PSKNonce) == r.suite.HashSize()
	}},
}

// reInit is RFC 9420, Section 12.1.5.
func (r *rules) reInit(v *mlswire.ReInit) error {
	if v.Version < r.context.Version {
		return ErrReInitVersion
	}
	return extensionsAt(inGroupContext, v.Extensions)
}
