package witness

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/mod/sumdb/note"
)

// Signature types of C2SP signed-note.
const (
	typeEd25519     = 0x01
	typeCosignature = 0x04
)

// A signer makes cosignature/v1 signatures (C2SP tlog-cosignature).
type signer struct {
	name string
	hash uint32
	key  ed25519.PrivateKey
	vkey string
}

// GenerateKey returns a signing key for a witness of this name, which must have no
// spaces and no +.
func GenerateKey(name string) (string, error) {
	key, _, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", errors.New("witness: the name must not be empty and have no spaces and no +")
	}
	return key, nil
}

func newSigner(key string) (*signer, error) {
	// The errors do not hold the key.
	fields := strings.SplitN(key, "+", 5)
	if len(fields) != 5 || fields[0] != "PRIVATE" || fields[1] != "KEY" {
		return nil, errors.New("witness: the signing key does not begin with PRIVATE+KEY+")
	}
	if fields[2] == "" || strings.ContainsFunc(fields[2], unicode.IsSpace) {
		return nil, errors.New("witness: the signing key has no name")
	}
	b, err := base64.StdEncoding.DecodeString(fields[4])
	if err != nil || len(b) != 1+ed25519.SeedSize || b[0] != typeEd25519 && b[0] != typeCosignature {
		return nil, errors.New("witness: the signing key is not one of Ed25519")
	}
	s := &signer{name: fields[2], key: ed25519.NewKeyFromSeed(b[1:])}
	public := append([]byte{typeCosignature}, s.key[ed25519.SeedSize:]...)
	digest := sha256.Sum256(append([]byte(s.name+"\n"), public...))
	s.hash = binary.BigEndian.Uint32(digest[:])
	s.vkey = fmt.Sprintf("%s+%08x+%s", s.name, s.hash, base64.StdEncoding.EncodeToString(public))
	return s, nil
}

// cosign returns the signature line for the text of a checkpoint.
func (s *signer) cosign(text string, now time.Time) []byte {
	at := uint64(max(0, now.Unix()))
	sig := binary.BigEndian.AppendUint32(nil, s.hash)
	sig = binary.BigEndian.AppendUint64(sig, at)
	sig = append(sig, ed25519.Sign(s.key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text))...)
	return fmt.Appendf(nil, "\u2014 %s %s\n", s.name, base64.StdEncoding.EncodeToString(sig))
}
