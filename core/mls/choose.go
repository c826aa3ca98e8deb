package mls

import (
	"slices"

	"conclave/core/mlswire"
)

// maxTries bounds how often a commit is tried with other proposals. Members who
// send proposals that go with no others can make a commit leave out more than
// it would have to, but not take long.
const maxTries = 64

// A chooser finds the proposals that a commit can take in.
type chooser struct {
	group *Group
	why   purpose
	base  *composed // the proposals by value, which it must
	tries int

	// The best so far, and the waiting proposals that it has taken.
	composed   *composed
	transition *transition
	taken      []*proposal
}

// choose puts the proposals of a commit together: those by value and, of those
// that wait, the ones that go with them. Somebody's proposals may go with no
// others, which must not keep a member from committing: then they are left out.
func (g *Group) choose(inline []mlswire.Proposal, o *CommitOptions) (*composed, *transition, error) {
	c := chooser{group: g, why: forOrdinary, base: new(composed), tries: maxTries}
	if o.successor != nil {
		c.why = o.successor.why
	}
	self := g.current.sender()
	for _, p := range inline {
		c.base.add(sentProposal{Proposal: p, Sender: self}, Proposed{Sender: self, Proposal: p})
	}
	var waiting []*proposal
	if !o.WithoutPending {
		waiting = compatible(inline, g.available(), g.current.self())
	}
	err := c.try(waiting)
	if err == nil || len(waiting) == 0 {
		return c.composed, c.transition, err
	}
	if err := c.try(nil); err != nil {
		return nil, nil, err
	}
	for i := range c.base.list {
		c.base.list[i].Checked = true // whatever waits with them, their signatures stay valid
	}
	half := len(waiting) / 2
	c.take(waiting[:half])
	c.take(waiting[half:])
	return c.composed, c.transition, nil
}

// take adds as many of list to what is taken as go with it: all, or what can be
// taken of each half.
func (c *chooser) take(list []*proposal) {
	if len(list) == 0 || c.tries == 0 {
		return
	}
	if c.try(list) == nil || len(list) == 1 {
		return
	}
	half := len(list) / 2
	c.take(list[:half])
	c.take(list[half:])
}

// try takes more proposals if a commit of all of them is valid.
func (c *chooser) try(more []*proposal) error {
	c.tries--
	all := append(slices.Clip(c.taken), more...)
	next := &composed{
		covered: covered{list: slices.Clone(c.base.list), proposed: slices.Clone(c.base.proposed)},
		refs:    slices.Clone(c.base.refs),
	}
	for _, p := range all {
		next.add(p.sentProposal, p.proposed())
	}
	p, err := c.group.rules().plan(next.list, c.group.current.self(), c.why, true)
	if err != nil {
		return err
	}
	t, err := c.group.begin(p, nil)
	if err != nil {
		return err
	}
	c.composed, c.transition, c.taken = next, t, all
	return nil
}

// available returns the proposals that wait, but for those of pre-shared keys
// that are not known here: others may commit them.
func (g *Group) available() []*proposal {
	list := make([]*proposal, 0, len(g.proposals))
	for _, p := range g.proposals {
		if k, ok := p.Proposal.(*mlswire.PreSharedKey); ok {
			if _, known := g.psk(&k.PSK); !known {
				continue
			}
		}
		list = append(list, p)
	}
	return list
}
