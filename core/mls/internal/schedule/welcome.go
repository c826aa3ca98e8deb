package schedule

import (
	"bytes"

	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// welcomeKeys derives the welcome_key and welcome_nonce, RFC 9420, Section
// 12.4.3.1.
func (m Member) welcomeKeys() (key, nonce secret.Value) {
	welcome := m.suite.DeriveSecret(m.secret, "welcome")
	defer welcome.Erase()
	key = m.suite.ExpandWithLabel(welcome, "key", nil, m.suite.KeySize())
	nonce = m.suite.ExpandWithLabel(welcome, "nonce", nil, m.suite.NonceSize())
	return key, nonce
}

// SealGroupInfo encrypts an encoded, signed GroupInfo for a Welcome, RFC 9420,
// Section 12.4.3.1. Key and nonce are fixed by the epoch, so an epoch must not
// seal two different GroupInfos: all its Welcomes share the one result.
func (m Member) SealGroupInfo(groupInfo []byte) []byte {
	key, nonce := m.welcomeKeys()
	defer key.Erase()
	defer nonce.Erase()
	return m.suite.Seal(key, nonce, nil, groupInfo)
}

// OpenGroupInfo decrypts the encrypted_group_info of a Welcome, RFC 9420,
// Section 12.4.3.1. It fails with ErrGroupInfo: the Welcome was changed or a
// pre-shared key is wrong.
func (m Member) OpenGroupInfo(encryptedGroupInfo []byte) ([]byte, error) {
	key, nonce := m.welcomeKeys()
	defer key.Erase()
	defer nonce.Erase()
	groupInfo, err := m.suite.Open(key, nonce, nil, encryptedGroupInfo)
	if err != nil {
		return nil, ErrGroupInfo
	}
	return groupInfo, nil
}

// GroupSecrets are what a Welcome holds for one new member, RFC 9420, Section
// 12.4.3.1:
//
//	opaque joiner_secret<V> | optional<PathSecret> | PreSharedKeyID psks<V>
type GroupSecrets struct {
	JoinerSecret secret.Value
	// PathSecret is empty where the commit had no path.
	PathSecret secret.Value
	PSKs       []mlswire.PreSharedKeyID
}

// welcomeLabel is the label under which GroupSecrets are encrypted, RFC 9420,
// Section 12.4.3.1.
const welcomeLabel = "Welcome"

// Seal encrypts g to the init_key of a KeyPackage, bound to the Welcome's
// encrypted_group_info, RFC 9420, Section 12.4.3.1. A malformed init key is an
// error of package suite.
func (g *GroupSecrets) Seal(s *suite.Suite, initKey, encryptedGroupInfo []byte) (mlswire.HPKECiphertext, error) {
	return g.SealWith(WelcomeEncrypter(s, encryptedGroupInfo), initKey)
}

// SealWith is Seal for one of many: it hashes no GroupInfo.
func (g *GroupSecrets) SealWith(e *suite.Encrypter, initKey []byte) (mlswire.HPKECiphertext, error) {
	plaintext := g.encode()
	defer plaintext.Erase()
	return e.Encrypt(initKey, plaintext.Expose())
}

// WelcomeEncrypter returns what [GroupSecrets.SealWith] encrypts with, for all
// new members of a Welcome.
func WelcomeEncrypter(s *suite.Suite, encryptedGroupInfo []byte) *suite.Encrypter {
	return s.EncrypterWithLabel(welcomeLabel, encryptedGroupInfo)
}

// OpenGroupSecrets decrypts what Seal made, with the private init key. It fails
// with an error of package suite, an error of decoding, or ErrSecretLength.
func OpenGroupSecrets(
	s *suite.Suite, initKey secret.Value, encryptedGroupInfo []byte, c mlswire.HPKECiphertext,
) (*GroupSecrets, error) {
	plaintext, err := s.DecryptWithLabel(initKey, welcomeLabel, encryptedGroupInfo, c)
	if err != nil {
		return nil, err
	}
	defer plaintext.Erase()
	g, err := ParseGroupSecrets(plaintext)
	if err != nil {
		return nil, err
	}
	size := s.HashSize()
	if g.JoinerSecret.Len() != size || (g.PathSecret.Len() != 0 && g.PathSecret.Len() != size) {
		g.Erase()
		return nil, ErrSecretLength
	}
	return g, nil
}

// encode returns g in the form that ParseGroupSecrets reads.
func (g *GroupSecrets) encode() secret.Value {
	var psks tlsenc.Writer
	psks.Nested(func(w *tlsenc.Writer) {
		for i := range g.PSKs {
			g.PSKs[i].Encode(w)
		}
	})
	// The exact size, so that no secret stays behind in an outgrown slice.
	w := tlsenc.NewWriter(4 + g.JoinerSecret.Len() + 1 + 4 + g.PathSecret.Len() + len(psks.Bytes()))
	w.Vector(g.JoinerSecret.Expose())
	if g.PathSecret.Len() == 0 {
		w.Uint8(0)
	} else {
		w.Uint8(1)
		w.Vector(g.PathSecret.Expose())
	}
	w.Fixed(psks.Bytes())
	return secret.Own(w.Bytes())
}

// ParseGroupSecrets decodes GroupSecrets. It copies what it keeps; the caller
// erases the input. Errors are those of packages tlsenc and mlswire.
func ParseGroupSecrets(encoded secret.Value) (*GroupSecrets, error) {
	r := tlsenc.NewReader(encoded.Expose())
	joiner := r.Vector(r.Len())
	var path []byte
	switch r.Uint8() {
	case 0:
	case 1:
		path = r.Vector(r.Len())
		if r.Err() == nil && len(path) == 0 {
			return nil, ErrSecretLength
		}
	default:
		return nil, mlswire.ErrOptional
	}
	// What is decoded of the PSKs is kept and may be told to the application, so
	// it must not alias memory that is erased.
	rest := tlsenc.NewReader(bytes.Clone(r.Rest()))
	if err := r.Done(); err != nil {
		return nil, err
	}
	psks, err := mlswire.DecodePreSharedKeyIDs(&rest)
	if err == nil {
		err = rest.Done()
	}
	if err != nil {
		return nil, err
	}
	return &GroupSecrets{JoinerSecret: secret.New(joiner), PathSecret: secret.New(path), PSKs: psks}, nil
}

// Erase overwrites both secrets.
func (g *GroupSecrets) Erase() {
	g.JoinerSecret.Erase()
	g.PathSecret.Erase()
}
