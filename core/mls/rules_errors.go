package mls

import (
	"errors"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
)

// Each of these errors names a rule that an object breaks. None of them holds
// a secret or the bytes of the object.

// Leaf nodes, RFC 9420, Sections 7.2 and 7.3.
var (
	// ErrLeafSource says that a leaf node's source does not fit where it was found.
	ErrLeafSource = errors.New("mls: leaf node of the wrong source")
	// ErrLeafSignature says that a leaf node's signature is not valid.
	ErrLeafSignature = errors.New("mls: invalid signature of a leaf node")
	// ErrLeafKey says that a key of a leaf node is not valid for the cipher suite.
	ErrLeafKey = errors.New("mls: invalid key in a leaf node")
	// ErrLeafVersion says that a member would not support the group's version or cipher suite.
	ErrLeafVersion = errors.New("mls: member does not support the group's version or cipher suite")
	// ErrLeafCredential says that a leaf node's credential type is not among its own capabilities.
	ErrLeafCredential = errors.New("mls: credential type is not in the leaf node's capabilities")
	// ErrLeafExtension says that a leaf node has an extension that is not among its own capabilities.
	ErrLeafExtension = errors.New("mls: extension is not in the leaf node's capabilities")
	// ErrRequiredCapabilities says that a member would lack a required capability.
	ErrRequiredCapabilities = errors.New("mls: member lacks a required capability")
	// ErrGroupExtension says that a member would not support an extension of the GroupContext.
	ErrGroupExtension = errors.New("mls: member does not support an extension of the group")
	// ErrCredentialSupport says that a member would not support the credential type of another.
	ErrCredentialSupport = errors.New("mls: member does not support the credential type of another")
	// ErrLifetime says that the time is not within a leaf node's lifetime.
	ErrLifetime = errors.New("mls: leaf node is not valid at this time")
	// ErrLifetimeRange says that a leaf node's lifetime is longer than the policy allows, or ends before it begins.
	ErrLifetimeRange = errors.New("mls: lifetime of a leaf node is too long or not a range")
	// ErrSameEncryptionKey says that an Update or a path does not change the encryption key.
	ErrSameEncryptionKey = errors.New("mls: encryption key of a leaf node was not replaced")
	// ErrDuplicateSignatureKey says that two members would have one signature key.
	ErrDuplicateSignatureKey = tree.ErrDuplicateSignatureKey
	// ErrDuplicateEncryptionKey says that two nodes would have one encryption key.
	ErrDuplicateEncryptionKey = tree.ErrDuplicateKey
	// ErrCredential says that a credential was refused by [Config].Authenticate, or is not valid by itself.
	ErrCredential = errors.New("mls: credential refused")
)

// KeyPackages, RFC 9420, Section 10.1.
var (
	// ErrKeyPackageVersion says that a KeyPackage is for another version or cipher suite.
	ErrKeyPackageVersion = errors.New("mls: KeyPackage is for another version or cipher suite")
	// ErrKeyPackageSignature says that a KeyPackage's signature is not valid.
	ErrKeyPackageSignature = errors.New("mls: invalid signature of a KeyPackage")
	// ErrInitKey says that a KeyPackage's init key is not valid for the cipher suite.
	ErrInitKey = errors.New("mls: invalid init key in a KeyPackage")
	// ErrInitKeyReused says that a KeyPackage's init key is its encryption key too.
	ErrInitKeyReused = errors.New("mls: init key and encryption key of a KeyPackage are the same")
)

// Extensions, RFC 9420, Sections 11.1, 12.1.8.1, 13.4 and 17.3.
var (
	// ErrExtensionPlace says that a known extension is where it may not be.
	ErrExtensionPlace = errors.New("mls: extension is not allowed here")
	// ErrExtensionData says that the data of a known extension is malformed.
	ErrExtensionData = errors.New("mls: malformed extension")
	// ErrDuplicateExtension says that a list holds two extensions of one type.
	ErrDuplicateExtension = mlswire.ErrDuplicateExtension
)

// Senders, RFC 9420, Sections 6, 6.1 and 12.1.8.
var (
	// ErrSender says that a message's sender is not a member or not one of the external senders.
	ErrSender = errors.New("mls: unknown sender")
	// ErrNotAllowed says that somebody outside asks to be added or adds itself, which the client's Config does not allow.
	ErrNotAllowed = errors.New("mls: only members let others into this group")
	// ErrSenderContent says that a sender of this type may not send such content.
	ErrSenderContent = errors.New("mls: sender may not send this content")
	// ErrPublicApplication says that application data was not encrypted.
	ErrPublicApplication = errors.New("mls: application data in a PublicMessage")
	// ErrExternalProposal says that a party outside the group may not send a proposal of this type.
	ErrExternalProposal = errors.New("mls: proposal of this type from outside the group")
)

