package mls

import (
	"time"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// This file says what the rules of RFC 9420 are checked against; each of the
// other rules_*.go files holds the rules of one kind of object, as a table
// where the rules are alike:
//
//	rules_extensions.go    Sections 13.4, 17.3        where extensions may be, and what is in them
//	rules_capabilities.go  Sections 11.1, 13.4        what members must support
//	rules_leaf.go          Section 7.3                LeafNode
//	rules_x509.go          Section 5.3                the key of a certificate
//	rules_keypackage.go    Section 10.1               KeyPackage
//	rules_proposal.go      Section 12.1               one proposal
//	rules_sender.go        Sections 6, 6.1, 12.1.8    who may send what, and by which key it is signed
//	rules_plan.go          Sections 12.2, 12.3        a list of proposals
//	rules_members.go       Sections 7.3, 12.2         what members have in common
//	rules_commit.go        Section 12.4               the path of a commit
//	rules_join.go          Section 12.4.3             Welcome, GroupInfo and the tree of a group to join
//	rules_successor.go     Sections 11.2, 11.3        a group that follows another
//
// Nothing here changes anything: a rule looks at immutable values and returns
// nil or an error that wraps the sentinel of the broken rule.

// rules are what messages are judged by: an epoch and the policy of a client.
// A rules value is constant after construction and safe for concurrent use.
type rules struct {
	suite *suite.Suite
	// context and tree are those of the epoch in which the message was sent.
	// Both are nil where there is no group yet: when a KeyPackage is looked at
	// before it is used.
	context *mlswire.GroupContext
	tree    *tree.Tree

	policy policy
	// uninvited says that what is judged lets its own sender into the group.
	uninvited bool
}

// A policy is what RFC 9420 leaves to the application.
type policy struct {
	now time.Time
	// maxLifetime is the longest total lifetime of a KeyPackage's leaf, RFC
	// 9420, Section 7.2; zero means defaultMaxLifetime.
	maxLifetime time.Duration
	// authenticate is the Authentication Service, RFC 9420, Section 5.3.1.
	authenticate func(Identity) error
	// joinRequests and externalCommits are [Config].AllowJoinRequests and
	// AllowExternalCommits, RFC 9420, Sections 12.1.8 and 12.4.3.2.
	joinRequests, externalCommits bool
	// memberID is [Config].MemberID, RFC 9420, Sections 11.2 and 11.3.
	memberID func(mlswire.Credential) []byte
	// verifier checks many signatures at once; nil means the suite does.
	verifier suite.Verifier
}

// ofUninvited returns the rules for somebody who lets itself in.
func (r *rules) ofUninvited() *rules {
	own := *r
	own.uninvited = true
	return &own
}

// A rule is one line of a table: where RFC 9420 says it, what a value that
// breaks it is refused with, and the test.
type rule[T any] struct {
	section string
	broken  error
	holds   func(*rules, T) bool
}

// judge returns the error of the first broken rule.
func judge[T any](r *rules, table []rule[T], v T) error {
	for _, rule := range table {
		if !rule.holds(r, v) {
			return rule.broken
		}
	}
	return nil
}

// A sentProposal is a proposal and who sent it. For a proposal by value, that
// is the sender of the commit, never anyone else (RFC 9420, Section 12.4).
type sentProposal struct {
	Proposal mlswire.Proposal
	Sender   mlswire.Sender
	// Checked says that (*rules).proposal has accepted the proposal in this
	// epoch, so that its signatures need not be verified again.
	Checked bool
}

// A plan is a valid list of proposals in the order in which RFC 9420, Section
// 12.3 applies them.
type plan struct {
	// Extensions are the GroupContext's in the new epoch; Context says
	// whether a GroupContextExtensions proposal has put them there.
	Extensions mlswire.Extensions
	Context    bool
	Updates    []plannedUpdate
	Removes    []tree.LeafIndex
	Adds       []*mlswire.KeyPackage // in the order of their leaves, Section 12.1.1
	// PSKs are in the order in which the key schedule takes them, Section 8.4.
	PSKs         []mlswire.PreSharedKeyID
	ExternalInit *mlswire.ExternalInit // of an external commit only
	ReInit       *mlswire.ReInit

	// PathRequired says whether the commit must have a path, Section 12.4.
	PathRequired bool

	committer tree.LeafIndex // of a regular commit
	external  bool
	// changed holds the new leaf of each member that is updated, and nil for
	// each that is removed.
	changed map[tree.LeafIndex]*mlswire.LeafNode
}

// A plannedUpdate is a new leaf for a member.
type plannedUpdate struct {
	Leaf tree.LeafIndex
	Node *mlswire.LeafNode
}

// A purpose says what a commit is for. Resumption PSKs with a usage other than
// application are valid in the initial commit of a new group only, RFC 9420,
// Section 12.1.4.
type purpose = mlswire.ResumptionPSKUsage

// An ordinary commit is forOrdinary.
const (
	forOrdinary purpose = mlswire.ResumptionPSKUsageApplication
	forReInit   purpose = mlswire.ResumptionPSKUsageReInit
	forBranch   purpose = mlswire.ResumptionPSKUsageBranch
)

// sending says whether this client is about to send the object: what is sent
// must be within its lifetime, what is received may be a little over it (RFC
// 9420, Section 7.3).
type sending bool
