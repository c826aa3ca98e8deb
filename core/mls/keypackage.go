package mls

import (
	"slices"

	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// A KeyPackage lets others add its client to one group, RFC 9420, Section 10.
// Publish [KeyPackage.Bytes], store [KeyPackage.Snapshot], and use it once with
// [KeyPackage.Join]. It is not for concurrent use.
type KeyPackage struct {
	client *Client
	public *mlswire.KeyPackage
	ref    []byte
	// The private keys, and the signing key of the leaf.
	initKey secret.Value
	leafKey suite.KeyPair
	signer  *suite.SigningKey

	used bool
	// saved says that a snapshot exists, from which the same group could be
	// joined again.
	saved bool
}

// NewKeyPackage makes a KeyPackage with fresh keys, valid from now on for the
// client's Lifetime. The error is one of the rules for leaf nodes that the
// client's own Credential, Capabilities, extensions or Lifetime break.
func (c *Client) NewKeyPackage() (*KeyPackage, error) {
	initKey := c.suite.GenerateKeyPair()
	leaf, leafKey, err := c.newLeaf()
	if err != nil {
		return nil, err
	}
	public := &mlswire.KeyPackage{
		Version:     mlswire.MLS10,
		CipherSuite: c.suite.ID(),
		InitKey:     initKey.Public,
		LeafNode:    *leaf,
		Extensions:  c.config.KeyPackageExtensions,
	}
	if err := c.rules(nil, nil).keyPackageParts(public, nil, true); err != nil {
		return nil, err
	}
	if public.Signature, err = c.suite.SignWithLabel(c.signer, "KeyPackageTBS", public.TBS()); err != nil {
		return nil, doing("mls: signing a KeyPackage", err)
	}
	return c.keyPackage(public, initKey.Private, leafKey.Private, c.signer), nil
}

// newLeaf makes a signed leaf with a fresh key, as KeyPackages have it.
func (c *Client) newLeaf() (*mlswire.LeafNode, suite.KeyPair, error) {
	keys, leaf := c.suite.GenerateKeyPair(), c.leafNode()
	leaf.EncryptionKey, leaf.SignatureKey = keys.Public, c.signer.Public()
	leaf.Source, leaf.Lifetime = mlswire.LeafNodeSourceKeyPackage, c.lifetime()
	return &leaf, keys, signLeaf(c.suite, c.signer, &leaf, nil, 0)
}

// leafNode is a leaf of the client without keys and signature.
func (c *Client) leafNode() mlswire.LeafNode {
	return mlswire.LeafNode{
		Credential: c.leaf.credential, Capabilities: c.leaf.capabilities, Extensions: c.leaf.extensions,
	}
}

// keyPackage puts a KeyPackage together from its parts.
func (c *Client) keyPackage(public *mlswire.KeyPackage, initKey, leafKey secret.Value, signer *suite.SigningKey) *KeyPackage {
	return &KeyPackage{
		client: c, public: public, ref: keyPackageRef(c.suite, public),
		initKey: initKey, leafKey: suite.KeyPair{Public: public.LeafNode.EncryptionKey, Private: leafKey}, signer: signer,
	}
}

// lifetime is the lifetime of a leaf that is made now, RFC 9420, Section 7.2.
func (c *Client) lifetime() mlswire.Lifetime {
	now := c.config.Now()
	return mlswire.Lifetime{
		NotBefore: uint64(max(now.Add(-clockSkew).Unix(), 0)),
		NotAfter:  uint64(max(now.Add(c.config.Lifetime).Unix(), 0)),
	}
}

// signLeaf signs a leaf node, RFC 9420, Section 7.2. The group and the index are
// of leaves that are not in a KeyPackage. A credential that cannot be encoded is
// ErrCredential.
func signLeaf(s *suite.Suite, signer *suite.SigningKey, leaf *mlswire.LeafNode, groupID []byte, index uint32) error {
	if !isKnownCredential(leaf.Credential.Type) {
		return because(ErrCredential, mlswire.ErrCredentialType)
	}
	signature, err := s.SignWithLabel(signer, "LeafNodeTBS", leaf.TBS(groupID, index))
	if err != nil {
		return doing("mls: signing a leaf node", err)
	}
	leaf.Signature = signature
	return nil
}

// isKnownCredential reports whether credentials of a type can be encoded, RFC
// 9420, Section 5.3.
func isKnownCredential(t mlswire.CredentialType) bool {
	return t == mlswire.CredentialTypeBasic || t == mlswire.CredentialTypeX509
}

// keyPackageRef is the KeyPackageRef of RFC 9420, Section 5.2.
func keyPackageRef(s *suite.Suite, k *mlswire.KeyPackage) []byte {
	return s.RefHash("MLS 1.0 KeyPackage Reference", mlswire.Marshal(k))
}

// Bytes returns the public part as an MLSMessage, to be published.
func (k *KeyPackage) Bytes() []byte {
	m := mlswire.Message{Version: mlswire.MLS10, WireFormat: mlswire.WireFormatKeyPackage, KeyPackage: k.public}
	return m.Marshal()
}

// Ref returns the KeyPackageRef, RFC 9420, Section 5.2: Welcomes name the
// KeyPackage by it.
func (k *KeyPackage) Ref() []byte { return slices.Clone(k.ref) }

// Erase overwrites the private keys, after which the KeyPackage cannot be used.
// Joining a group does it.
func (k *KeyPackage) Erase() {
	k.used = true
	k.initKey.Erase()
	k.leafKey.Private.Erase()
}
