package evilserver

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"

	"conclave/core/identity"
	"conclave/core/keytrans"
)

// SwapKey returns a hook for lookups: in the newest record of whoever is looked
// up, the identity key is replaced by one of the server's own, which signs the
// record. It is what a server without a directory could do to anybody.
func SwapKey() (Hook, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return Change(func(body []byte) []byte {
		a, err := keytrans.ParseLookupResponse(bytes.Clone(body))
		if err != nil || len(a.Records) == 0 {
			return body
		}
		r, err := identity.ParseRecord(a.Records[len(a.Records)-1])
		if err != nil {
			return body
		}
		r.IdentityKey = [32]byte(public)
		r.Signature = [64]byte(ed25519.Sign(private, r.SigningInput()))
		a.Records[len(a.Records)-1] = r.Encode()
		return a.Encode()
	}), nil
}
