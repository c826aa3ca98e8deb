package mls

import (
	"conclave/core/mls/internal/framing"
	"conclave/core/mls/internal/schedule"
	"conclave/core/mls/internal/secrettree"
	"conclave/core/mls/internal/tree"
	"conclave/core/suite"
)

// What is wrong with the protection of a message, RFC 9420, Section 6.
var (
	// ErrSignature says that a message's signature is not valid under its sender's key.
	ErrSignature = suite.ErrSignature
	// ErrMembershipTag says that a PublicMessage was not made by a member of the epoch.
	ErrMembershipTag = framing.ErrMembershipTag
	// ErrMisplacedTag says that a Commit has no confirmation tag, or something else has one.
	ErrMisplacedTag = framing.ErrConfirmationTag
	// ErrSenderData says that the sender of a PrivateMessage cannot be decrypted.
	ErrSenderData = framing.ErrSenderData
	// ErrCiphertext says that the content of a PrivateMessage cannot be decrypted.
	ErrCiphertext = framing.ErrCiphertext
	// ErrPadding says that the padding of a PrivateMessage is not all zero.
	ErrPadding = framing.ErrPadding
)

// What is wrong with the key that a PrivateMessage names, RFC 9420, Section 9.
var (
	// ErrGenerationUsed says that a message was received before, or is older
	// than those that are waited for.
	ErrGenerationUsed = secrettree.ErrGenerationUsed
	// ErrGenerationTooFar says that more messages would be missing than Config.Forward.
	ErrGenerationTooFar = secrettree.ErrTooFar
	// ErrGenerationsExhausted says that a member can send no more in this epoch.
	ErrGenerationsExhausted = secrettree.ErrExhausted
)

// What is wrong with a path, RFC 9420, Sections 7.5, 7.6 and 7.9.
var (
	// ErrPathLength says that a path does not have a node for each of the filtered direct path.
	ErrPathLength = tree.ErrPathLength
	// ErrPathCiphertexts says that a node does not have a ciphertext for each it is meant for.
	ErrPathCiphertexts = tree.ErrPathCiphertexts
	// ErrPathSecret says that a path secret cannot be decrypted or does not lead to the tree's keys.
	ErrPathSecret = tree.ErrPathSecret
	// ErrPathKey says that an encryption key is malformed.
	ErrPathKey = tree.ErrPublicKey
	// ErrParentHash says that a parent hash is not the one that the tree has.
	ErrParentHash = tree.ErrParentHash
)

// What is wrong with a ratchet tree or a Welcome, RFC 9420, Section 12.4.3.
var (
	// ErrTreeShape says that the nodes of a ratchet tree are not such of a tree.
	ErrTreeShape = tree.ErrShape
	// ErrTreeTooLarge says that a tree has, or would have, too many leaves.
	ErrTreeTooLarge = tree.ErrTooLarge
	// ErrUnmergedLeaves says that a parent node's unmerged leaves are not such.
	ErrUnmergedLeaves = tree.ErrUnmergedLeaves
	// ErrSecretLength says that a secret in a Welcome is not as long as the suite's are.
	ErrSecretLength = schedule.ErrSecretLength
	// ErrEncryptedGroupInfo says that the GroupInfo of a Welcome cannot be decrypted.
	ErrEncryptedGroupInfo = schedule.ErrGroupInfo
)

// ErrExportLength says that [Group.Export] was asked for more than the suite's
// KDF can give, RFC 9420, Section 8.5.
var ErrExportLength = schedule.ErrExportLength
