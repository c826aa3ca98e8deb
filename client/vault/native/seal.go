package native

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"golang.org/x/crypto/chacha20poly1305"

	"conclave/client/vault"
	"conclave/core/secret"
	"conclave/core/tlsenc"
)

const (
	keySize   = 32
	nameSize  = 16 // bytes of a MAC that make a file's name
	checkSize = 16

	maxSealed = chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead + vault.MaxKey + vault.MaxValue + 4
)

// A sealer seals values and names files, each under a key of its own that is
// derived from the vault key, as is the key of the database.
type sealer struct{ values, names, database secret.Value }

func newSealer(key secret.Value) *sealer {
	return &sealer{
		values:   derive(key, "Conclave 1.0 vault value", keySize),
		names:    derive(key, "Conclave 1.0 vault name", keySize),
		database: derive(key, "Conclave 1.0 vault database", keySize),
	}
}

func derive(key secret.Value, label string, size int) secret.Value {
	b, err := hkdf.Expand(sha256.New, key.Expose(), label, size)
	if err != nil {
		panic("vault: internal error: " + err.Error()) // the sizes are constants
	}
	return secret.Own(b)
}

func (s *sealer) erase() {
	s.values.Erase()
	s.names.Erase()
	s.database.Erase()
}

// name returns the name of the file of a key.
func (s *sealer) name(key string) string {
	m := hmac.New(sha256.New, s.names.Expose())
	m.Write([]byte(key))
	return hex.EncodeToString(m.Sum(nil)[:nameSize])
}

func (s *sealer) seal(name, key string, value []byte) []byte {
	w := tlsenc.NewSecretWriter(len(key) + len(value) + 4)
	w.Vector([]byte(key))
	w.Fixed(value)
	defer clear(w.Bytes())
	aead, err := chacha20poly1305.NewX(s.values.Expose())
	if err != nil {
		panic("vault: internal error: " + err.Error()) // the key has the right size
	}
	out := make([]byte, aead.NonceSize(), aead.NonceSize()+len(w.Bytes())+aead.Overhead())
	_, _ = rand.Read(out) // never fails
	return aead.Seal(out, out, w.Bytes(), []byte(name))
}

// open returns what was sealed under a name, or vault.ErrDamaged.
func (s *sealer) open(name string, b []byte) (key string, value []byte, err error) {
	aead, err := chacha20poly1305.NewX(s.values.Expose())
	if err != nil {
		panic("vault: internal error: " + err.Error())
	}
	if len(b) < aead.NonceSize() {
		return "", nil, vault.ErrDamaged
	}
	plain, err := aead.Open(nil, b[:aead.NonceSize()], b[aead.NonceSize():], []byte(name))
	if err != nil {
		return "", nil, vault.ErrDamaged
	}
	r := tlsenc.NewReader(plain)
	k := string(r.Vector(vault.MaxKey))
	value = r.Rest()
	if r.Err() != nil {
		return "", nil, vault.ErrDamaged
	}
	return k, append([]byte{}, value...), nil
}

// fingerprint tells one vault key from another without saying anything of it.
func fingerprint(key secret.Value) string {
	return hex.EncodeToString(derive(key, "Conclave 1.0 vault check", checkSize).Expose())
}
