package keytranstest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
)

// A Signer signs notes: the log's key, or a witness's.
type Signer struct {
	Name string
	Alg  byte // 1 a log's, 4 a witness's: C2SP signed-note
	Key  ed25519.PrivateKey
}

// NewSigner returns a signer whose key depends on its name alone.
func NewSigner(name string, alg byte) *Signer {
	return &Signer{name, alg, ed25519.NewKeyFromSeed(Seed(name))}
}

func (s *Signer) id() []byte {
	public, _ := s.Key.Public().(ed25519.PublicKey)
	sum := sha256.Sum256(slices.Concat([]byte(s.Name), []byte{'\n', s.Alg}, public))
	return sum[:4]
}

// VKey returns the verifier key.
func (s *Signer) VKey() string {
	public, _ := s.Key.Public().(ed25519.PublicKey)
	return fmt.Sprintf("%s+%x+%s", s.Name, s.id(), base64.StdEncoding.EncodeToString(append([]byte{s.Alg}, public...)))
}

// Line returns the line of a note with a signature, right or wrong.
func (s *Signer) Line(sig []byte) string {
	return "— " + s.Name + " " + base64.StdEncoding.EncodeToString(append(s.id(), sig...)) + "\n"
}

// Sign returns the signature line of a log.
func (s *Signer) Sign(text string) string { return s.Line(ed25519.Sign(s.Key, []byte(text))) }

// Cosign returns the signature line of a witness at a time in milliseconds.
func (s *Signer) Cosign(text string, at uint64) string {
	at /= 1000
	sig := ed25519.Sign(s.Key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text))
	return s.Line(append(binary.BigEndian.AppendUint64(nil, at), sig...))
}
