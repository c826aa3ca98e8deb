package mlswire

import (
	"bytes"

	"conclave/core/tlsenc"
)

// parse reads all of a copy of b with read.
func parse[T any](b []byte, read func(*decoder) T) (*T, error) {
	d := newDecoder(tlsenc.NewReader(bytes.Clone(b)))
	v := read(&d)
	if err := d.done(); err != nil {
		return nil, err
	}
	return &v, nil
}

// parseValue is parse for types that are not used behind a pointer.
func parseValue[T any](b []byte, read func(*decoder) T) (T, error) {
	v, err := parse(b, read)
	if err != nil {
		var zero T
		return zero, err
	}
	return *v, nil
}

// ParseMessage parses MLSMessage, RFC 9420, Section 6. It checks the form
// alone: that a PublicMessage holds no application data, say, is left to those
// who process it (Section 6.2). A message longer than a vector can be is
// tlsenc.ErrTooLong: its parts could not be signed or hashed as vectors.
func ParseMessage(b []byte) (*Message, error) {
	if len(b) > tlsenc.MaxVector {
		return nil, tlsenc.ErrTooLong
	}
	return parse(b, decodeMessage)
}

// ParseKeyPackage parses KeyPackage, RFC 9420, Section 10.
func ParseKeyPackage(b []byte) (*KeyPackage, error) { return parse(b, decodeKeyPackage) }

// ParseLeafNode parses LeafNode, RFC 9420, Section 7.2.
func ParseLeafNode(b []byte) (*LeafNode, error) { return parse(b, decodeLeafNode) }

// ParseGroupInfo parses GroupInfo, RFC 9420, Section 12.4.3.
func ParseGroupInfo(b []byte) (*GroupInfo, error) { return parse(b, decodeGroupInfo) }

// ParseGroupContext parses GroupContext, RFC 9420, Section 8.1.
func ParseGroupContext(b []byte) (*GroupContext, error) { return parse(b, decodeGroupContext) }

// ParseWelcome parses Welcome, RFC 9420, Section 12.4.3.1.
func ParseWelcome(b []byte) (*Welcome, error) { return parse(b, decodeWelcome) }

// ParseRatchetTree parses the content of the ratchet_tree extension, RFC 9420,
// Section 12.4.3.3.
func ParseRatchetTree(b []byte) (RatchetTree, error) { return parseValue(b, decodeRatchetTree) }

// ParseParentNode parses ParentNode, RFC 9420, Section 7.1.
func ParseParentNode(b []byte) (*ParentNode, error) { return parse(b, decodeParentNode) }

// ParseCredential parses Credential, RFC 9420, Section 5.3.
func ParseCredential(b []byte) (*Credential, error) { return parse(b, decodeCredential) }

// ParseExtensions parses Extension<V>, RFC 9420, Section 13.
func ParseExtensions(b []byte) (Extensions, error) { return parseValue(b, decodeExtensions) }

// ParseRequiredCapabilities parses the content of the required_capabilities
// extension, RFC 9420, Section 11.1.
func ParseRequiredCapabilities(b []byte) (*RequiredCapabilities, error) {
	return parse(b, decodeRequiredCapabilities)
}

// ParseExternalSenders parses the content of the external_senders extension,
// RFC 9420, Section 12.1.8.1.
func ParseExternalSenders(b []byte) (ExternalSenders, error) {
	return parseValue(b, decodeExternalSenders)
}

// ParseProposal parses Proposal with its type, RFC 9420, Section 12.1.
func ParseProposal(b []byte) (Proposal, error) { return parseValue(b, decodeProposal) }

// ParseCommit parses Commit, RFC 9420, Section 12.4.
func ParseCommit(b []byte) (*Commit, error) { return parse(b, decodeCommit) }

// ParseUpdatePath parses UpdatePath, RFC 9420, Section 7.6.
func ParseUpdatePath(b []byte) (*UpdatePath, error) { return parse(b, decodeUpdatePath) }

// ParsePreSharedKeyID parses PreSharedKeyID, RFC 9420, Section 8.4.
func ParsePreSharedKeyID(b []byte) (*PreSharedKeyID, error) { return parse(b, decodePreSharedKeyID) }

// ParseAuthenticatedContent parses AuthenticatedContent, RFC 9420, Section 6.
func ParseAuthenticatedContent(b []byte) (*AuthenticatedContent, error) {
	return parse(b, decodeAuthenticatedContent)
}

// read reads a part of what r holds with read. What it returns aliases r.
func read[T any](r *tlsenc.Reader, read func(*decoder) T) (T, error) {
	d := newDecoder(*r)
	v := read(&d)
	if err := d.result(); err != nil {
		var zero T
		return zero, err
	}
	*r = d.r
	return v, nil
}

// DecodeCredential takes a Credential from r, RFC 9420, Section 5.3. It copies
// what it returns; after an error, nothing is taken.
func DecodeCredential(r *tlsenc.Reader) (Credential, error) {
	c, err := read(r, decodeCredential)
	c.Identity = bytes.Clone(c.Identity)
	for i := range c.Certificates {
		c.Certificates[i] = bytes.Clone(c.Certificates[i])
	}
	return c, err
}

// DecodePreSharedKeyIDs takes PreSharedKeyID<V> from r, as it is in
// GroupSecrets, RFC 9420, Section 12.4.3.1. The result aliases r; after an
// error, nothing is taken.
func DecodePreSharedKeyIDs(r *tlsenc.Reader) ([]PreSharedKeyID, error) {
	return read(r, func(d *decoder) []PreSharedKeyID {
		return list(d, costPreSharedKeyID, decodePreSharedKeyID)
	})
}

// DecodeContent takes what PrivateMessageContent begins with from r, RFC 9420,
// Section 6.3.1, and leaves the padding: it sets in c one of ApplicationData,
// Proposal and Commit, as c.ContentType says, and the authentication a. They
// alias r. After an error, r is as it was.
func DecodeContent(r *tlsenc.Reader, c *FramedContent, a *FramedContentAuthData) error {
	content := FramedContent{ContentType: c.ContentType}
	auth, err := read(r, func(d *decoder) FramedContentAuthData {
		decodeBody(d, &content)
		return decodeAuthData(d, content.ContentType)
	})
	if err != nil {
		return err
	}
	c.ApplicationData, c.Proposal, c.Commit = content.ApplicationData, content.Proposal, content.Commit
	*a = auth
	return nil
}
