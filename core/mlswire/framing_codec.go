package mlswire

import "conclave/core/tlsenc"

// Encode appends a sender. It panics on an unknown type.
func (s *Sender) Encode(w *tlsenc.Writer) {
	w.Uint8(uint8(s.Type))
	switch s.Type {
	case SenderTypeMember, SenderTypeExternal:
		w.Uint32(s.Index)
	case SenderTypeNewMemberProposal, SenderTypeNewMemberCommit:
	default:
		panic("mlswire: internal error: encoding a sender of unknown type")
	}
}

func decodeSender(d *decoder) Sender {
	s := Sender{Type: SenderType(d.r.Uint8())}
	switch s.Type {
	case SenderTypeMember, SenderTypeExternal:
		s.Index = d.r.Uint32()
	case SenderTypeNewMemberProposal, SenderTypeNewMemberCommit:
	default:
		d.failUnlessShort(ErrSenderType)
	}
	return s
}

// Encode appends a content. It panics on an unknown sender or content type.
func (c *FramedContent) Encode(w *tlsenc.Writer) {
	w.Vector(c.GroupID)
	w.Uint64(c.Epoch)
	c.Sender.Encode(w)
	w.Vector(c.AuthenticatedData)
	w.Uint8(uint8(c.ContentType))
	c.EncodeBody(w)
}

// EncodeBody appends what c holds alone: the application data, the proposal or
// the commit, as PrivateMessageContent begins, RFC 9420, Section 6.3.1. It
// panics on an unknown content type.
func (c *FramedContent) EncodeBody(w *tlsenc.Writer) {
	switch c.ContentType {
	case ContentTypeApplication:
		w.Vector(c.ApplicationData)
	case ContentTypeProposal:
		c.Proposal.Encode(w)
	case ContentTypeCommit:
		c.Commit.Encode(w)
	default:
		panic("mlswire: internal error: encoding a content of unknown type")
	}
}

// TBS returns FramedContentTBS, RFC 9420, Section 6.1: what the signature of c
// covers. The group context, encoded, counts only for members and those who
// join by commit; for other senders it is ignored.
func (c *FramedContent) TBS(v ProtocolVersion, f WireFormat, groupContext []byte) []byte {
	w := tlsenc.NewWriter(512 + len(groupContext))
	w.Uint16(uint16(v))
	w.Uint16(uint16(f))
	c.Encode(w)
	if c.Sender.Type == SenderTypeMember || c.Sender.Type == SenderTypeNewMemberCommit {
		w.Fixed(groupContext)
	}
	return w.Bytes()
}

func decodeFramedContent(d *decoder) FramedContent {
	c := FramedContent{
		GroupID:           d.bytes(),
		Epoch:             d.r.Uint64(),
		Sender:            decodeSender(d),
		AuthenticatedData: d.bytes(),
		ContentType:       ContentType(d.r.Uint8()),
	}
	decodeBody(d, &c)
	return c
}

// decodeBody reads what c holds, as c.ContentType says.
func decodeBody(d *decoder, c *FramedContent) {
	switch c.ContentType {
	case ContentTypeApplication:
		c.ApplicationData = d.bytes()
	case ContentTypeProposal:
		c.Proposal = decodeProposal(d)
	case ContentTypeCommit:
		if commit := decodeCommit(d); d.spend(costCommit) {
			c.Commit = kept(commit)
		}
	default:
		d.failUnlessShort(ErrContentType)
	}
}

// Encode appends the authentication of a content of type t: the confirmation
// tag only for a commit.
func (a *FramedContentAuthData) Encode(w *tlsenc.Writer, t ContentType) {
	w.Vector(a.Signature)
	if t == ContentTypeCommit {
		w.Vector(a.ConfirmationTag)
	}
}

func decodeAuthData(d *decoder, t ContentType) FramedContentAuthData {
	a := FramedContentAuthData{Signature: d.bytes()}
	if t == ContentTypeCommit {
		a.ConfirmationTag = d.bytes()
	}
	return a
}

// Encode appends an authenticated content.
func (a *AuthenticatedContent) Encode(w *tlsenc.Writer) {
	w.Uint16(uint16(a.WireFormat))
	a.Content.Encode(w)
	a.Auth.Encode(w, a.Content.ContentType)
}

func decodeAuthenticatedContent(d *decoder) AuthenticatedContent {
	a := AuthenticatedContent{
		WireFormat: WireFormat(d.r.Uint16()),
		Content:    decodeFramedContent(d),
	}
	a.Auth = decodeAuthData(d, a.Content.ContentType)
	return a
}

// Encode appends a PublicMessage.
func (p *PublicMessage) Encode(w *tlsenc.Writer) {
	p.Content.Encode(w)
	p.Auth.Encode(w, p.Content.ContentType)
	if p.Content.Sender.Type == SenderTypeMember {
		w.Vector(p.MembershipTag)
	}
}

func decodePublicMessage(d *decoder) PublicMessage {
	p := PublicMessage{Content: decodeFramedContent(d)}
	p.Auth = decodeAuthData(d, p.Content.ContentType)
	if p.Content.Sender.Type == SenderTypeMember {
		p.MembershipTag = d.bytes()
	}
	return p
}

// Encode appends a PrivateMessage.
func (p *PrivateMessage) Encode(w *tlsenc.Writer) {
	p.encodeAAD(w)
	w.Vector(p.EncryptedSenderData)
	w.Vector(p.Ciphertext)
}

func (p *PrivateMessage) encodeAAD(w *tlsenc.Writer) {
	w.Vector(p.GroupID)
	w.Uint64(p.Epoch)
	w.Uint8(uint8(p.ContentType))
	w.Vector(p.AuthenticatedData)
}

// AAD returns PrivateContentAAD, RFC 9420, Section 6.3.1: what the encryption
// of the content authenticates.
func (p *PrivateMessage) AAD() []byte {
	w := tlsenc.NewWriter(64 + len(p.GroupID) + len(p.AuthenticatedData))
	p.encodeAAD(w)
	return w.Bytes()
}

func decodePrivateMessage(d *decoder) PrivateMessage {
	p := PrivateMessage{GroupID: d.bytes(), Epoch: d.r.Uint64(), ContentType: ContentType(d.r.Uint8())}
	switch p.ContentType {
	case ContentTypeApplication, ContentTypeProposal, ContentTypeCommit:
	default:
		d.failUnlessShort(ErrContentType)
	}
	p.AuthenticatedData = d.bytes()
	p.EncryptedSenderData = d.bytes()
	p.Ciphertext = d.bytes()
	return p
}
