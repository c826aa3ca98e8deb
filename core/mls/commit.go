package mls

import (
	"conclave/core/mls/internal/framing"
	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
)

// CommitOptions say what a commit changes. The zero value commits the proposals
// that wait, and without any renews this member's keys.
type CommitOptions struct {
	// Add are KeyPackages, as MLSMessages, of clients to add.
	Add [][]byte
	// Remove are members to remove; not this one itself.
	Remove []LeafIndex
	// PSK are ids of external pre-shared keys to mix in, see Config.PSK.
	PSK [][]byte
	// ResumptionPSK are epochs of this group whose resumption secrets to mix in.
	ResumptionPSK []uint64
	// Extensions, unless nil, replace all extensions of the GroupContext.
	Extensions *mlswire.Extensions
	// ReInit ends the group, RFC 9420, Section 11.2. It stands alone.
	ReInit *mlswire.ReInit

	// WithoutPending leaves out the proposals that wait. They are forgotten
	// when the commit is merged.
	WithoutPending bool
	// ForcePath renews this member's keys although the proposals do not
	// require it, RFC 9420, Section 12.4.
	ForcePath bool
	// Leaf changes more than the encryption key of this member's leaf. It
	// forces a path.
	Leaf LeafChange

	// Public signs the commit without encrypting it, RFC 9420, Section 6.2.
	Public bool
	// AuthenticatedData travels unencrypted with the commit.
	AuthenticatedData []byte

	// WithoutTree leaves the ratchet tree out of Welcome and GroupInfo; those
	// who join then need it beside them, see [Group.RatchetTree].
	WithoutTree bool
	// WelcomePerJoiner makes one Welcome for each who joins instead of one for
	// all.
	WelcomePerJoiner bool
	// GroupInfo asks for a GroupInfo of the new epoch by which others can join
	// without being added, RFC 9420, Section 12.4.3.2.
	GroupInfo bool
	// GroupInfoExtensions are put into the Welcome's GroupInfo, and the other.
	GroupInfoExtensions mlswire.Extensions

	// successor is set for the commit that fills a new group after a ReInit or
	// as a branch.
	successor *successor
}

// A successor is what links a new group to the one that it follows, RFC 9420,
// Sections 11.2 and 11.3.
type successor struct {
	why purpose
	psk mlswire.PreSharedKeyID
}

// A Commit is what goes out for a commit. It belongs to the caller.
type Commit struct {
	// Message goes to the group.
	Message []byte
	// Welcomes go to those who were added, and only once the delivery service
	// has accepted the message, RFC 9420, Section 14.
	Welcomes []Welcome
	// GroupInfo is set if it was asked for. It too is for after acceptance.
	GroupInfo []byte
}

// A Welcome lets clients join that a commit adds.
type Welcome struct {
	Message []byte
	// KeyPackages are the references of the KeyPackages that it is for.
	KeyPackages [][]byte
}

// Commit makes a commit of the proposals that wait and of those in o, RFC 9420,
// Section 12.4.1. It changes nothing but the keys for sending: the new epoch
// waits until [Group.MergeCommit], [Group.DiscardCommit], or the [Group.Merge] of
// another commit.
//
// Of proposals that exclude each other the ones in o are taken, then removals,
// then what arrived last; a waiting Update or Remove of this member itself has to
// be committed by others. Errors name the rule that the proposals in o break;
// [ErrPendingCommit] says that another commit waits.
//
// Store a [Group.Snapshot] before the message leaves: the secrets of the new
// epoch are nowhere else, and a group that has lost them cannot follow its own
// commit. The snapshot does not hold what Commit returns.
func (g *Group) Commit(o CommitOptions) (*Commit, error) {
	if err := g.active(); err != nil {
		return nil, err
	}
	if g.pending != nil {
		return nil, ErrPendingCommit
	}
	if g.handshakeFormat(o.Public) == mlswire.WireFormatPrivateMessage {
		if err := g.mayUse(mlswire.ContentTypeCommit); err != nil {
			return nil, err
		}
	}
	list, err := g.inline(&o)
	if err != nil {
		return nil, err
	}
	c, t, err := g.choose(list, &o)
	if err != nil {
		return nil, err
	}
	return g.commit(c, t, &o)
}

