// Package nist registers the cipher suites of [suite] that sign with ECDSA: 2,
// 5 and 7 of RFC 9420, Section 17.1, and the 192-bit post-quantum suite. A
// program imports it for that alone:
//
//	import _ "conclave/core/suite/nist"
//
// It is apart from suite because ECDSA and the curves of NIST bring math/big and
// more than a megabyte of WebAssembly with them.
package nist

import (
	"crypto"
	"crypto/ecdh"
	"crypto/elliptic"
	_ "crypto/sha256" // links what crypto.SHA256 names
	_ "crypto/sha512" // links what crypto.SHA384 and crypto.SHA512 name

	"conclave/core/suite"
)

func init() {
	p256 := scheme{elliptic.P256(), crypto.SHA256}
	p384 := scheme{elliptic.P384(), crypto.SHA384}
	p521 := scheme{elliptic.P521(), crypto.SHA512}
	suite.Register(suite.Row{
		ID: suite.MLS_128_DHKEMP256_AES128GCM_SHA256_P256, Name: "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
		KEM: suite.NewDHKEM(suite.KEMP256, ecdh.P256(), suite.KDFSHA256, 32),
		KDF: suite.KDFSHA256, AEAD: suite.AEADAES128GCM, Scheme: p256,
	})
	suite.Register(suite.Row{
		ID: suite.MLS_256_DHKEMP521_AES256GCM_SHA512_P521, Name: "MLS_256_DHKEMP521_AES256GCM_SHA512_P521",
		KEM: suite.NewDHKEM(suite.KEMP521, ecdh.P521(), suite.KDFSHA512, 66),
		KDF: suite.KDFSHA512, AEAD: suite.AEADAES256GCM, Scheme: p521,
	})
	suite.Register(suite.Row{
		ID: suite.MLS_256_DHKEMP384_AES256GCM_SHA384_P384, Name: "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
		KEM: suite.NewDHKEM(suite.KEMP384, ecdh.P384(), suite.KDFSHA384, 48),
		KDF: suite.KDFSHA384, AEAD: suite.AEADAES256GCM, Scheme: p384,
	})
	suite.Register(suite.Row{
		ID: suite.MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384, Name: "MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384",
		KEM: newMLKEM1024P384(),
		KDF: suite.KDFSHA384, AEAD: suite.AEADAES256GCM, Scheme: p384,
	})
}
