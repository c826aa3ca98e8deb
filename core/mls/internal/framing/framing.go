// Package framing turns contents into the messages of [RFC 9420, Section 6] and
// back: it signs and verifies, authenticates PublicMessages and encrypts
// PrivateMessages.
//
// To send, [Sign] a content, set the confirmation tag of a commit, and then
// [SealPublic] or [SealPrivate] it. To receive, [OpenPublic] or [OpenPrivate]
// the message, look up the sender's signature key, [Verify], and, for a private
// message, consume the key that OpenPrivate returned. What is cheap is checked
// before what is dear, and nothing that fails changes any state.
//
// Functions are safe for concurrent use but for the secret tree they are given.
// Contents that are handed in or returned are not changed.
//
// [RFC 9420, Section 6]: https://www.rfc-editor.org/rfc/rfc9420.html#section-6
package framing

import (
	"errors"

	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// Errors of this package, beside those of the packages it uses.
var (
	// ErrContent says that a content does not hold what its type says.
	ErrContent = errors.New("framing: content does not match its type")
	// ErrSender says that a sender of this type may not send this content:
	// RFC 9420, Section 6.1.
	ErrSender = errors.New("framing: sender may not send this content")
	// ErrPublicApplication says that application data is not encrypted, which
	// RFC 9420, Section 6 requires.
	ErrPublicApplication = errors.New("framing: application data in a public message")
	// ErrPrivateSender says that a sender that is not a member would send a
	// PrivateMessage: RFC 9420, Sections 6 and 6.3.2.
	ErrPrivateSender = errors.New("framing: private message by a sender outside the group")
	// ErrWireFormat says that a content was signed for another wire format.
	ErrWireFormat = errors.New("framing: content is for another wire format")
	// ErrConfirmationTag says that a commit lacks a confirmation tag or another
	// content has one: RFC 9420, Section 6.1.
	ErrConfirmationTag = errors.New("framing: misplaced confirmation tag")
	// ErrMembershipTag says that a member's PublicMessage was not made with the
	// membership key: RFC 9420, Section 6.2.
	ErrMembershipTag = errors.New("framing: wrong membership tag")
	// ErrSenderData says that the sender data cannot be decrypted: RFC 9420,
	// Section 6.3.2.
	ErrSenderData = errors.New("framing: cannot decrypt the sender data")
	// ErrCiphertext says that a content cannot be decrypted: RFC 9420, Section
	// 6.3.1.
	ErrCiphertext = errors.New("framing: cannot decrypt the content")
	// ErrPadding says that padding is not all zero: RFC 9420, Section 6.3.1.
	ErrPadding = errors.New("framing: padding is not zero")
	// ErrTooLong says that a content is longer than [MaxContent].
	ErrTooLong = errors.New("framing: content is too long")
)

// MaxContent is the most bytes that application data, authenticated data and
// padding take together: half of what a vector holds (RFC 9420, Section 2.1.2),
// so that what is added to them has room. It is below the limits of the AEADs,
// 2^36 bytes for AES-GCM.
const MaxContent = tlsenc.MaxVector / 2

// testOnlyMaxContent is MaxContent; tests lower it to do without 512 MiB.
var testOnlyMaxContent = MaxContent

// tbsLabel is the label of signatures over contents, RFC 9420, Section 6.1.
const tbsLabel = "FramedContentTBS"

// Sign returns c, signed for a wire format. groupContext is the encoded
// GroupContext of c's epoch; it counts only for members and external commits.
// A commit still lacks its confirmation tag. It fails with ErrContent, ErrSender,
// ErrPublicApplication, ErrPrivateSender, ErrTooLong or an error of package suite.
//
// It implements RFC 9420, Section 6.1.
func Sign(
	s *suite.Suite, key *suite.SigningKey, c mlswire.FramedContent, wf mlswire.WireFormat, groupContext []byte,
) (*mlswire.AuthenticatedContent, error) {
	if err := check(&c, wf); err != nil {
		return nil, err
	}
	signature, err := s.SignWithLabel(key, tbsLabel, c.TBS(mlswire.MLS10, wf, groupContext))
	if err != nil {
		return nil, err
	}
	return &mlswire.AuthenticatedContent{
		WireFormat: wf,
		Content:    c,
		Auth:       mlswire.FramedContentAuthData{Signature: signature},
	}, nil
}

// Verify checks the signature of a content under the sender's signature key. It
// fails with suite.ErrSignature. It implements RFC 9420, Section 6.1.
func Verify(s *suite.Suite, signatureKey []byte, ac *mlswire.AuthenticatedContent, groupContext []byte) error {
	tbs := ac.Content.TBS(mlswire.MLS10, ac.WireFormat, groupContext)
	return s.VerifyWithLabel(signatureKey, tbsLabel, tbs, ac.Auth.Signature)
}

// Ref returns the ProposalRef by which a commit names a proposal, RFC 9420,
// Section 5.2.
func Ref(s *suite.Suite, ac *mlswire.AuthenticatedContent) []byte {
	return s.RefHash("MLS 1.0 Proposal Reference", mlswire.Marshal(ac))
}

// check holds a content against the rules of RFC 9420, Sections 6 and 6.1, that
// depend on nothing else.
func check(c *mlswire.FramedContent, wf mlswire.WireFormat) error {
	if !wellFormed(c) {
		return ErrContent
	}
	if len(c.ApplicationData) > testOnlyMaxContent-len(c.AuthenticatedData) {
		return ErrTooLong
	}
	switch wf {
	case mlswire.WireFormatPublicMessage:
		if c.ContentType == mlswire.ContentTypeApplication {
			return ErrPublicApplication
		}
	case mlswire.WireFormatPrivateMessage:
		if c.Sender.Type != mlswire.SenderTypeMember {
			return ErrPrivateSender
		}
	default:
		return ErrWireFormat
	}
	return checkSender(c)
}

// wellFormed reports whether c holds what its type says and nothing else.
func wellFormed(c *mlswire.FramedContent) bool {
	switch c.ContentType {
	case mlswire.ContentTypeApplication:
		return c.Proposal == nil && c.Commit == nil
	case mlswire.ContentTypeProposal:
		return c.Proposal != nil && c.Commit == nil && c.ApplicationData == nil
	case mlswire.ContentTypeCommit:
		return c.Commit != nil && c.Proposal == nil && c.ApplicationData == nil
	default:
		return false
	}
}

// checkSender holds who sends against what is sent, RFC 9420, Section 6.1.
// Which proposals an external sender may send is for the group to say.
func checkSender(c *mlswire.FramedContent) error {
	allowed := false
	switch c.Sender.Type {
	case mlswire.SenderTypeMember:
		allowed = true
	case mlswire.SenderTypeExternal:
		allowed = c.ContentType == mlswire.ContentTypeProposal
	case mlswire.SenderTypeNewMemberCommit:
		allowed = c.ContentType == mlswire.ContentTypeCommit
	case mlswire.SenderTypeNewMemberProposal:
		allowed = c.ContentType == mlswire.ContentTypeProposal &&
			c.Proposal.ProposalType() == mlswire.ProposalTypeAdd
	}
	if !allowed {
		return ErrSender
	}
	return nil
}

// checkTag checks that a commit, and nothing else, has a confirmation tag,
// RFC 9420, Section 6.1.
func checkTag(ac *mlswire.AuthenticatedContent) error {
	if (ac.Content.ContentType == mlswire.ContentTypeCommit) != (len(ac.Auth.ConfirmationTag) > 0) {
		return ErrConfirmationTag
	}
	return nil
}

// membershipTag computes the membership_tag, a MAC over AuthenticatedContentTBM,
// RFC 9420, Section 6.2:
//
//	FramedContentTBS content_tbs | FramedContentAuthData auth
func membershipTag(
	s *suite.Suite, membershipKey secret.Value, ac *mlswire.AuthenticatedContent, groupContext []byte,
) []byte {
	return s.MAC(membershipKey, tbm(ac, groupContext))
}

func tbm(ac *mlswire.AuthenticatedContent, groupContext []byte) []byte {
	tbs := ac.Content.TBS(mlswire.MLS10, ac.WireFormat, groupContext)
	var w tlsenc.Writer
	ac.Auth.Encode(&w, ac.Content.ContentType)
	return append(tbs, w.Bytes()...)
}
