package suite

import (
	"encoding/binary"

	"conclave/core/secret"
)

// versionLabel begins every label of HPKE, RFC 9180, Section 4.
const versionLabel = "HPKE-v1"

// A keySchedule is the key schedule of HPKE in its base mode, RFC 9180, Section 5.1.
//
// crypto/hpke is the same (the tests compare the two), but it hashes the info
// anew for each recipient, and programs that use it contain every curve it has:
// 0.9 MB of WebAssembly.
type keySchedule struct {
	hash      hashFunction
	suiteID   []byte
	pskIDHash []byte // of the empty psk_id, the one there is in base mode
	keySize   int
}

func newKeySchedule(kem, kdf, aead uint16, h hashFunction, keySize int) keySchedule {
	id := []byte("HPKE")
	for _, part := range []uint16{kem, kdf, aead} {
		id = binary.BigEndian.AppendUint16(id, part)
	}
	return keySchedule{h, id, h.labeledExtract(id, nil, "psk_id_hash", nil), keySize}
}

// An hpkeContext is what a key schedule ends in. The sequence number stays 0: MLS
// encrypts once with each, and so the nonce is base_nonce.
type hpkeContext struct {
	key, baseNonce, exporterSecret secret.Value
}

func (c hpkeContext) erase() {
	c.key.Erase()
	c.baseNonce.Erase()
	c.exporterSecret.Erase()
}

// infoHash is the part of the schedule that depends on info alone.
func (h keySchedule) infoHash(info []byte) []byte {
	return h.hash.labeledExtract(h.suiteID, nil, "info_hash", info)
}

// context implements KeySchedule of RFC 9180, Section 5.1, and overwrites the
// shared secret.
func (h keySchedule) context(shared, infoHash []byte) hpkeContext {
	inputs := append([]byte{0}, h.pskIDHash...) // mode_base
	inputs = append(inputs, infoHash...)
	sec := h.hash.labeledExtract(h.suiteID, shared, "secret", nil)
	clear(shared)
	defer clear(sec)
	expand := func(label string, length int) secret.Value {
		return secret.Own(h.hash.labeledExpand(h.suiteID, sec, label, inputs, length))
	}
	return hpkeContext{
		key:            expand("key", h.keySize),
		baseNonce:      expand("base_nonce", aeadNonceSize),
		exporterSecret: expand("exp", h.hash.size),
	}
}

// export implements Context.Export of RFC 9180, Section 5.3.
func (h keySchedule) export(c hpkeContext, label string, length int) secret.Value {
	return secret.Own(h.hash.labeledExpand(h.suiteID, c.exporterSecret.Expose(), "sec", []byte(label), length))
}

// labeledExtract implements LabeledExtract of RFC 9180, Section 4.
func (h hashFunction) labeledExtract(suiteID, salt []byte, label string, ikm []byte) []byte {
	return h.extract(salt, []byte(versionLabel), suiteID, []byte(label), ikm)
}

// labeledExpand implements LabeledExpand of RFC 9180, Section 4.
func (h hashFunction) labeledExpand(suiteID, prk []byte, label string, info []byte, length int) []byte {
	size := binary.BigEndian.AppendUint16(nil, uint16(length)) // expand bounds it
	return h.expand(prk, length, size, []byte(versionLabel), suiteID, []byte(label), info)
}
