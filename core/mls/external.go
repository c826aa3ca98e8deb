package mls

import (
	"bytes"
	"math"

	"conclave/core/mls/internal/framing"
	"conclave/core/mls/internal/schedule"
	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
)

// ExternalOptions are what an external commit may hold.
type ExternalOptions struct {
	// RatchetTree is the tree if it is not in the GroupInfo.
	RatchetTree []byte
	// Resync removes this client's old leaf: the one with its signature key
	// or, failing that, the only one with its credential.
	Resync bool
	// PSK are ids of external pre-shared keys to mix in.
	PSK [][]byte
	// AuthenticatedData travels with the commit.
	AuthenticatedData []byte
	// GroupInfo asks for a GroupInfo of the new epoch.
	GroupInfo bool
}

// JoinExternal joins a group by a commit of the client's own, RFC 9420, Section
// 12.4.3.2. groupInfo is an MLSMessage that a member made with
// [Group.GroupInfo]. The commit goes to the group; the returned group is in the
// epoch that it begins, and must be thrown away if the delivery service does not
// accept the commit. The errors are [ErrNoTree], [ErrNoOldLeaf], [ErrUnknownPSK]
// and the rules that the GroupInfo breaks.
func (c *Client) JoinExternal(groupInfo []byte, o ExternalOptions) (*Group, *Commit, error) {
	m, err := mlswire.ParseMessage(groupInfo)
	if err != nil {
		return nil, nil, doing("mls: parsing a GroupInfo", err)
	}
	if m.GroupInfo == nil {
		return nil, nil, ErrNotGroupMessage
	}
	j := joining{client: c, suite: c.suite, options: JoinOptions{RatchetTree: o.RatchetTree}, info: m.GroupInfo}
	if err := j.known(&o); err != nil {
		return nil, nil, err
	}
	t, refs, err := j.begin(&o)
	if err != nil {
		return nil, nil, err
	}
	return j.commit(t, refs, &o)
}

// known validates the GroupInfo. A client that replaces its old leaf knows the
// group.
func (j *joining) known(o *ExternalOptions) error {
	if j.info.GroupContext.CipherSuite != j.suite.ID() {
		return ErrWelcomeSuite
	}
	return j.check(o.Resync)
}

// begin makes the proposals of an external commit and applies them.
func (j *joining) begin(o *ExternalOptions) (*transition, []mlswire.ProposalOrRef, error) {
	context := &j.info.GroupContext
	r := j.client.rules(context, j.tree)
	pub, err := r.externalPub(j.info)
	if err != nil {
		return nil, nil, err
	}
	kemOutput, initSecret, err := schedule.ExternalInit(j.suite, pub)
	if err != nil {
		return nil, nil, doing("mls: making an ExternalInit", err)
	}
	refs := []mlswire.ProposalOrRef{{Proposal: &mlswire.ExternalInit{KEMOutput: kemOutput}}}
	if o.Resync {
		old, ok := j.client.oldLeaf(j.tree)
		if !ok {
			return nil, nil, ErrNoOldLeaf
		}
		refs = append(refs, mlswire.ProposalOrRef{Proposal: &mlswire.Remove{Removed: uint32(old)}})
	}
	// The epoch as somebody outside knows it.
	e := &epoch{suite: j.suite, context: *context, encoded: mlswire.Marshal(context), tree: j.tree}
	e.confirm(j.info.ConfirmationTag)
	for _, id := range o.PSK {
		refs = append(refs, mlswire.ProposalOrRef{Proposal: &mlswire.PreSharedKey{PSK: e.externalPSK(id)}})
	}
	p, err := r.externalPlan(refs)
	if err != nil {
		return nil, nil, err
	}
	t := &transition{from: e, plan: p, context: *context, signer: j.client.signer, initSecret: initSecret}
	if context.Epoch == math.MaxUint64 {
		return nil, nil, ErrEpochLimit
	}
	t.context.Epoch++
	if t.psks, err = lookup(p.PSKs, j.client.psk); err != nil {
		return nil, nil, err
	}
	if t.tree, _, err = e.tree.Apply(tree.Changes{Removes: p.Removes}); err != nil {
		return nil, nil, doing("mls: applying proposals", err)
	}
	return t, refs, nil
}

// oldLeaf finds this client's leaf in a group that it joins again.
func (c *Client) oldLeaf(t *tree.Tree) (LeafIndex, bool) {
	var same LeafIndex
	var found int
	for i, leaf := range t.Members() {
		if bytes.Equal(leaf.SignatureKey, c.signer.Public()) {
			return i, true
		}
		if sameCredential(&leaf.Credential, &c.leaf.credential) {
			same = i
			found++
		}
	}
	// Several with one credential are devices of one user: which of them this
	// client was, nothing says.
	return same, found == 1
}

// commit makes the external commit and the group as it is after it.
func (j *joining) commit(t *transition, refs []mlswire.ProposalOrRef, o *ExternalOptions) (_ *Group, _ *Commit, err error) {
	c := j.client
	defer func() {
		if err != nil {
			t.erase()
		}
	}()
	path, update, err := t.newPath(t.tree.Vacant(), c.leafNode())
	if err != nil {
		return nil, nil, err
	}
	path.Erase()
	r := c.rules(&t.from.context, t.from.tree)
	if err := r.path(t.plan, update, path.Private.Self()); err != nil {
		return nil, nil, err
	}
	content := mlswire.FramedContent{
		GroupID: t.from.context.GroupID, Epoch: t.from.context.Epoch,
		Sender:            mlswire.Sender{Type: mlswire.SenderTypeNewMemberCommit},
		AuthenticatedData: o.AuthenticatedData,
		ContentType:       mlswire.ContentTypeCommit,
		Commit:            &mlswire.Commit{Proposals: refs, Path: update},
	}
	signed, err := framing.Sign(c.suite, c.signer, content, mlswire.WireFormatPublicMessage, t.from.encoded)
	if err != nil {
		return nil, nil, doing("mls: signing a commit", err)
	}
	next, joiner, member, err := t.finish(signed)
	if err != nil {
		return nil, nil, err
	}
	joiner.Erase()
	member.Erase()
	signed.Auth.ConfirmationTag = next.secrets.ConfirmationTag(next.context.ConfirmedTranscriptHash)
	next.confirm(signed.Auth.ConfirmationTag)
	public, err := framing.SealPublic(c.suite, secret.Value{}, signed, t.from.encoded)
	if err != nil {
		return nil, nil, doing("mls: protecting a commit", err)
	}
	m := mlswire.Message{Version: mlswire.MLS10, WireFormat: mlswire.WireFormatPublicMessage, PublicMessage: public}
	out := &Commit{Message: m.Marshal()}
	if o.GroupInfo {
		if out.GroupInfo, err = next.publicGroupInfo(true, nil); err != nil {
			return nil, nil, err
		}
	}
	return c.newGroup(next), out, nil
}