// Proposals and lists of proposals, RFC 9420, Sections 12.1 and 12.2.
var (
	// ErrRemoveBlank says that a Remove is of a leaf that is blank or outside the tree.
	ErrRemoveBlank = errors.New("mls: Remove of a leaf that is not a member")
	// ErrPSKType says that a PSK is of an unknown type or usage.
	ErrPSKType = errors.New("mls: unknown type or usage of a PSK")
	// ErrPSKUsage says that a resumption PSK is used for what it is not meant for.
	ErrPSKUsage = errors.New("mls: resumption PSK of the wrong usage")
	// ErrPSKNonce says that the nonce of a PSK has the wrong length.
	ErrPSKNonce = errors.New("mls: PSK nonce of the wrong length")
	// ErrDuplicatePSK says that a PSK is there twice.
	ErrDuplicatePSK = errors.New("mls: PSK is there twice")
	// ErrReInitVersion says that a ReInit goes back to an older version.
	ErrReInitVersion = errors.New("mls: ReInit to an older version")
	// ErrOwnUpdate says that a commit holds an Update of its own sender.
	ErrOwnUpdate = errors.New("mls: commit with an Update of its committer")
	// ErrSelfRemove says that a commit removes its own sender.
	ErrSelfRemove = errors.New("mls: commit removes its committer")
	// ErrSameLeaf says that several Updates and Removes are for one leaf.
	ErrSameLeaf = errors.New("mls: several Updates or Removes for one leaf")
	// ErrDuplicateAdd says that one client would be added twice.
	ErrDuplicateAdd = errors.New("mls: client is added twice")
	// ErrAlreadyMember says that a client would be added that is a member already.
	ErrAlreadyMember = errors.New("mls: client is a member already")
	// ErrDuplicateGroupContextExtensions says that a commit replaces the group's extensions twice.
	ErrDuplicateGroupContextExtensions = errors.New("mls: several GroupContextExtensions")
	// ErrReInitAlone says that a ReInit is together with another proposal.
	ErrReInitAlone = errors.New("mls: ReInit together with other proposals")
	// ErrExternalInit says that an ExternalInit is not in an external commit.
	ErrExternalInit = errors.New("mls: ExternalInit outside an external commit")
)

// Commits, RFC 9420, Sections 12.2 and 12.4.
var (
	// ErrPathRequired says that a commit lacks the path that its proposals require.
	ErrPathRequired = errors.New("mls: commit without a required path")
	// ErrExternalCommitInit says that an external commit does not hold exactly one ExternalInit.
	ErrExternalCommitInit = errors.New("mls: external commit without exactly one ExternalInit")
	// ErrExternalCommitReference says that an external commit refers to a proposal.
	ErrExternalCommitReference = errors.New("mls: proposal by reference in an external commit")
	// ErrExternalCommitProposal says that an external commit holds a proposal of a type that it may not.
	ErrExternalCommitProposal = errors.New("mls: proposal that an external commit may not hold")
	// ErrExternalCommitMember says that an external commit removes a member that its
	// sender is not, by [Config].MemberID.
	ErrExternalCommitMember = errors.New("mls: external commit removes another member")
	// ErrExternalCommitRemove says that an external commit removes several members.
	ErrExternalCommitRemove = errors.New("mls: external commit with several Removes")
)

// Joining, RFC 9420, Sections 11.2, 11.3 and 12.4.3.
var (
	// ErrKnownGroup says that the client is in a group of this id already.
	ErrKnownGroup = errors.New("mls: group id is in use")
	// ErrGroupInfoVersion says that a GroupInfo is for another version or cipher suite.
	ErrGroupInfoVersion = errors.New("mls: GroupInfo is for another version or cipher suite")
	// ErrGroupInfoSigner says that the signer of a GroupInfo is not a member.
	ErrGroupInfoSigner = errors.New("mls: signer of the GroupInfo is not a member")
	// ErrGroupInfoSignature says that a GroupInfo's signature is not valid.
	ErrGroupInfoSignature = errors.New("mls: invalid signature of a GroupInfo")
	// ErrTreeHash says that a ratchet tree is not the one of the GroupInfo.
	ErrTreeHash = errors.New("mls: ratchet tree does not match the GroupInfo")
	// ErrNotInTree says that the KeyPackage's leaf is not in the ratchet tree.
	ErrNotInTree = errors.New("mls: own leaf is not in the ratchet tree")
	// ErrExternalPub says that a GroupInfo has no valid external public key, so nobody can join by it.
	ErrExternalPub = errors.New("mls: GroupInfo without a valid external public key")
	// ErrNotReInit says that a group has not ended with a ReInit.
	ErrNotReInit = errors.New("mls: group has not ended with a ReInit")
	// ErrNoPredecessor says that a new group claims to follow one that is not
	// the JoinOptions.From given, or an epoch of it that is forgotten.
	ErrNoPredecessor = errors.New("mls: new group follows another one than was given")
	// ErrInitialEpoch says that the new group of a ReInit or a branch is not in epoch 1.
	ErrInitialEpoch = errors.New("mls: new group is not in its first epoch")
	// ErrReInitMismatch says that a new group is not the one that a ReInit announced.
	ErrReInitMismatch = errors.New("mls: new group does not match the ReInit")
	// ErrReInitMembers says that a member of the old group is missing in the new one.
	ErrReInitMembers = errors.New("mls: new group lacks a member of the old one")
	// ErrBranchMismatch says that a subgroup has another version or cipher suite than its group.
	ErrBranchMismatch = errors.New("mls: subgroup does not match its group")
	// ErrBranchMembers says that a member of a subgroup is not a member of its group.
	ErrBranchMembers = errors.New("mls: subgroup has a member that its group has not")
)