// inline returns the proposals by value of a commit.
func (g *Group) inline(o *CommitOptions) ([]mlswire.Proposal, error) {
	var list []mlswire.Proposal
	for _, b := range o.Add {
		k, err := parseKeyPackage(b)
		if err != nil {
			return nil, err
		}
		list = append(list, &mlswire.Add{KeyPackage: *k})
	}
	for _, i := range o.Remove {
		list = append(list, &mlswire.Remove{Removed: uint32(i)})
	}
	for _, id := range o.PSK {
		list = append(list, &mlswire.PreSharedKey{PSK: g.current.externalPSK(id)})
	}
	for _, number := range o.ResumptionPSK {
		list = append(list, &mlswire.PreSharedKey{PSK: g.current.resumptionPSK(number)})
	}
	if o.successor != nil {
		list = append(list, &mlswire.PreSharedKey{PSK: o.successor.psk})
	}
	if o.Extensions != nil {
		list = append(list, &mlswire.GroupContextExtensions{Extensions: cloneExtensions(*o.Extensions)})
	}
	if o.ReInit != nil {
		list = append(list, cloneReInit(o.ReInit))
	}
	return list, nil
}

// A composed commit is a list of proposals with what says it on the wire.
type composed struct {
	covered
	refs []mlswire.ProposalOrRef
}

func (c *composed) add(sent sentProposal, proposed Proposed) {
	c.list = append(c.list, sent)
	c.proposed = append(c.proposed, proposed)
	if len(proposed.Ref) > 0 {
		c.refs = append(c.refs, mlswire.ProposalOrRef{Reference: proposed.Ref})
	} else {
		c.refs = append(c.refs, mlswire.ProposalOrRef{Proposal: sent.Proposal})
	}
}

// commit makes the commit of a transition whose proposals are applied.
func (g *Group) commit(c *composed, t *transition, o *CommitOptions) (*Commit, error) {
	e := g.current
	path, update, err := g.renew(t, o)
	if err != nil {
		t.erase()
		return nil, err
	}
	if path != nil {
		defer path.Erase()
	}
	content := e.content(o.AuthenticatedData)
	content.ContentType = mlswire.ContentTypeCommit
	content.Commit = &mlswire.Commit{Proposals: c.refs, Path: update}
	signed, err := framing.Sign(e.suite, e.signer, content, g.handshakeFormat(o.Public), e.encoded)
	if err != nil {
		t.erase()
		return nil, doing("mls: signing a commit", err)
	}
	next, joiner, member, err := t.finish(signed)
	if err != nil {
		t.erase()
		return nil, err
	}
	defer joiner.Erase()
	defer member.Erase()
	signed.Auth.ConfirmationTag = next.secrets.ConfirmationTag(next.context.ConfirmedTranscriptHash)
	next.confirm(signed.Auth.ConfirmationTag)
	s := &StagedCommit{
		base: e, next: next, messages: g.client.secretTree(next),
		sender: content.Sender, committer: e.self(), added: t.added, proposals: c.proposed,
		authenticatedData: content.AuthenticatedData, reInit: t.plan.ReInit, hasPath: update != nil,
	}
	w := welcomer{transition: t, next: next, joiner: joiner, member: member, path: path, options: o}
	out, err := w.publish()
	if err == nil {
		out.Message, err = g.protect(signed) // last, because it consumes a key
	}
	if err != nil {
		s.discard()
		return nil, err
	}
	g.pending = s
	return out, nil
}

// renew makes the path of a commit if it has one, RFC 9420, Section 12.4.
func (g *Group) renew(t *transition, o *CommitOptions) (*tree.Path, *mlswire.UpdatePath, error) {
	change := o.Leaf != (LeafChange{})
	again := g.sealed == g.current && len(t.added) > 0
	if !t.plan.PathRequired && !o.ForcePath && !change && !again {
		return nil, nil, nil
	}
	leaf, signer := o.Leaf.apply(g.current)
	t.signer = signer
	path, update, err := t.newPath(g.current.self(), leaf)
	if err != nil {
		return nil, nil, err
	}
	if change {
		// A leaf that only gets a new encryption key is as good as the old one.
		if err := g.rules().path(t.plan, update, g.current.self()); err != nil {
			path.Erase()
			return nil, nil, err
		}
	}
	return path, update, nil
}
