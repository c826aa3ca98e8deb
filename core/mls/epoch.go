package mls

import (
	"conclave/core/mls/internal/schedule"
	"conclave/core/mls/internal/secrettree"
	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// An epoch is one epoch of a group as one member knows it, RFC 9420, Section 2.
// It never changes, except that its secrets are erased when it has ended.
type epoch struct {
	suite   *suite.Suite
	context mlswire.GroupContext
	// encoded is the encoded context, which signatures and the key schedule take.
	encoded []byte
	tree    *tree.Tree
	// interim is the interim_transcript_hash, RFC 9420, Section 8.2.
	interim []byte
	// confirmationTag is that of the commit that began the epoch; GroupInfos
	// repeat it.
	confirmationTag []byte
	// reInit is the ReInit of the commit that began the epoch: the last of the
	// group, RFC 9420, Section 11.2.
	reInit *mlswire.ReInit

	// The member's own part.
	private *tree.Private
	signer  *suite.SigningKey
	secrets *schedule.Epoch
}

// self is the member's own leaf.
func (e *epoch) self() LeafIndex { return e.private.Self() }

// sender is the member itself, as the sender of a message.
func (e *epoch) sender() mlswire.Sender {
	return mlswire.Sender{Type: mlswire.SenderTypeMember, Index: uint32(e.self())}
}

// leaf is the member's own leaf node.
func (e *epoch) leaf() *mlswire.LeafNode { return e.tree.Leaf(e.self()) }

// A pastEpoch is what is kept of an epoch that has ended: what late application
// messages need (RFC 9420, Section 9.2), and its resumption secret (Section 8.6).
type pastEpoch struct {
	number  uint64
	encoded []byte // the GroupContext
	self    LeafIndex
	// secrets were retired: sender data and resumption are left.
	secrets *schedule.Epoch
	// messages opens application data. A handshake message of an ended epoch is
	// refused (Section 12.4.2) before its key is looked up.
	messages *secrettree.Tree
	// tree says who sent a message, unless changed does. A group that was
	// restored has the tree of the epoch in which its snapshot was taken, and
	// in changed the leaves that were others in this epoch.
	tree    *tree.Tree
	changed map[LeafIndex]pastSender
}

// A pastSender is a member of an ended epoch. One without a signature key is none.
type pastSender struct {
	signatureKey []byte
	credential   mlswire.Credential
}

// sender returns a member of the epoch, or false.
func (p *pastEpoch) sender(i LeafIndex) (pastSender, bool) {
	if s, ok := p.changed[i]; ok {
		return s, len(s.signatureKey) > 0
	}
	if leaf := p.tree.Leaf(i); leaf != nil {
		return pastSender{leaf.SignatureKey, leaf.Credential}, true
	}
	return pastSender{}, false
}

// erase overwrites what is left of the epoch.
func (p *pastEpoch) erase() {
	p.secrets.Erase()
	p.messages.Erase()
}

// An ownUpdate is what becomes this member's private state when its Update is
// committed.
type ownUpdate struct {
	leafKey suite.KeyPair
	signer  *suite.SigningKey
}

// keys returns a copy of the key pair, which outlives the proposal.
func (u *ownUpdate) keys() suite.KeyPair {
	return suite.KeyPair{Public: u.leafKey.Public, Private: secret.New(u.leafKey.Private.Expose())}
}
