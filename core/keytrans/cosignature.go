package keytrans

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Algorithms of note keys, C2SP signed-note.
const (
	algEd25519     = 0x01
	algCosignature = 0x04
)

const cosignatureSize = 8 + ed25519.SignatureSize

// A noteKey is a key of a signed note: C2SP signed-note, "Verifier keys".
type noteKey struct {
	name string
	id   uint32 // as signatures of this kind carry it
	key  [ed25519.PublicKeySize]byte
}

// parseNoteKey reads a verifier key. For the key of a witness the id is that of
// cosignature/v1, also if the text is that of a plain Ed25519 key.
func parseNoteKey(text string, witness bool) (*noteKey, error) {
	name, rest, _ := strings.Cut(text, "+")
	id, encoded, _ := strings.Cut(rest, "+")
	sum, err := hex.DecodeString(id)
	if err != nil || len(sum) != 4 {
		return nil, fmt.Errorf("%w key: its id is not 8 hexadecimal digits", ErrFormat)
	}
	raw, err := decodeBase64(encoded)
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || !validKeyName(name) {
		return nil, fmt.Errorf("%w key: its name or its bytes are not those of an Ed25519 key", ErrFormat)
	}
	if binary.BigEndian.Uint32(sum) != noteKeyID(name, raw) {
		return nil, fmt.Errorf("%w key: its id does not belong to it", ErrFormat)
	}
	k := &noteKey{name: name, key: [32]byte(raw[1:])}
	switch {
	case witness && (raw[0] == algCosignature || raw[0] == algEd25519):
		raw[0] = algCosignature
	case !witness && raw[0] == algEd25519:
	default:
		return nil, fmt.Errorf("%w key: signatures of kind %d cannot be checked here", ErrFormat, raw[0])
	}
	k.id = noteKeyID(name, raw)
	return k, nil
}

func noteKeyID(name string, typed []byte) uint32 {
	h := sha256.New()
	h.Write([]byte(name))
	h.Write([]byte{'\n'})
	h.Write(typed)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// validKeyName reports whether name may be that of a key.
func validKeyName(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.Contains(name, "+") && strings.IndexFunc(name, unicode.IsSpace) < 0
}

// decodeBase64 is strict: one text for each value.
func decodeBase64(text string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	if base64.StdEncoding.EncodeToString(b) != text {
		return nil, base64.CorruptInputError(0)
	}
	return b, nil
}

// cosigned returns the time of a cosignature of text in milliseconds since 1970,
// if it is one by k: C2SP tlog-cosignature, Ed25519.
func (k *noteKey) cosigned(text, signature []byte) (at uint64, ok bool) {
	if len(signature) != cosignatureSize {
		return 0, false
	}
	seconds := binary.BigEndian.Uint64(signature)
	if seconds > maxTime/1000 {
		return 0, false
	}
	message := bytes.NewBuffer(make([]byte, 0, 64+len(text)))
	message.WriteString("cosignature/v1\ntime ")
	message.WriteString(strconv.FormatUint(seconds, 10))
	message.WriteByte('\n')
	message.Write(text)
	return 1000 * seconds, ed25519.Verify(k.key[:], message.Bytes(), signature[8:])
}
