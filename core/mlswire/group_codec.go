package mlswire

import "conclave/core/tlsenc"

// Encode appends a group context.
func (c *GroupContext) Encode(w *tlsenc.Writer) {
	w.Uint16(uint16(c.Version))
	w.Uint16(uint16(c.CipherSuite))
	w.Vector(c.GroupID)
	w.Uint64(c.Epoch)
	w.Vector(c.TreeHash)
	w.Vector(c.ConfirmedTranscriptHash)
	c.Extensions.Encode(w)
}

func decodeGroupContext(d *decoder) GroupContext {
	return GroupContext{
		Version:                 d.version(),
		CipherSuite:             CipherSuite(d.r.Uint16()),
		GroupID:                 d.bytes(),
		Epoch:                   d.r.Uint64(),
		TreeHash:                d.bytes(),
		ConfirmedTranscriptHash: d.bytes(),
		Extensions:              decodeExtensions(d),
	}
}

// Encode appends a GroupInfo.
func (g *GroupInfo) Encode(w *tlsenc.Writer) {
	g.encodeSigned(w)
	w.Vector(g.Signature)
}

func (g *GroupInfo) encodeSigned(w *tlsenc.Writer) {
	g.GroupContext.Encode(w)
	g.Extensions.Encode(w)
	w.Vector(g.ConfirmationTag)
	w.Uint32(g.Signer)
}

// TBS returns GroupInfoTBS, RFC 9420, Section 12.4.3: what the signature of g covers.
func (g *GroupInfo) TBS() []byte {
	w := tlsenc.NewWriter(512)
	g.encodeSigned(w)
	return w.Bytes()
}

func decodeGroupInfo(d *decoder) GroupInfo {
	return GroupInfo{
		GroupContext:    decodeGroupContext(d),
		Extensions:      decodeExtensions(d),
		ConfirmationTag: d.bytes(),
		Signer:          d.r.Uint32(),
		Signature:       d.bytes(),
	}
}

// Encode appends the secrets for one new member.
func (s *EncryptedGroupSecrets) Encode(w *tlsenc.Writer) {
	w.Vector(s.NewMember)
	s.EncryptedGroupSecrets.Encode(w)
}

func decodeEncryptedGroupSecrets(d *decoder) EncryptedGroupSecrets {
	return EncryptedGroupSecrets{NewMember: d.bytes(), EncryptedGroupSecrets: decodeHPKECiphertext(d)}
}

// Encode appends a Welcome.
func (v *Welcome) Encode(w *tlsenc.Writer) {
	w.Uint16(uint16(v.CipherSuite))
	encodeList(w, v.Secrets)
	w.Vector(v.EncryptedGroupInfo)
}

func decodeWelcome(d *decoder) Welcome {
	return Welcome{
		CipherSuite:        CipherSuite(d.r.Uint16()),
		Secrets:            list(d, costEncryptedSecret, decodeEncryptedGroupSecrets),
		EncryptedGroupInfo: d.bytes(),
	}
}
