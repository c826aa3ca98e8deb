package mls

import (
	"bytes"
	"slices"
	"time"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

const (
	// defaultMaxLifetime is a quarter of a year and a day: what publishes
	// KeyPackages replaces them each quarter.
	defaultMaxLifetime = 93 * 24 * time.Hour

	// lateness is how long after its lifetime a leaf is accepted in what others
	// send. A sender must check lifetimes strictly; a receiver that did so would
	// be cut off from its group by each commit that reached it a little late
	// (RFC 9420, Section 7.3 says as much).
	lateness = 30 * 24 * time.Hour

	// skew is how far ahead of ours the clock may be of those who made a leaf.
	skew = 24 * time.Hour
)

// A leafCase is a leaf node and where it was found.
type leafCase struct {
	leaf   *mlswire.LeafNode
	source mlswire.LeafNodeSource // that the place requires; 0 in a tree, where all may be
	// old is the leaf that this one replaces: nil for someone new.
	old *mlswire.LeafNode
	// demands are the group's; nil where there is no group, or where they
	// depend on the commit that will take the leaf in.
	demands *demands
	sending sending
}

// leafRules are the rules of RFC 9420, Section 7.3 that look at one leaf and
// nothing else. Signatures, credentials and what members have in common are
// checked for many leaves at once.
var leafRules = []rule[leafCase]{
	{"7.3", ErrLeafSource, func(_ *rules, c leafCase) bool {
		return c.source == 0 || c.leaf.Source == c.source
	}},
	{"5.1.1", ErrLeafKey, func(r *rules, c leafCase) bool {
		return r.suite.CheckPublicKey(c.leaf.EncryptionKey) == nil && r.suite.CheckSignatureKey(c.leaf.SignatureKey) == nil
	}},
	{"7.3", ErrSameEncryptionKey, func(_ *rules, c leafCase) bool {
		return c.old == nil || !bytes.Equal(c.leaf.EncryptionKey, c.old.EncryptionKey)
	}},
	{"7.2", ErrLeafCredential, func(_ *rules, c leafCase) bool {
		return slices.Contains(c.leaf.Capabilities.Credentials, c.leaf.Credential.Type)
	}},
	{"7.3", ErrLeafExtension, func(_ *rules, c leafCase) bool {
		return includes(c.leaf.Capabilities.Extensions, extensionTypes(c.leaf.Extensions))
	}},
	{"7.2", ErrLifetimeRange, func(r *rules, c leafCase) bool {
		return c.leaf.Source != mlswire.LeafNodeSourceKeyPackage || r.policy.accepts(c.leaf.Lifetime)
	}},
	{"7.3", ErrLifetime, func(r *rules, c leafCase) bool {
		// Leaves in the tree of a group to join are as old as their members'
		// membership: c.source is 0 for them.
		return c.source != mlswire.LeafNodeSourceKeyPackage || r.policy.inside(c.leaf.Lifetime, c.sending)
	}},
	{"5.3", ErrCredential, func(_ *rules, c leafCase) bool {
		return c.leaf.Credential.Type != mlswire.CredentialTypeX509 ||
			certifies(c.leaf.Credential.Certificates, c.leaf.SignatureKey)
	}},
}

// accepts reports whether a lifetime is a range that is not too long, RFC 9420,
// Section 7.2.
func (p *policy) accepts(l mlswire.Lifetime) bool {
	most := p.maxLifetime
	if most == 0 {
		most = defaultMaxLifetime
	}
	return l.NotBefore <= l.NotAfter && (most < 0 || l.NotAfter-l.NotBefore <= uint64(most/time.Second))
}

// inside reports whether now is within a lifetime, RFC 9420, Section 7.3.
func (p *policy) inside(l mlswire.Lifetime, s sending) bool {
	early, late := p.now, p.now
	if !s {
		early, late = early.Add(skew), late.Add(-lateness)
	}
	return l.NotBefore <= seconds(early) && seconds(late) <= l.NotAfter
}

// seconds returns t as a lifetime counts it: a time before 1970 is 1970.
func seconds(t time.Time) uint64 { return uint64(max(t.Unix(), 0)) }

// leaf checks everything about one leaf but its signature and credential.
func (r *rules) leaf(c leafCase) error {
	if err := judge(r, leafRules, c); err != nil {
		return err
	}
	if err := extensionsAt(inLeafNode, c.leaf.Extensions); err != nil {
		return err
	}
	if c.demands == nil {
		return nil
	}
	return c.demands.metBy(&c.leaf.Capabilities)
}

// leafSignature returns what there is to verify of a leaf at index at, RFC
// 9420, Section 7.2. The index counts for leaves of an Update or a commit only.
func (r *rules) leafSignature(leaf *mlswire.LeafNode, at tree.LeafIndex) suite.Check {
	var groupID []byte
	if r.context != nil {
		groupID = r.context.GroupID
	}
	return suite.Check{
		PublicKey: leaf.SignatureKey,
		Label:     "LeafNodeTBS",
		Content:   leaf.TBS(groupID, uint32(at)),
		Signature: leaf.Signature,
	}
}

// verify verifies signatures, all at once where the platform can, and returns
// broken if one is not valid.
func (r *rules) verify(broken error, checks []suite.Check) error {
	if len(checks) != 0 && r.suite.VerifyAllWith(r.policy.verifier, checks) != nil {
		return broken
	}
	return nil
}

// succeed shows the credential of a leaf to the Authentication Service if it is
// new: RFC 9420, Section 5.3.1. old is the leaf that it replaces, or nil.
func (r *rules) succeed(leaf, old *mlswire.LeafNode) error {
	id := Identity{Credential: leaf.Credential, SignatureKey: leaf.SignatureKey}
	if old != nil {
		same := sameCredential(&leaf.Credential, &old.Credential) && bytes.Equal(leaf.SignatureKey, old.SignatureKey)
		if same && !r.uninvited {
			return nil
		}
		id.Previous = &old.Credential
	}
	return r.authenticate(id)
}

// authenticate asks the Authentication Service about an identity in this group.
func (r *rules) authenticate(id Identity) error {
	if r.context != nil {
		id.GroupID = r.context.GroupID
	}
	id.Uninvited = r.uninvited
	if err := r.policy.authenticate(id); err != nil {
		return because(ErrCredential, err)
	}
	return nil
}

func sameCredential(a, b *mlswire.Credential) bool {
	return a.Type == b.Type && bytes.Equal(a.Identity, b.Identity) &&
		slices.EqualFunc(a.Certificates, b.Certificates, bytes.Equal)
}
