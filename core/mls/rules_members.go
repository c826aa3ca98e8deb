package mls

import (
	"iter"
	"slices"

	"conclave/core/mlswire"
)

// after returns the members of the epoch that a plan leads to, leaving out the
// path: those of the old one with what Updates and Removes change, then those
// added, which have no index yet.
func (r *rules) after(p *plan) iter.Seq[*mlswire.LeafNode] {
	return func(yield func(*mlswire.LeafNode) bool) {
		for i, leaf := range r.tree.Members() {
			if changed, ok := p.changed[i]; ok {
				leaf = changed
			}
			if leaf != nil && !yield(leaf) {
				return
			}
		}
		for _, k := range p.Adds {
			if !yield(&k.LeafNode) {
				return
			}
		}
	}
}

// admit checks what the members of the new epoch must have in common, RFC 9420,
// Sections 7.3 and 12.2: nobody twice, everyone's credential type supported by
// everyone, and the group's demands met if they change. A commit that only
// removes members cannot break any of it. That keys are unique in all of the new
// tree is checked where it is made.
func (r *rules) admit(p *plan) error {
	if p.Context {
		d, err := demandsOf(r.context, p.Extensions)
		if err != nil {
			return err
		}
		for leaf := range r.after(p) {
			if err := d.metBy(&leaf.Capabilities); err != nil {
				return err
			}
		}
	}
	if len(p.Adds) == 0 && len(p.Updates) == 0 {
		return nil
	}
	if err := r.distinctClients(p); err != nil {
		return err
	}
	fresh := make([]*mlswire.LeafNode, 0, len(p.Adds)+len(p.Updates))
	for _, u := range p.Updates {
		fresh = append(fresh, u.Node)
	}
	for _, k := range p.Adds {
		fresh = append(fresh, &k.LeafNode)
	}
	return credentialsSupported(fresh, r.after(p))
}

// distinctClients is RFC 9420, Section 12.2: no client is added twice, and no
// member that is not removed is added again, even if an Update replaces the key
// by which it is known. This package tells clients apart by their signature
// keys; an application that does so by their credentials refuses them in
// [Config].Authenticate.
func (r *rules) distinctClients(p *plan) error {
	if len(p.Adds) == 0 {
		return nil
	}
	added := make(map[string]bool, len(p.Adds))
	for _, k := range p.Adds {
		key := string(k.LeafNode.SignatureKey)
		if added[key] {
			return ErrDuplicateAdd
		}
		added[key] = true
	}
	for i, leaf := range r.tree.Members() {
		if !p.removes(i) && added[string(leaf.SignatureKey)] {
			return ErrAlreadyMember
		}
	}
	return nil
}

// credentialsSupported checks that the credential types of the leaves fresh are
// supported by all members, and theirs by the fresh ones: RFC 9420, Section
// 7.3. The fresh leaves are among the members.
func credentialsSupported(fresh []*mlswire.LeafNode, members iter.Seq[*mlswire.LeafNode]) error {
	var brought, used []mlswire.CredentialType // at most as long as there are types
	for _, leaf := range fresh {
		brought = include(brought, leaf.Credential.Type)
	}
	for leaf := range members {
		used = include(used, leaf.Credential.Type)
		if !supportsAll(&leaf.Capabilities, brought) {
			return ErrCredentialSupport
		}
	}
	for _, leaf := range fresh {
		if !supportsAll(&leaf.Capabilities, used) {
			return ErrCredentialSupport
		}
	}
	return nil
}

func include(list []mlswire.CredentialType, t mlswire.CredentialType) []mlswire.CredentialType {
	if slices.Contains(list, t) {
		return list
	}
	return append(list, t)
}

func supportsAll(c *mlswire.Capabilities, types []mlswire.CredentialType) bool {
	for _, t := range types {
		if !slices.Contains(c.Credentials, t) {
			return false
		}
	}
	return true
}

// newcomer checks one leaf that a commit's path puts in the place of another,
// or of none, against the other members of the new epoch. One that keeps its
// signature key, credential type and capabilities cannot break anything.
func (r *rules) newcomer(p *plan, leaf, old *mlswire.LeafNode) error {
	sameKey := old != nil && string(old.SignatureKey) == string(leaf.SignatureKey)
	if sameKey && old.Credential.Type == leaf.Credential.Type &&
		slices.Equal(old.Capabilities.Credentials, leaf.Capabilities.Credentials) &&
		len(p.Adds) == 0 && len(p.Updates) == 0 {
		return nil
	}
	others := func(yield func(*mlswire.LeafNode) bool) {
		for other := range r.after(p) {
			if other != old && !yield(other) {
				return
			}
		}
	}
	for other := range others {
		if string(other.SignatureKey) == string(leaf.SignatureKey) {
			return ErrDuplicateSignatureKey
		}
	}
	return credentialsSupported([]*mlswire.LeafNode{leaf}, others)
}
