package mls

import "errors"

// Configuration and use.
var (
	// ErrConfig says what is missing or wrong in a [Config] or in options.
	ErrConfig = errors.New("mls: invalid configuration")
	// ErrKeyPackageUsed says that a KeyPackage was used or erased.
	ErrKeyPackageUsed = errors.New("mls: KeyPackage was used")
	// ErrPendingCommit says that an own Commit waits to be merged or discarded.
	ErrPendingCommit = errors.New("mls: a commit is pending")
	// ErrNoPendingCommit says that there is no own Commit to merge.
	ErrNoPendingCommit = errors.New("mls: no commit is pending")
	// ErrPendingProposals says that proposals must be committed, or dropped,
	// before application data is sent, RFC 9420, Section 12.4.
	ErrPendingProposals = errors.New("mls: proposals wait to be committed")
	// ErrStaleCommit says that a StagedCommit is not for the group's present
	// epoch, or was merged already.
	ErrStaleCommit = errors.New("mls: staged commit is not for this epoch")
	// ErrSaveFirst says that a snapshot must be taken and stored before the
	// group may send more.
	ErrSaveFirst = errors.New("mls: take a snapshot before sending more")
	// ErrRemoved says that this client was removed from the group.
	ErrRemoved = errors.New("mls: this client was removed from the group")
	// ErrReInit says that the group has ended with a ReInit, RFC 9420, Section
	// 11.2.
	ErrReInit = errors.New("mls: the group was reinitialized")
	// ErrEpochLimit says that the group has reached the last epoch.
	ErrEpochLimit = errors.New("mls: the group is in its last epoch")
)

// Messages, RFC 9420, Section 6.
var (
	// ErrNotGroupMessage says that a message is a Welcome, GroupInfo or
	// KeyPackage where a PublicMessage or PrivateMessage belongs, or the
	// other way round.
	ErrNotGroupMessage = errors.New("mls: message of the wrong kind")
	// ErrWrongGroup says that a message is for another group.
	ErrWrongGroup = errors.New("mls: message is for another group")
	// ErrWrongEpoch says that a message is not for an epoch that the group can
	// still, or already, read.
	ErrWrongEpoch = errors.New("mls: message is for another epoch")
	// ErrOwnMessage says that this client sent the message itself, or that a
	// PrivateMessage claims so, see [Group.Process].
	ErrOwnMessage = errors.New("mls: own message")
)

// Proposals and Commits, RFC 9420, Sections 12.1 and 12.4.
var (
	// ErrUnknownProposal says that a Commit refers to a proposal that was not
	// received.
	ErrUnknownProposal = errors.New("mls: commit refers to an unknown proposal")
	// ErrDuplicateProposal says that a proposal was received before.
	ErrDuplicateProposal = errors.New("mls: proposal was received before")
	// ErrTooManyProposals says that an epoch has more proposals than are kept.
	ErrTooManyProposals = errors.New("mls: too many proposals in one epoch")
	// ErrUnknownPSK says that a pre-shared key is not known here.
	ErrUnknownPSK = errors.New("mls: unknown pre-shared key")
	// ErrConfirmationTag says that a confirmation tag is wrong: the sender has
	// another view of the group, RFC 9420, Section 6.1.
	ErrConfirmationTag = errors.New("mls: wrong confirmation tag")
)

// Joining, RFC 9420, Section 12.4.3.
var (
	// ErrNotInWelcome says that a Welcome has nothing for a KeyPackage.
	ErrNotInWelcome = errors.New("mls: Welcome is not for this KeyPackage")
	// ErrWelcomeSuite says that a Welcome or GroupInfo is for another cipher
	// suite than the client's.
	ErrWelcomeSuite = errors.New("mls: cipher suite is not the client's")
	// ErrNoTree says that a ratchet tree came neither with the GroupInfo nor
	// beside it.
	ErrNoTree = errors.New("mls: no ratchet tree")
	// ErrNoOldLeaf says that a resync found no old leaf of this client.
	ErrNoOldLeaf = errors.New("mls: client has no leaf to replace")
)
