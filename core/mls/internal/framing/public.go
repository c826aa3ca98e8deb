package framing

import (
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// SealPublic makes a PublicMessage of a signed content, which for a commit has
// its confirmation tag. groupContext is the encoded GroupContext of the
// content's epoch and membershipKey its membership_key; both count only for
// members. It fails like Sign and with ErrConfirmationTag.
//
// It implements RFC 9420, Section 6.2.
func SealPublic(
	s *suite.Suite, membershipKey secret.Value, ac *mlswire.AuthenticatedContent, groupContext []byte,
) (*mlswire.PublicMessage, error) {
	if err := checkPublic(ac); err != nil {
		return nil, err
	}
	m := &mlswire.PublicMessage{Content: ac.Content, Auth: ac.Auth}
	if ac.Content.Sender.Type == mlswire.SenderTypeMember {
		m.MembershipTag = membershipTag(s, membershipKey, ac, groupContext)
	}
	return m, nil
}

// OpenPublic returns the content of a PublicMessage of the epoch that
// groupContext and membershipKey belong to. It checks that the sender may send
// the content and, for a member, the membership tag; the signature is still to
// be verified. It fails with ErrContent, ErrSender, ErrPublicApplication,
// ErrConfirmationTag or ErrMembershipTag.
//
// It implements RFC 9420, Section 6.2.
func OpenPublic(
	s *suite.Suite, membershipKey secret.Value, m *mlswire.PublicMessage, groupContext []byte,
) (*mlswire.AuthenticatedContent, error) {
	ac := &mlswire.AuthenticatedContent{
		WireFormat: mlswire.WireFormatPublicMessage,
		Content:    m.Content,
		Auth:       m.Auth,
	}
	if err := checkPublic(ac); err != nil {
		return nil, err
	}
	if m.Content.Sender.Type != mlswire.SenderTypeMember {
		return ac, nil
	}
	if !s.VerifyMAC(membershipKey, tbm(ac, groupContext), m.MembershipTag) {
		return nil, ErrMembershipTag
	}
	return ac, nil
}

func checkPublic(ac *mlswire.AuthenticatedContent) error {
	if ac.WireFormat != mlswire.WireFormatPublicMessage {
		return ErrWireFormat
	}
	if err := check(&ac.Content, ac.WireFormat); err != nil {
		return err
	}
	return checkTag(ac)
}
