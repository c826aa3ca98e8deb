package mls

import (
	"bytes"

	"conclave/core/mlswire"
	"conclave/core/suite"
)

// A keyPackageCase is a KeyPackage and what it is for.
type keyPackageCase struct {
	*mlswire.KeyPackage
	version mlswire.ProtocolVersion
	suite   mlswire.CipherSuite
}

// keyPackageRules are the rules of RFC 9420, Section 10.1 that look at the
// KeyPackage alone.
var keyPackageRules = []rule[keyPackageCase]{
	{"10.1", ErrKeyPackageVersion, func(_ *rules, k keyPackageCase) bool {
		return k.Version == k.version && k.CipherSuite == k.suite
	}},
	{"10", ErrInitKey, func(r *rules, k keyPackageCase) bool {
		return r.suite.CheckPublicKey(k.InitKey) == nil
	}},
	{"10.1", ErrInitKeyReused, func(_ *rules, k keyPackageCase) bool {
		return !bytes.Equal(k.InitKey, k.LeafNode.EncryptionKey)
	}},
}

// keyPackage checks a KeyPackage by RFC 9420, Section 10.1: one that was
// downloaded to be used, or that came in an Add. With d nil, whether the client
// meets the demands of the group is left to the commit that adds it.
func (r *rules) keyPackage(k *mlswire.KeyPackage, d *demands, s sending) error {
	if err := r.keyPackageParts(k, d, s); err != nil {
		return err
	}
	return r.keyPackageProofs([]*mlswire.KeyPackage{k})
}

// keyPackageParts checks everything but the signatures and the credential.
func (r *rules) keyPackageParts(k *mlswire.KeyPackage, d *demands, s sending) error {
	c := keyPackageCase{k, mlswire.MLS10, r.suite.ID()}
	if r.context != nil {
		c.version, c.suite = r.context.Version, r.context.CipherSuite
	}
	if err := judge(r, keyPackageRules, c); err != nil {
		return err
	}
	// Section 10 has KeyPackages list the types of their own extensions too,
	// and Section 13.5 lets GREASE be there unlisted: what is unknown is ignored.
	if err := extensionsAt(inKeyPackage, k.Extensions); err != nil {
		return err
	}
	return r.leaf(leafCase{leaf: &k.LeafNode, source: mlswire.LeafNodeSourceKeyPackage, demands: d, sending: s})
}

// keyPackageProofs verifies the signatures of KeyPackages and of their leaves
// and shows their credentials to the Authentication Service.
func (r *rules) keyPackageProofs(list []*mlswire.KeyPackage) error {
	leaves := make([]suite.Check, len(list))
	packages := make([]suite.Check, len(list))
	for i, k := range list {
		leaves[i] = r.leafSignature(&k.LeafNode, 0)
		packages[i] = suite.Check{
			PublicKey: k.LeafNode.SignatureKey,
			Label:     "KeyPackageTBS",
			Content:   k.TBS(),
			Signature: k.Signature,
		}
	}
	if err := r.verify(ErrLeafSignature, leaves); err != nil {
		return err
	}
	if err := r.verify(ErrKeyPackageSignature, packages); err != nil {
		return err
	}
	for _, k := range list {
		if err := r.succeed(&k.LeafNode, nil); err != nil {
			return err
		}
	}
	return nil
}
