package mls

import (
	"slices"

	"conclave/core/mls/internal/framing"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// ProposeJoin asks the members of a group to add this KeyPackage, RFC 9420,
// Section 12.1.8. The message is valid in that epoch only; a member then commits
// it, or not, and the Welcome is for this KeyPackage.
func (k *KeyPackage) ProposeJoin(groupID []byte, epoch uint64) ([]byte, error) {
	if k.used {
		return nil, ErrKeyPackageUsed
	}
	sender := mlswire.Sender{Type: mlswire.SenderTypeNewMemberProposal}
	return proposeOutside(k.client.suite, k.signer, sender, groupID, epoch, &mlswire.Add{KeyPackage: *k.public})
}

// ProposeExternal proposes to a group that this client is not a member of, as
// entry index of its external_senders extension, RFC 9420, Section 12.1.8.1. The
// message is valid in that epoch only. An outsider may propose an Add, Remove,
// PreSharedKey, ReInit or GroupContextExtensions; others are
// [ErrExternalProposal].
func (c *Client) ProposeExternal(index uint32, groupID []byte, epoch uint64, p mlswire.Proposal) ([]byte, error) {
	switch p.(type) {
	case *mlswire.Add, *mlswire.Remove, *mlswire.PreSharedKey, *mlswire.ReInit, *mlswire.GroupContextExtensions:
	default:
		return nil, ErrExternalProposal
	}
	sender := mlswire.Sender{Type: mlswire.SenderTypeExternal, Index: index}
	return proposeOutside(c.suite, c.signer, sender, groupID, epoch, p)
}

// proposeOutside makes the PublicMessage of a sender outside the group, whose
// signature does not cover the GroupContext and which has no membership tag, RFC
// 9420, Sections 6.1 and 6.2.
func proposeOutside(s *suite.Suite, signer *suite.SigningKey, from mlswire.Sender, groupID []byte, epoch uint64, p mlswire.Proposal) ([]byte, error) {
	content := mlswire.FramedContent{
		GroupID: slices.Clone(groupID), Epoch: epoch, Sender: from,
		ContentType: mlswire.ContentTypeProposal, Proposal: p,
	}
	signed, err := framing.Sign(s, signer, content, mlswire.WireFormatPublicMessage, nil)
	if err != nil {
		return nil, doing("mls: signing a proposal", err)
	}
	public, err := framing.SealPublic(s, secret.Value{}, signed, nil)
	if err != nil {
		return nil, doing("mls: protecting a proposal", err)
	}
	m := mlswire.Message{Version: mlswire.MLS10, WireFormat: mlswire.WireFormatPublicMessage, PublicMessage: public}
	return m.Marshal(), nil
}
