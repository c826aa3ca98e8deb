package mls

import (
	"testing"

	"conclave/core/mls/internal/framing"
	"conclave/core/mls/internal/secrettree"
	"conclave/core/mlswire"
	"conclave/core/tlsenc"
)

// senderData is SenderData of RFC 9420, Section 6.3.2, without the reuse guard,
// which is zero here.
type senderData struct{ Leaf, Generation uint32 }

// privateWith encrypts application data of a member's own, with the sender data
// changed before they are encrypted and the plaintext before it is. It does what
// framing.SealPrivate does, which cannot be made to do it wrong.
func privateWith(t testing.TB, g *Group, who func(*senderData), plaintext func([]byte) []byte) []byte {
	t.Helper()
	e := g.current
	c := e.content(nil)
	c.ContentType, c.ApplicationData = mlswire.ContentTypeApplication, []byte("hello")
	signed := must1(framing.Sign(e.suite, e.signer, c, mlswire.WireFormatPrivateMessage, e.encoded))
	var content tlsenc.Writer
	content.Vector(c.ApplicationData)
	signed.Auth.Encode(&content, c.ContentType)
	encoded := content.Bytes()
	if plaintext != nil {
		encoded = plaintext(encoded)
	}
	key := must1(g.messages.Next(uint32(e.self()), secrettree.Application))
	d := senderData{Leaf: uint32(e.self()), Generation: key.Generation}
	if who != nil {
		who(&d)
	}

	// SenderDataAAD, and with the authenticated data PrivateContentAAD.
	var aad tlsenc.Writer
	aad.Vector(c.GroupID)
	aad.Uint64(c.Epoch)
	aad.Uint8(uint8(c.ContentType))
	senderAAD := append([]byte{}, aad.Bytes()...)
	aad.Vector(c.AuthenticatedData)
	m := &mlswire.PrivateMessage{GroupID: c.GroupID, Epoch: c.Epoch, ContentType: c.ContentType}
	m.Ciphertext = e.suite.Seal(key.Key, key.Nonce, aad.Bytes(), encoded)

	sample := m.Ciphertext[:e.suite.HashSize()]
	var sender tlsenc.Writer
	sender.Uint32(d.Leaf)
	sender.Uint32(d.Generation)
	sender.Uint32(0)
	m.EncryptedSenderData = e.suite.Seal(
		e.suite.ExpandWithLabel(e.secrets.SenderData, "key", sample, e.suite.KeySize()),
		e.suite.ExpandWithLabel(e.secrets.SenderData, "nonce", sample, e.suite.NonceSize()),
		senderAAD, sender.Bytes(),
	)
	out := mlswire.Message{Version: mlswire.MLS10, WireFormat: mlswire.WireFormatPrivateMessage, PrivateMessage: m}
	return out.Marshal()
}

// defaultForward is how many messages of one sender may be missing.
const defaultForward = secrettree.DefaultForward
