package mls

import "conclave/core/mlswire"

// An Identity is what the Authentication Service judges, RFC 9420, Section
// 5.3.1: whether the credential's identifiers belong to the signature key and
// are ones that the application expects in this group.
//
// The slices belong to the library and must not be changed.
type Identity struct {
	GroupID      []byte // empty outside a group
	Credential   mlswire.Credential
	SignatureKey []byte

	// Previous is the credential that this one replaces, in an Update, a
	// commit or a resynchronisation; the service also judges whether the new
	// one is a valid successor. It is nil for someone new.
	Previous *mlswire.Credential
	// External says that this is an external sender, not a member.
	External bool
	// Uninvited says that no member lets this client in: it asks by a proposal
	// of its own, or joins by an external commit, RFC 9420, Sections 12.1.8 and
	// 12.4.3.2. Never, unless Config.AllowJoinRequests or AllowExternalCommits.
	Uninvited bool
}
