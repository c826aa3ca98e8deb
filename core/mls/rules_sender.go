package mls

import (
	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
)

// sender checks that the sender of a content may send it, RFC 9420, Sections 6
// to 6.3 and 12.1.8, and returns the public key that its signature verifies
// with (Section 6.1).
func (r *rules) sender(c *mlswire.FramedContent, format mlswire.WireFormat) ([]byte, error) {
	if format == mlswire.WireFormatPrivateMessage && c.Sender.Type != mlswire.SenderTypeMember {
		return nil, ErrSenderContent // only members have the keys, Section 6.3
	}
	switch c.Sender.Type {
	case mlswire.SenderTypeMember:
		return r.member(c, format)
	case mlswire.SenderTypeExternal:
		return r.externalSender(c)
	case mlswire.SenderTypeNewMemberProposal:
		return r.newMemberProposal(c)
	case mlswire.SenderTypeNewMemberCommit:
		return r.newMemberCommit(c)
	default:
		return nil, ErrSender
	}
}

func (r *rules) member(c *mlswire.FramedContent, format mlswire.WireFormat) ([]byte, error) {
	if c.ContentType == mlswire.ContentTypeApplication && format != mlswire.WireFormatPrivateMessage {
		return nil, ErrPublicApplication // Section 6.2
	}
	leaf := r.tree.Leaf(tree.LeafIndex(c.Sender.Index))
	if leaf == nil {
		return nil, ErrSender
	}
	return leaf.SignatureKey, nil
}

// externalSender is for the parties that the group's external_senders extension
// lists, by their index in it: RFC 9420, Section 12.1.8.
func (r *rules) externalSender(c *mlswire.FramedContent) ([]byte, error) {
	if c.ContentType != mlswire.ContentTypeProposal {
		return nil, ErrSenderContent
	}
	senders, err := externalSenders(r.context.Extensions)
	if err != nil {
		return nil, err
	}
	if uint64(c.Sender.Index) >= uint64(len(senders)) {
		return nil, ErrSender
	}
	switch c.Proposal.(type) {
	case *mlswire.Add, *mlswire.Remove, *mlswire.PreSharedKey, *mlswire.ReInit, *mlswire.GroupContextExtensions:
		return senders[c.Sender.Index].SignatureKey, nil
	default:
		return nil, ErrExternalProposal
	}
}

// newMemberProposal is for someone who asks to be added, RFC 9420, Section 12.1.8.
func (r *rules) newMemberProposal(c *mlswire.FramedContent) ([]byte, error) {
	if !r.policy.joinRequests {
		return nil, ErrNotAllowed
	}
	if c.ContentType != mlswire.ContentTypeProposal {
		return nil, ErrSenderContent
	}
	add, ok := c.Proposal.(*mlswire.Add)
	if !ok {
		return nil, ErrExternalProposal
	}
	return add.KeyPackage.LeafNode.SignatureKey, nil
}

// newMemberCommit is for someone who joins by an external commit, RFC 9420,
// Section 12.4.3.2.
func (r *rules) newMemberCommit(c *mlswire.FramedContent) ([]byte, error) {
	if !r.policy.externalCommits {
		return nil, ErrNotAllowed
	}
	if c.ContentType != mlswire.ContentTypeCommit {
		return nil, ErrSenderContent
	}
	if c.Commit.Path == nil {
		return nil, ErrPathRequired
	}
	return c.Commit.Path.LeafNode.SignatureKey, nil
}
