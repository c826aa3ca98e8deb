package mls

import (
	"bytes"
	"math"

	"conclave/core/mls/internal/schedule"
	"conclave/core/mls/internal/secrettree"
	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// A transition is the way from an epoch to the next: the same for who sends a
// commit and who receives it, RFC 9420, Sections 12.4.1 and 12.4.2.
//
//	begin        the proposals are applied                 Section 12.3
//	(path)       sender or receiver applies the path       Section 7.5
//	finish       transcript hash and key schedule          Section 8
type transition struct {
	from *epoch
	plan *plan
	// context is that of the new epoch, first the provisional one: with the
	// old confirmed transcript hash.
	context mlswire.GroupContext
	tree    *tree.Tree
	added   []LeafIndex
	// private and signer are the member's own in the new epoch; private is nil
	// when it is removed.
	private *tree.Private
	signer  *suite.SigningKey

	psks         []schedule.PSK
	initSecret   secret.Value
	commitSecret secret.Value
}

// begin applies a valid list of proposals, RFC 9420, Section 12.3. update is
// this member's own Update if the commit takes one in.
func (g *Group) begin(p *plan, update *ownUpdate) (*transition, error) {
	e := g.current
	if e.context.Epoch == math.MaxUint64 {
		return nil, ErrEpochLimit
	}
	t := &transition{from: e, plan: p, context: e.context, signer: e.signer}
	t.context.Epoch++
	t.context.Extensions = p.Extensions
	if err := t.apply(update); err != nil {
		return nil, err
	}
	if t.private == nil {
		// Who is removed has no part in the new epoch's secrets.
		return t, nil
	}
	var err error
	if t.psks, err = lookup(p.PSKs, g.psk); err != nil {
		return nil, err
	}
	t.initSecret = e.secrets.Init
	if p.ExternalInit != nil {
		if t.initSecret, err = e.secrets.OpenExternalInit(p.ExternalInit.KEMOutput); err != nil {
			return nil, doing("mls: opening an ExternalInit", err)
		}
	}
	t.commitSecret = schedule.Zero(e.suite)
	return t, nil
}

// apply applies Updates, Removes and Adds to the tree, and to the member's own
// private keys.
func (t *transition) apply(update *ownUpdate) error {
	e := t.from
	changes := tree.Changes{Removes: t.plan.Removes}
	changed := make([]LeafIndex, 0, len(t.plan.Updates)+len(t.plan.Adds))
	for _, u := range t.plan.Updates {
		changes.Updates = append(changes.Updates, tree.Update(u))
		changed = append(changed, u.Leaf)
	}
	for _, k := range t.plan.Adds {
		changes.Adds = append(changes.Adds, &k.LeafNode)
	}
	var err error
	if t.tree, t.added, err = e.tree.Apply(changes); err != nil {
		return doing("mls: applying proposals", err)
	}
	// RFC 9420, Section 7.3: keys are unique.
	if err := t.tree.CheckUnique(append(changed, t.added...)); err != nil {
		return doing("mls: applying proposals", err)
	}
	switch {
	case t.plan.removes(e.self()):
	case update != nil:
		t.private, t.signer = tree.NewPrivate(e.self(), update.keys()), update.signer
	default:
		if t.private, err = e.private.Match(t.tree); err != nil {
			return doing("mls: applying proposals", err)
		}
	}
	t.context.TreeHash = t.tree.Hash()
	return nil
}

// take receives the path of a commit, RFC 9420, Section 12.4.2.
func (t *transition) take(from LeafIndex, path *mlswire.UpdatePath) error {
	var err error
	if t.tree, err = t.tree.ApplyPath(from, path); err != nil {
		return doing("mls: applying a path", err)
	}
	t.context.TreeHash = t.tree.Hash()
	if t.private == nil {
		return nil
	}
	provisional := mlswire.Marshal(&t.context)
	private, commitSecret, err := t.tree.OpenPath(t.private, from, path, provisional, t.added)
	if err != nil {
		return doing("mls: decrypting a path", err)
	}
	t.private, t.commitSecret = private, commitSecret
	return nil
}

// finish derives the new epoch from the signed commit, which needs no
// confirmation tag yet. member is for Welcomes; the caller erases it.
func (t *transition) finish(commit *mlswire.AuthenticatedContent) (next *epoch, joiner secret.Value, member schedule.Member, err error) {
	s := t.from.suite
	psk, err := schedule.PSKSecret(s, t.psks)
	if err != nil {
		return nil, joiner, member, doing("mls: combining pre-shared keys", err)
	}
	defer psk.Erase()
	t.context.ConfirmedTranscriptHash = schedule.ConfirmedTranscriptHash(s, t.from.interim, commit)
	encoded := mlswire.Marshal(&t.context)
	joiner = schedule.Joiner(s, t.initSecret, t.commitSecret, encoded)
	t.commitSecret.Erase()
	if t.plan.ExternalInit != nil {
		t.initSecret.Erase()
	}
	member = schedule.NewMember(s, joiner, psk)
	return &epoch{
		suite: s, context: t.context, encoded: encoded, tree: t.tree, reInit: t.plan.ReInit,
		private: t.private, signer: t.signer, secrets: member.Epoch(encoded),
	}, joiner, member, nil
}

// erase overwrites the secrets of a transition that does not come to be, and
// leaves those that it shares with the epoch before.
func (t *transition) erase() {
	t.commitSecret.Erase()
	if t.plan.ExternalInit != nil {
		t.initSecret.Erase()
	}
	if t.private != nil {
		t.private.Erase(t.from.private)
	}
}

// confirm sets the confirmation tag, from which the next transcript hash follows.
func (e *epoch) confirm(tag []byte) {
	e.confirmationTag = tag
	e.interim = schedule.InterimTranscriptHash(e.suite, e.context.ConfirmedTranscriptHash, tag)
}

// lookup returns the pre-shared keys of a list, RFC 9420, Section 8.4.
func lookup(ids []mlswire.PreSharedKeyID, find func(*mlswire.PreSharedKeyID) (secret.Value, bool)) ([]schedule.PSK, error) {
	list := make([]schedule.PSK, 0, len(ids))
	for _, id := range ids {
		v, ok := find(&id)
		if !ok {
			return nil, ErrUnknownPSK
		}
		list = append(list, schedule.PSK{ID: id, Secret: v})
	}
	return list, nil
}

// psk looks up a pre-shared key that a commit names.
func (g *Group) psk(id *mlswire.PreSharedKeyID) (secret.Value, bool) {
	if v, ok := g.resumption(id); ok {
		return v, true
	}
	if v, ok := g.origin.resumption(id); ok {
		return v, true
	}
	return g.client.psk(id)
}

// resumption returns the resumption secret of an epoch of the group that is
// remembered, RFC 9420, Section 8.6.
func (g *Group) resumption(id *mlswire.PreSharedKeyID) (secret.Value, bool) {
	if g == nil || g.removed || id.Type != mlswire.PSKTypeResumption || !bytes.Equal(id.GroupID, g.current.context.GroupID) {
		return secret.Value{}, false
	}
	if id.Epoch == g.current.context.Epoch {
		return g.current.secrets.Resumption, true
	}
	for _, p := range g.past {
		if p.number == id.Epoch {
			return p.secrets.Resumption, true
		}
	}
	return secret.Value{}, false
}

// psk asks the application for a pre-shared key.
func (c *Client) psk(id *mlswire.PreSharedKeyID) (secret.Value, bool) {
	switch {
	case id.Type == mlswire.PSKTypeExternal && c.config.PSK != nil:
		return c.config.PSK(id.PSKID)
	case id.Type == mlswire.PSKTypeResumption && c.config.ResumptionPSK != nil:
		return c.config.ResumptionPSK(id.GroupID, id.Epoch)
	}
	return secret.Value{}, false
}

// secretTree returns the message keys of an epoch, RFC 9420, Section 9. They
// take over the encryption secret.
func (c *Client) secretTree(e *epoch) *secrettree.Tree {
	limits := secrettree.Limits{Forward: c.config.Forward, Window: c.config.Window}
	return secrettree.New(e.suite, e.secrets.Encryption, e.tree.Width(), limits)
}

// newPath makes the path of an own commit: new keys for the leaf from and the
// nodes above it, RFC 9420, Section 12.4.1. leaf is the new leaf without its keys
// and signature. The caller erases the path.
func (t *transition) newPath(from LeafIndex, leaf mlswire.LeafNode) (*tree.Path, *mlswire.UpdatePath, error) {
	path, err := t.tree.NewPath(from, func(encryptionKey, parentHash []byte) (*mlswire.LeafNode, error) {
		leaf.EncryptionKey, leaf.ParentHash = encryptionKey, parentHash
		leaf.Source, leaf.SignatureKey = mlswire.LeafNodeSourceCommit, t.signer.Public()
		err := signLeaf(t.from.suite, t.signer, &leaf, t.context.GroupID, uint32(from))
		return &leaf, err
	})
	if err != nil {
		return nil, nil, doing("mls: making a path", err)
	}
	t.tree, t.private, t.commitSecret = path.Tree, path.Private, path.CommitSecret
	t.context.TreeHash = t.tree.Hash()
	update, err := path.Encrypt(mlswire.Marshal(&t.context), t.added)
	if err != nil {
		path.Erase()
		return nil, nil, doing("mls: encrypting a path", err)
	}
	return path, update, nil
}
