package framing

import (
	"crypto/rand"
	"crypto/subtle"

	"conclave/core/mls/internal/secrettree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// kind returns the ratchet that encrypts a type of content, RFC 9420, Section
// 6.3.1.
func kind(t mlswire.ContentType) secrettree.Kind {
	if t == mlswire.ContentTypeApplication {
		return secrettree.Application
	}
	return secrettree.Handshake
}

// SealPrivate makes a PrivateMessage of a signed content, which for a commit
// has its confirmation tag. It takes the sender's next key from keys. The
// plaintext is padded with zeros to a multiple of block bytes; 0 and 1 pad
// nothing. It fails like Sign, with ErrConfirmationTag, or with an error of
// package secrettree, and then consumes no key.
//
// It implements RFC 9420, Section 6.3.
func SealPrivate(
	s *suite.Suite, senderData secret.Value, keys *secrettree.Tree, ac *mlswire.AuthenticatedContent, block int,
) (*mlswire.PrivateMessage, error) {
	c := &ac.Content
	if ac.WireFormat != mlswire.WireFormatPrivateMessage {
		return nil, ErrWireFormat
	}
	if err := check(c, ac.WireFormat); err != nil {
		return nil, err
	}
	if err := checkTag(ac); err != nil {
		return nil, err
	}
	plaintext, err := encodeContent(ac, block)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	key, err := keys.Next(c.Sender.Index, kind(c.ContentType))
	if err != nil {
		return nil, err
	}
	defer key.Erase()

	m := &mlswire.PrivateMessage{
		GroupID:           c.GroupID,
		Epoch:             c.Epoch,
		ContentType:       c.ContentType,
		AuthenticatedData: c.AuthenticatedData,
	}
	who := SenderData{Leaf: c.Sender.Index, Generation: key.Generation}
	_, _ = rand.Read(who.ReuseGuard[:]) // never fails: it crashes the program instead
	nonce := guard(key.Nonce, who.ReuseGuard)
	defer nonce.Erase()
	m.Ciphertext = s.Seal(key.Key, nonce, contentAAD(m), plaintext)
	m.EncryptedSenderData = sealSenderData(s, senderData, m, who)
	return m, nil
}

// An Opened is a decrypted PrivateMessage.
type Opened struct {
	// Content is not yet verified: see [Verify].
	Content *mlswire.AuthenticatedContent
	// Key is to be consumed (secrettree.Tree.Use) once Content is accepted, and
	// erased otherwise.
	Key secrettree.Candidate
}

// OpenPrivate decrypts a PrivateMessage of the epoch that senderData and keys
// belong to, and changes neither. member says whether a leaf is that of a
// member who may have sent m: RFC 9420, Section 6.3.2 refuses blank leaves, and
// an error of member ends the work before a key is derived. The signature is
// still to be verified. It fails with ErrSenderData, ErrCiphertext, ErrPadding,
// ErrConfirmationTag, an error of member, package secrettree, mlswire or tlsenc.
//
// It implements RFC 9420, Section 6.3.
func OpenPrivate(
	s *suite.Suite, senderData secret.Value, keys *secrettree.Tree,
	m *mlswire.PrivateMessage, member func(leaf uint32) error,
) (*Opened, error) {
	who, err := openSenderData(s, senderData, m)
	if err != nil {
		return nil, err
	}
	if err := member(who.Leaf); err != nil {
		return nil, err
	}
	key, err := keys.Find(who.Leaf, kind(m.ContentType), who.Generation)
	if err != nil {
		return nil, err
	}
	nonce := guard(key.Nonce, who.ReuseGuard)
	defer nonce.Erase()
	plaintext, err := s.Open(key.Key.Key, nonce, contentAAD(m), m.Ciphertext)
	if err != nil {
		key.Erase()
		return nil, ErrCiphertext
	}
	ac, err := decodeContent(m, who.Leaf, plaintext)
	if err != nil {
		key.Erase()
		return nil, err
	}
	return &Opened{Content: ac, Key: key}, nil
}

// guard XORs the reuse guard onto the first four bytes of a nonce, RFC 9420,
// Section 6.3.1.
func guard(nonce secret.Value, reuseGuard [4]byte) secret.Value {
	guarded := secret.New(nonce.Expose())
	b := guarded.Expose()
	subtle.XORBytes(b, b[:len(reuseGuard)], reuseGuard[:])
	return guarded
}

// contentAAD encodes PrivateContentAAD, RFC 9420, Section 6.3.1:
//
//	opaque group_id<V> | uint64 epoch | ContentType content_type
//	opaque authenticated_data<V>
func contentAAD(m *mlswire.PrivateMessage) []byte {
	w := tlsenc.NewWriter(4 + len(m.GroupID) + 8 + 1 + 4 + len(m.AuthenticatedData))
	senderDataAAD(w, m)
	w.Vector(m.AuthenticatedData)
	return w.Bytes()
}
