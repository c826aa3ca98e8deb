package mls

import (
	"bytes"
	"iter"

	"conclave/core/mlswire"
)

// A credentials is a sequence of members' credentials.
type credentials = iter.Seq[*mlswire.Credential]

// reinitializes checks that the group of r is the one that a ReInit announced,
// RFC 9420, Sections 11.2 and 12.4.3.1, with the members of the old group and
// no others.
func (r *rules) reinitializes(announced *mlswire.ReInit, old credentials) error {
	c := r.context
	if announced == nil || c.Version != announced.Version || c.CipherSuite != announced.CipherSuite ||
		!bytes.Equal(c.GroupID, announced.GroupID) ||
		!bytes.Equal(encodedExtensions(c.Extensions), encodedExtensions(announced.Extensions)) {
		return ErrReInitMismatch
	}
	missing := make(map[string]int, r.tree.MemberCount())
	for member := range old {
		missing[r.policy.member(member)]++
	}
	for _, leaf := range r.tree.Members() {
		missing[r.policy.member(&leaf.Credential)]--
	}
	for _, n := range missing {
		if n != 0 {
			return ErrReInitMembers
		}
	}
	return nil
}

// branches checks that the group of r is a subgroup of the one with context and
// members old, RFC 9420, Sections 11.3 and 12.4.3.1.
func (r *rules) branches(context *mlswire.GroupContext, old credentials) error {
	if r.context.Version != context.Version || r.context.CipherSuite != context.CipherSuite {
		return ErrBranchMismatch
	}
	known := make(map[string]bool)
	for member := range old {
		known[r.policy.member(member)] = true
	}
	for _, leaf := range r.tree.Members() {
		if !known[r.policy.member(&leaf.Credential)] {
			return ErrBranchMembers
		}
	}
	return nil
}

// firstEpoch checks that a group is in the epoch in which all but its creator
// join, RFC 9420, Sections 11.2 and 11.3.
func (r *rules) firstEpoch() error {
	if r.context.Epoch != 1 {
		return ErrInitialEpoch
	}
	return nil
}

// member says what tells a member from others across groups.
func (p *policy) member(c *mlswire.Credential) string {
	if p.memberID != nil {
		return string(p.memberID(*c))
	}
	return string(mlswire.Marshal(c))
}

func encodedExtensions(list mlswire.Extensions) []byte { return mlswire.Marshal(list) }
