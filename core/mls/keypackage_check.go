package mls

import "conclave/core/mlswire"

// CheckKeyPackage reads a KeyPackage that somebody published, an MLSMessage, and
// checks what can be checked before there is a group to add it to, RFC 9420,
// Section 10.1: that it is of the client's cipher suite, its keys and lifetime,
// both signatures, and what Config.Authenticate says. A commit that adds it checks
// it again. The errors are [ErrNotGroupMessage] for another kind of message, those
// of package mlswire, and the rules that the KeyPackage breaks.
func (c *Client) CheckKeyPackage(message []byte) (*mlswire.KeyPackage, error) {
	m, err := mlswire.ParseMessage(message)
	if err != nil {
		return nil, doing("mls: parsing a KeyPackage", err)
	}
	if m.KeyPackage == nil {
		return nil, ErrNotGroupMessage
	}
	if err := c.rules(nil, nil).keyPackage(m.KeyPackage, nil, true); err != nil {
		return nil, err
	}
	return m.KeyPackage, nil
}
