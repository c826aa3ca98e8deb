package mls

import (
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// KeyPackageOf puts a KeyPackage together from given parts, for test vectors.
func (c *Client) KeyPackageOf(public *mlswire.KeyPackage, initKey, leafKey secret.Value, signer *suite.SigningKey) *KeyPackage {
	return c.keyPackage(public, initKey, leafKey, signer)
}
