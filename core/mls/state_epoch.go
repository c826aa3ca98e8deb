package mls

import (
	"bytes"

	"conclave/core/mls/internal/schedule"
	"conclave/core/mls/internal/secrettree"
	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// maxPrivateKey bounds an encoded private key, in bytes. Those of the suites
// have at most 66.
const maxPrivateKey = 1 << 12

// encode appends the public part of an epoch but for its tree. Not stored is
// what follows from the rest: tree hash, confirmation tag and interim transcript
// hash.
//
//	opaque context<V>           a GroupContext with an empty tree hash
//	opaque reInit<V>            the Proposal that ended the group, or empty
func (e *epoch) encode(w *tlsenc.Writer) {
	context := e.context
	context.TreeHash = nil
	w.Nested(context.Encode)
	w.Nested(func(w *tlsenc.Writer) {
		if e.reInit != nil {
			e.reInit.Encode(w)
		}
	})
}

// epoch reads what epoch.encode wrote.
func (d *restorer) epoch() (*epoch, error) {
	context, err := mlswire.ParseGroupContext(d.opaque())
	if err != nil {
		return nil, err
	}
	if len(context.TreeHash) != 0 || context.CipherSuite != d.suite.ID() {
		return nil, ErrSnapshot
	}
	e := &epoch{suite: d.suite, context: *context}
	if b := d.opaque(); len(b) > 0 {
		p, err := mlswire.ParseProposal(b)
		if err != nil {
			return nil, err
		}
		var ok bool
		if e.reInit, ok = p.(*mlswire.ReInit); !ok {
			return nil, ErrSnapshot
		}
	}
	return e, d.Err()
}

// epochTree reads the tree of an epoch.
func (d *restorer) epochTree(e *epoch) error {
	nodes, err := mlswire.ParseRatchetTree(d.opaque())
	if err != nil {
		return err
	}
	t, err := tree.FromNodes(d.suite, nodes)
	if err != nil {
		return err
	}
	e.setTree(t)
	return nil
}

// setTree completes the context with the tree's hash.
func (e *epoch) setTree(t *tree.Tree) {
	e.tree = t
	e.context.TreeHash = t.Hash()
	e.encoded = mlswire.Marshal(&e.context)
}

// encodeSecrets appends the member's own part of an epoch but for the keys of
// the tree.
//
//	opaque signing_key<V>
//	opaque secrets[8*Nh]
func (e *epoch) encodeSecrets(w *tlsenc.Writer) {
	encodeSigningKey(w, e.signer)
	e.secrets.Encode(w)
}

// own reads the member's own part of an epoch, whose tree is there. The keys of
// the tree are read if private is nil.
func (d *restorer) own(e *epoch, private *tree.Private) error {
	var err error
	if private == nil {
		if private, err = tree.DecodePrivate(&d.Reader, e.tree); err != nil {
			return err
		}
	}
	e.private = private
	if e.signer, err = d.signingKey(); err != nil {
		return err
	}
	leaf := e.leaf()
	if leaf == nil || !bytes.Equal(leaf.SignatureKey, e.signer.Public()) {
		return ErrSnapshot
	}
	if e.secrets, err = schedule.Decode(d.suite, &d.Reader); err != nil {
		return err
	}
	e.confirm(e.secrets.ConfirmationTag(e.context.ConfirmedTranscriptHash))
	return nil
}

// encodeSigningKey appends a signing key.
func encodeSigningKey(w *tlsenc.Writer, k *suite.SigningKey) {
	private := k.Private() // a copy
	defer private.Erase()
	w.Vector(private.Expose())
}

// signingKey reads a signing key.
func (d *restorer) signingKey() (*suite.SigningKey, error) {
	private := secret.New(d.Vector(maxPrivateKey))
	defer private.Erase()
	if err := d.Err(); err != nil {
		return nil, err
	}
	return d.suite.NewSigningKey(private)
}

// secretTree reads message keys.
func (d *restorer) secretTree() (*secrettree.Tree, error) {
	limits := secrettree.Limits{Forward: d.client.config.Forward, Window: d.client.config.Window}
	return secrettree.Decode(d.suite, &d.Reader, limits)
}

// opaque reads a vector that aliases the snapshot.
func (d *restorer) opaque() []byte { return d.Vector(tlsenc.MaxVector) }

// bytes reads a vector and copies it.
func (d *restorer) bytes() []byte { return bytes.Clone(d.opaque()) }

// noSecrets returns erased secrets of an epoch.
func noSecrets() *schedule.Epoch { return new(schedule.Epoch) }
