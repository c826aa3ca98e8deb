package mls

import (
	"errors"
	"slices"

	"conclave/core/mls/internal/framing"
	"conclave/core/mls/internal/secrettree"
	"conclave/core/mlswire"
)

// Protect encrypts application data for the members of the epoch, RFC 9420,
// Section 15. The authenticated data travels unencrypted with it; nil is none.
//
// While proposals wait to be committed it returns [ErrPendingProposals], so that
// nothing is sent to a member whose removal is proposed (Section 12.4).
func (g *Group) Protect(plaintext, authenticatedData []byte) ([]byte, error) {
	return g.ProtectPadded(plaintext, authenticatedData, g.client.config.Padding)
}

// ProtectPadded is Protect with a padding of its own in place of Config.Padding:
// the content is rounded up to a multiple of so many bytes.
func (g *Group) ProtectPadded(plaintext, authenticatedData []byte, padding int) ([]byte, error) {
	if err := g.active(); err != nil {
		return nil, err
	}
	if padding < 0 || padding > maxPadding {
		return nil, because(ErrConfig, errors.New("padding out of range"))
	}
	if len(g.proposals) > 0 {
		return nil, ErrPendingProposals
	}
	content := g.current.content(authenticatedData)
	content.ContentType, content.ApplicationData = mlswire.ContentTypeApplication, plaintext
	signed, err := g.current.sign(content, mlswire.WireFormatPrivateMessage)
	if err != nil {
		return nil, err
	}
	return g.protectPadded(signed, padding)
}

// content is the frame of a message that this member sends in the epoch.
func (e *epoch) content(authenticatedData []byte) mlswire.FramedContent {
	return mlswire.FramedContent{
		GroupID: e.context.GroupID, Epoch: e.context.Epoch, Sender: e.sender(),
		AuthenticatedData: slices.Clone(authenticatedData),
	}
}

// handshakeFormat is how a proposal or a commit travels.
func (g *Group) handshakeFormat(public bool) mlswire.WireFormat {
	if public || g.client.config.PublicHandshakes {
		return mlswire.WireFormatPublicMessage
	}
	return mlswire.WireFormatPrivateMessage
}

// sign signs what this member sends.
func (e *epoch) sign(content mlswire.FramedContent, f mlswire.WireFormat) (*mlswire.AuthenticatedContent, error) {
	signed, err := framing.Sign(e.suite, e.signer, content, f, e.encoded)
	if err != nil {
		return nil, doing("mls: signing a message", err)
	}
	return signed, nil
}

// protect turns a signed content into a message, RFC 9420, Sections 6.2 and 6.3.
// It is the last step of sending: it consumes a generation.
func (g *Group) protect(signed *mlswire.AuthenticatedContent) ([]byte, error) {
	return g.protectPadded(signed, g.client.config.Padding)
}

func (g *Group) protectPadded(signed *mlswire.AuthenticatedContent, padding int) ([]byte, error) {
	e := g.current
	m := mlswire.Message{Version: mlswire.MLS10, WireFormat: signed.WireFormat}
	var err error
	if signed.WireFormat == mlswire.WireFormatPublicMessage {
		m.PublicMessage, err = framing.SealPublic(e.suite, e.secrets.Membership, signed, e.encoded)
	} else if err = g.mayUse(signed.Content.ContentType); err == nil {
		m.PrivateMessage, err = framing.SealPrivate(e.suite, e.secrets.SenderData, g.messages, signed, padding)
	}
	if err != nil {
		return nil, doing("mls: protecting a message", err)
	}
	return m.Marshal(), nil
}

// mayUse returns ErrSaveFirst when the next generation is beyond the lease.
func (g *Group) mayUse(t mlswire.ContentType) error {
	kind, limit := secrettree.Handshake, g.lease.handshake
	if t == mlswire.ContentTypeApplication {
		kind, limit = secrettree.Application, g.lease.application
	}
	if g.lease.taken && g.messages.Generation(uint32(g.current.self()), kind) >= limit {
		g.lease.idle = nil // the next snapshot allows it
		return ErrSaveFirst
	}
	return nil
}
