package mls

import (
	"conclave/core/mlswire"
)

// receiveCommit stages a commit. If it came in a PrivateMessage, the key of that
// generation is consumed only when the commit is merged: one that is staged and
// forgotten, by a restart or on purpose, can be processed again.
func (g *Group) receiveCommit(a *mlswire.AuthenticatedContent, generation *uint32) (Received, error) {
	s, err := g.stage(a)
	if err != nil {
		return nil, err
	}
	s.generation = generation
	return s, nil
}

// stage validates a commit whose signature is verified, and derives the epoch
// that it begins, RFC 9420, Section 12.4.2. It changes nothing.
func (g *Group) stage(a *mlswire.AuthenticatedContent) (*StagedCommit, error) {
	commit, r := a.Content.Commit, g.rules()
	c, err := g.cover(commit, a.Content.Sender)
	if err != nil {
		return nil, err
	}
	external := a.Content.Sender.Type == mlswire.SenderTypeNewMemberCommit
	var p *plan
	if external {
		p, err = r.externalPlan(commit.Proposals)
	} else {
		p, err = r.plan(c.list, LeafIndex(a.Content.Sender.Index), forOrdinary, false)
	}
	if err != nil {
		return nil, err
	}
	t, err := g.begin(p, c.update)
	if err != nil {
		return nil, err
	}
	from := LeafIndex(a.Content.Sender.Index)
	if external {
		// RFC 9420, Section 12.4.2: the leftmost blank leaf.
		from = t.tree.Vacant()
	}
	if err := r.path(p, commit.Path, from); err != nil {
		t.erase()
		return nil, err
	}
	if commit.Path != nil {
		if err := t.take(from, commit.Path); err != nil {
			t.erase()
			return nil, err
		}
	}
	s := &StagedCommit{
		base: g.current, sender: a.Content.Sender, committer: from, added: t.added,
		proposals: c.proposed, authenticatedData: a.Content.AuthenticatedData, reInit: p.ReInit, hasPath: commit.Path != nil,
	}
	if t.private == nil {
		return s, nil
	}
	if err := g.enter(s, t, a); err != nil {
		t.erase()
		return nil, err
	}
	return s, nil
}

// enter derives the secrets of a new epoch and checks the confirmation tag.
func (g *Group) enter(s *StagedCommit, t *transition, a *mlswire.AuthenticatedContent) error {
	next, joiner, member, err := t.finish(a)
	if err != nil {
		return err
	}
	joiner.Erase()
	member.Erase()
	if !next.secrets.VerifyConfirmationTag(next.context.ConfirmedTranscriptHash, a.Auth.ConfirmationTag) {
		next.secrets.Erase()
		return ErrConfirmationTag
	}
	next.confirm(a.Auth.ConfirmationTag)
	s.next, s.messages = next, g.client.secretTree(next)
	return nil
}

// A covered is what a commit covers.
type covered struct {
	list     []sentProposal
	proposed []Proposed
	update   *ownUpdate // this member's own, if it is among them
}

// cover looks up the proposals of a commit, RFC 9420, Section 12.4: those by
// value are the committer's.
func (g *Group) cover(commit *mlswire.Commit, from mlswire.Sender) (covered, error) {
	var c covered
	find := g.finder(len(commit.Proposals))
	for _, item := range commit.Proposals {
		if item.Proposal != nil {
			c.list = append(c.list, sentProposal{Proposal: item.Proposal, Sender: from})
			c.proposed = append(c.proposed, Proposed{Sender: from, Proposal: item.Proposal})
			continue
		}
		p := find(item.Reference)
		if p == nil {
			return c, ErrUnknownProposal
		}
		c.list = append(c.list, p.sentProposal)
		c.proposed = append(c.proposed, p.proposed())
		if p.update != nil {
			c.update = p.update
		}
	}
	return c, nil
}
