package mlswire

import "conclave/core/tlsenc"

// Encode appends a credential. It panics on an unknown type.
func (c *Credential) Encode(w *tlsenc.Writer) {
	w.Uint16(uint16(c.Type))
	switch c.Type {
	case CredentialTypeBasic:
		w.Vector(c.Identity)
	case CredentialTypeX509:
		w.Nested(func(w *tlsenc.Writer) {
			for _, certificate := range c.Certificates {
				w.Vector(certificate)
			}
		})
	default:
		panic("mlswire: internal error: encoding a credential of unknown type")
	}
}

func decodeCredential(d *decoder) Credential {
	c := Credential{Type: CredentialType(d.r.Uint16())}
	switch c.Type {
	case CredentialTypeBasic:
		c.Identity = d.bytes()
	case CredentialTypeX509:
		c.Certificates = list(d, costBytes, (*decoder).bytes)
	default:
		d.failUnlessShort(ErrCredentialType)
	}
	return c
}

// Encode appends capabilities.
func (c *Capabilities) Encode(w *tlsenc.Writer) {
	encodeUint16s(w, c.Versions)
	encodeUint16s(w, c.CipherSuites)
	encodeUint16s(w, c.Extensions)
	encodeUint16s(w, c.Proposals)
	encodeUint16s(w, c.Credentials)
}

// decodeCapabilities keeps values it does not know, RFC 9420, Section 13.5.
func decodeCapabilities(d *decoder) Capabilities {
	return Capabilities{
		Versions:     uint16s[ProtocolVersion](d),
		CipherSuites: uint16s[CipherSuite](d),
		Extensions:   uint16s[ExtensionType](d),
		Proposals:    uint16s[ProposalType](d),
		Credentials:  uint16s[CredentialType](d),
	}
}

// Encode appends a leaf node. It panics on an unknown source or credential.
func (l *LeafNode) Encode(w *tlsenc.Writer) {
	l.encodeSigned(w)
	w.Vector(l.Signature)
}

// encodeSigned appends all fields above the signature.
func (l *LeafNode) encodeSigned(w *tlsenc.Writer) {
	w.Vector(l.EncryptionKey)
	w.Vector(l.SignatureKey)
	l.Credential.Encode(w)
	l.Capabilities.Encode(w)
	w.Uint8(uint8(l.Source))
	switch l.Source {
	case LeafNodeSourceKeyPackage:
		w.Uint64(l.Lifetime.NotBefore)
		w.Uint64(l.Lifetime.NotAfter)
	case LeafNodeSourceUpdate:
	case LeafNodeSourceCommit:
		w.Vector(l.ParentHash)
	default:
		panic("mlswire: internal error: encoding a leaf node of unknown source")
	}
	l.Extensions.Encode(w)
}

// TBS returns LeafNodeTBS, RFC 9420, Section 7.2: what the signature of l
// covers. The group and the leaf index count only for leaf nodes of an update
// or a commit; for those of a KeyPackage they are ignored.
func (l *LeafNode) TBS(groupID []byte, leaf uint32) []byte {
	w := tlsenc.NewWriter(512)
	l.encodeSigned(w)
	if l.Source != LeafNodeSourceKeyPackage {
		w.Vector(groupID)
		w.Uint32(leaf)
	}
	return w.Bytes()
}

func decodeLeafNode(d *decoder) LeafNode {
	l := LeafNode{
		EncryptionKey: d.bytes(),
		SignatureKey:  d.bytes(),
		Credential:    decodeCredential(d),
		Capabilities:  decodeCapabilities(d),
		Source:        LeafNodeSource(d.r.Uint8()),
	}
	switch l.Source {
	case LeafNodeSourceKeyPackage:
		l.Lifetime = Lifetime{NotBefore: d.r.Uint64(), NotAfter: d.r.Uint64()}
	case LeafNodeSourceUpdate:
	case LeafNodeSourceCommit:
		l.ParentHash = d.bytes()
	default:
		d.failUnlessShort(ErrLeafNodeSource)
	}
	l.Extensions = decodeExtensions(d)
	l.Signature = d.bytes()
	return l
}

// Encode appends a KeyPackage.
func (k *KeyPackage) Encode(w *tlsenc.Writer) {
	k.encodeSigned(w)
	w.Vector(k.Signature)
}

func (k *KeyPackage) encodeSigned(w *tlsenc.Writer) {
	w.Uint16(uint16(k.Version))
	w.Uint16(uint16(k.CipherSuite))
	w.Vector(k.InitKey)
	k.LeafNode.Encode(w)
	k.Extensions.Encode(w)
}

// TBS returns KeyPackageTBS, RFC 9420, Section 10: what the signature of k covers.
func (k *KeyPackage) TBS() []byte {
	w := tlsenc.NewWriter(512)
	k.encodeSigned(w)
	return w.Bytes()
}

func decodeKeyPackage(d *decoder) KeyPackage {
	return KeyPackage{
		Version:     d.version(),
		CipherSuite: CipherSuite(d.r.Uint16()),
		InitKey:     d.bytes(),
		LeafNode:    decodeLeafNode(d),
		Extensions:  decodeExtensions(d),
		Signature:   d.bytes(),
	}
}
