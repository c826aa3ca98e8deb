// Package mlskit knows of the official vectors of MLS what package testkit,
// which imports nothing of the module, cannot. Only tests import it.
package mlskit

import (
	"testing"

	"conclave/core/suite"
	_ "conclave/core/suite/nist" // the vectors have its suites
)

// Suite returns the cipher suite of a vector, and skips, aloud, the two that
// Conclave does not have.
func Suite(t testing.TB, id suite.ID) *suite.Suite {
	t.Helper()
	if id == 4 || id == 6 {
		t.Skipf("SKIPPED: suite %d needs X448 and Ed448, which are not implemented", id)
	}
	s, err := suite.Lookup(id)
	if err != nil {
		t.Fatalf("Lookup(%d) = %v", id, err)
	}
	return s
}

// Scalar pads a private key: the vectors drop zeros at the front of P-521's.
func Scalar(id suite.ID, b []byte) []byte {
	if id != suite.MLS_256_DHKEMP521_AES256GCM_SHA512_P521 || len(b) >= 66 {
		return b
	}
	return append(make([]byte, 66-len(b)), b...)
}
