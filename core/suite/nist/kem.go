package nist

import (
	"crypto"
	"crypto/ecdh"
	"crypto/mlkem"

	"conclave/core/suite"
)

// newMLKEM1024P384 returns MLKEM1024-P384 of draft-ietf-hpke-pq.
func newMLKEM1024P384() suite.KEM {
	return suite.NewHybridKEM(suite.Hybrid{
		ID: suite.KEMMLKEM1024P384, Label: "MLKEM1024-P384", Curve: ecdh.P384(), ScalarSeed: 48, Point: 97,
		EncapsulationKey: mlkem.EncapsulationKeySize1024, Ciphertext: mlkem.CiphertextSize1024,
		NewEncapsulator: func(b []byte) (crypto.Encapsulator, error) { return mlkem.NewEncapsulationKey1024(b) },
		NewDecapsulator: func(b []byte) (crypto.Decapsulator, error) { return mlkem.NewDecapsulationKey1024(b) },
		CheckPoint:      suite.CheckPoint(ecdh.P384()),
	})
}
