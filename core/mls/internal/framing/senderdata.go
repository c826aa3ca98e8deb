package framing

import (
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// SenderData says with which key a message is encrypted, RFC 9420, Section
// 6.3.2:
//
//	uint32 leaf_index | uint32 generation | opaque reuse_guard[4]
type SenderData struct {
	Leaf       uint32
	Generation uint32
	ReuseGuard [4]byte
}

// senderDataKeys derives the key and nonce of the sender data from a sample of
// the ciphertext, RFC 9420, Section 6.3.2.
func senderDataKeys(s *suite.Suite, senderData secret.Value, ciphertext []byte) (key, nonce secret.Value) {
	sample := ciphertext[:min(len(ciphertext), s.HashSize())]
	key = s.ExpandWithLabel(senderData, "key", sample, s.KeySize())
	nonce = s.ExpandWithLabel(senderData, "nonce", sample, s.NonceSize())
	return key, nonce
}

// senderDataAAD encodes SenderDataAAD, RFC 9420, Section 6.3.2:
//
//	opaque group_id<V> | uint64 epoch | ContentType content_type
func senderDataAAD(w *tlsenc.Writer, m *mlswire.PrivateMessage) {
	w.Vector(m.GroupID)
	w.Uint64(m.Epoch)
	w.Uint8(uint8(m.ContentType))
}

func sealSenderData(s *suite.Suite, senderData secret.Value, m *mlswire.PrivateMessage, who SenderData) []byte {
	key, nonce := senderDataKeys(s, senderData, m.Ciphertext)
	defer key.Erase()
	defer nonce.Erase()
	plaintext := tlsenc.NewWriter(4 + 4 + len(who.ReuseGuard))
	plaintext.Uint32(who.Leaf)
	plaintext.Uint32(who.Generation)
	plaintext.Fixed(who.ReuseGuard[:])
	aad := tlsenc.NewWriter(4 + len(m.GroupID) + 8 + 1)
	senderDataAAD(aad, m)
	return s.Seal(key, nonce, aad.Bytes(), plaintext.Bytes())
}

func openSenderData(s *suite.Suite, senderData secret.Value, m *mlswire.PrivateMessage) (SenderData, error) {
	key, nonce := senderDataKeys(s, senderData, m.Ciphertext)
	defer key.Erase()
	defer nonce.Erase()
	aad := tlsenc.NewWriter(4 + len(m.GroupID) + 8 + 1)
	senderDataAAD(aad, m)
	plaintext, err := s.Open(key, nonce, aad.Bytes(), m.EncryptedSenderData)
	if err != nil {
		return SenderData{}, ErrSenderData
	}
	r := tlsenc.NewReader(plaintext)
	who := SenderData{Leaf: r.Uint32(), Generation: r.Uint32()}
	copy(who.ReuseGuard[:], r.Fixed(len(who.ReuseGuard)))
	if err := r.Done(); err != nil {
		return SenderData{}, err
	}
	return who, nil
}
