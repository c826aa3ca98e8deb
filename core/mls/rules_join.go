package mls

import (
	"bytes"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// groupInfo checks a GroupInfo and the ratchet tree t that came with it, RFC
// 9420, Section 12.4.3.1: everything that a joiner can check before it has the
// keys of the epoch. r has the context of the GroupInfo and the tree t. own are
// the capabilities of the joiner without GREASE; known is [Config].KnownGroup.
func (r *rules) groupInfo(info *mlswire.GroupInfo, own *mlswire.Capabilities, known func([]byte) bool) error {
	context := &info.GroupContext
	if context.Version != mlswire.MLS10 || context.CipherSuite != r.suite.ID() {
		return ErrGroupInfoVersion
	}
	if known != nil && known(context.GroupID) {
		return ErrKnownGroup
	}
	if err := extensionsAt(inGroupInfo, info.Extensions); err != nil {
		return err
	}
	if !bytes.Equal(r.tree.Hash(), context.TreeHash) {
		return ErrTreeHash
	}
	signer := r.tree.Leaf(tree.LeafIndex(info.Signer))
	if signer == nil {
		return ErrGroupInfoSigner
	}
	if r.suite.VerifyWithLabel(signer.SignatureKey, "GroupInfoTBS", info.TBS(), info.Signature) != nil {
		return ErrGroupInfoSignature
	}
	// A client must support every extension of the GroupContext, Section 13.4.
	d, err := demandsOf(context, context.Extensions)
	if err != nil {
		return err
	}
	if err := d.metBy(withoutGREASE(own)); err != nil {
		return err
	}
	if err := r.groupExtensions(context.Extensions, nil); err != nil {
		return err
	}
	if err := r.tree.CheckParentHashes(); err != nil {
		return doing("mls: ratchet tree", err)
	}
	return r.members(d)
}

// members validates every leaf of a tree, RFC 9420, Sections 7.3 and 12.4.3.1.
// That keys are unique, the tree has checked when it was read.
func (r *rules) members(d *demands) error {
	checks := make([]suite.Check, 0, r.tree.MemberCount())
	var types []mlswire.CredentialType
	for i, leaf := range r.tree.Members() {
		if err := r.leaf(leafCase{leaf: leaf, demands: d}); err != nil {
			return err
		}
		checks = append(checks, r.leafSignature(leaf, i))
		types = include(types, leaf.Credential.Type)
	}
	for _, leaf := range r.tree.Members() {
		if !supportsAll(&leaf.Capabilities, types) {
			return ErrCredentialSupport
		}
	}
	if err := r.verify(ErrLeafSignature, checks); err != nil {
		return err
	}
	for _, leaf := range r.tree.Members() {
		if err := r.succeed(leaf, nil); err != nil {
			return err
		}
	}
	return nil
}

// ownLeaf returns where in the tree the leaf of a KeyPackage is, RFC 9420,
// Section 12.4.3.1: identical to it, not only with the same key.
func (r *rules) ownLeaf(k *mlswire.KeyPackage) (tree.LeafIndex, error) {
	i, ok := r.tree.FindLeaf(k.LeafNode.EncryptionKey)
	if !ok || !bytes.Equal(mlswire.Marshal(r.tree.Leaf(i)), mlswire.Marshal(&k.LeafNode)) {
		return 0, ErrNotInTree
	}
	return i, nil
}

// welcomePSKs checks the PSKs of a GroupSecrets, RFC 9420, Section 12.4.3.1,
// and returns what the new group is for: a resumption PSK with usage reinit or
// branch must be the only one of these.
func (r *rules) welcomePSKs(list []mlswire.PreSharedKeyID) (purpose, error) {
	why := forOrdinary
	for i := range list {
		k := &list[i]
		if k.Type == mlswire.PSKTypeResumption && k.Usage != mlswire.ResumptionPSKUsageApplication {
			if why != forOrdinary {
				return 0, ErrPSKUsage
			}
			why = k.Usage
		}
		if err := judge(r, pskRules, pskCase{k, why}); err != nil {
			return 0, err
		}
	}
	if hasDuplicatePSK(list) {
		return 0, ErrDuplicatePSK
	}
	return why, nil
}
