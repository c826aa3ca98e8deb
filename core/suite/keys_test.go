package suite_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"conclave/core/secret"
	"conclave/core/suite"
)

// Every key that CheckPublicKey refuses must be refused by EncryptWithLabel too,
// with the same error, and the other way round: a key that passes can be
// encrypted to.
func TestPublicKeyRefused(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		good := s.GenerateKeyPair().Public
		if err := s.CheckPublicKey(good); err != nil {
			t.Fatalf("CheckPublicKey of a good key: %v", err)
		}
		for name, pub := range badPublicKeys(s, good) {
			if err := s.CheckPublicKey(pub); !errors.Is(err, suite.ErrPublicKey) {
				t.Errorf("%s: CheckPublicKey = %v, want ErrPublicKey", name, err)
			}
			if _, err := s.EncryptWithLabel(pub, "l", nil, nil); !errors.Is(err, suite.ErrPublicKey) {
				t.Errorf("%s: EncryptWithLabel = %v, want ErrPublicKey", name, err)
			}
			if _, _, err := s.SendExport(pub, "l", 16); !errors.Is(err, suite.ErrPublicKey) {
				t.Errorf("%s: SendExport = %v, want ErrPublicKey", name, err)
			}
		}
	})
}

// badPublicKeys returns keys that a suite must refuse, made from one it accepts.
func badPublicKeys(s *suite.Suite, good []byte) map[string][]byte {
	bad := map[string][]byte{
		"empty":         {},
		"a byte":        {4},
		"short":         good[:len(good)-1],
		"long":          append(bytes.Clone(good), 0),
		"without front": good[1:],
	}
	curve := good // the part of the key that is a point
	if size := map[int]int{1216: 1184, 1665: 1568}[len(good)]; size != 0 {
		mlkem := good[:size]
		curve = good[size:]
		for _, at := range []int{0, 1, 768, len(mlkem) - 34} {
			b := bytes.Clone(good)
			b[at], b[at+1] = 0xff, 0xff // a coefficient of 0xfff, which is over q
			bad[fmt.Sprintf("ML-KEM coefficient at %d", at)] = b
			b = bytes.Clone(good)
			b[at-at%3+1], b[at-at%3+2] = 0xff, 0xff // the second of the two in three bytes
			bad[fmt.Sprintf("second ML-KEM coefficient at %d", at)] = b
		}
	}
	replace := func(name string, point []byte) {
		bad[name] = append(bytes.Clone(good[:len(good)-len(curve)]), point...)
	}
	if len(curve) == 32 {
		for i, u := range suite.SmallOrderX25519 {
			replace(fmt.Sprintf("small order %d", i), u[:])
			u[31] |= 0x80
			replace(fmt.Sprintf("small order %d with the high bit", i), u[:])
		}
		return bad
	}
	// Points of NIST curves, RFC 8446, Section 4.2.8.2: 4, x, y.
	size := len(curve) / 2
	replace("infinity", []byte{0})
	replace("compressed", append([]byte{2 | curve[len(curve)-1]&1}, curve[1:1+size]...))
	replace("hybrid form", append([]byte{6 | curve[len(curve)-1]&1}, curve[1:]...))
	off := bytes.Clone(curve)
	off[len(off)-1] ^= 1
	replace("off the curve", off)
	replace("zero", append([]byte{4}, make([]byte, 2*size)...))
	replace("over the prime", append([]byte{4}, bytes.Repeat([]byte{0xff}, 2*size)...))
	return bad
}

// The list must hold what crypto/ecdh fails for, and what it holds must fail.
func TestSmallOrderX25519(t *testing.T) {
	private, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	for i, u := range suite.SmallOrderX25519 {
		pub, err := ecdh.X25519().NewPublicKey(u[:])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := private.ECDH(pub); err == nil {
			t.Errorf("%d: ECDH with %x does not fail", i, u)
		}
	}
	// One bit beside a refused key is a good one.
	u := suite.SmallOrderX25519[0]
	u[0] = 9
	if err := lookup(t, 1).CheckPublicKey(u[:]); err != nil {
		t.Errorf("CheckPublicKey of the base point = %v", err)
	}
}

func TestPrivateKeyRefused(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		good := s.GenerateKeyPair()
		if pub, err := s.PublicKey(good.Private); err != nil || !bytes.Equal(pub, good.Public) {
			t.Errorf("PublicKey = %x, %v, want %x", pub, err, good.Public)
		}
		bad := map[string][]byte{
			"empty": {},
			"long":  append([]byte{0}, good.Private.Expose()...),
		}
		switch n := good.Private.Len(); {
		case len(good.Public) == 2*n+1: // a scalar of a NIST curve: from 1 to its order
			bad["zero"] = make([]byte, n)
			bad["over the order"] = bytes.Repeat([]byte{0xff}, n)
		default:
			bad["short"] = good.Private.Expose()[1:]
		}
		for name, private := range bad {
			if pub, err := s.PublicKey(secret.New(private)); !errors.Is(err, suite.ErrPrivateKey) {
				t.Errorf("%s: PublicKey = %x, %v, want ErrPrivateKey", name, pub, err)
			}
		}
	})
}

// Some implementations write scalars without their leading zero bytes; the
// vectors of suite 5 do.
func TestShortScalar(t *testing.T) {
	for _, id := range []suite.ID{2, 5, 7} {
		s := lookup(t, id)
		full := make([]byte, s.GenerateKeyPair().Private.Len())
		full[len(full)-2], full[len(full)-1] = 1, 2
		short := secret.New([]byte{1, 2})
		want, err := s.PublicKey(secret.New(full))
		if err != nil {
			t.Fatalf("suite %d: PublicKey: %v", id, err)
		}
		if got, err := s.PublicKey(short); err != nil || !bytes.Equal(got, want) {
			t.Errorf("suite %d: PublicKey of a short scalar = %x, %v, want %x", id, got, err, want)
		}
		key, err := s.NewSigningKey(short)
		if err != nil || !bytes.Equal(key.Private().Expose(), full) || !bytes.Equal(key.Public(), want) {
			t.Errorf("suite %d: NewSigningKey of a short scalar: %v", id, err)
		}
	}
}

func TestDeriveKeyPair(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		ikm := secret.New(bytes.Repeat([]byte{1}, s.HashSize()))
		a, b := s.DeriveKeyPair(ikm), s.DeriveKeyPair(ikm)
		if !bytes.Equal(a.Public, b.Public) || !a.Private.Equal(b.Private) {
			t.Error("DeriveKeyPair gives two key pairs for one secret")
		}
		if pub, err := s.PublicKey(a.Private); err != nil || !bytes.Equal(pub, a.Public) {
			t.Errorf("PublicKey of a derived key = %x, %v, want %x", pub, err, a.Public)
		}
		ikm.Expose()[0] ^= 1
		if c := s.DeriveKeyPair(ikm); bytes.Equal(a.Public, c.Public) {
			t.Error("DeriveKeyPair gives one key pair for two secrets")
		}
		if x, y := s.GenerateKeyPair(), s.GenerateKeyPair(); bytes.Equal(x.Public, y.Public) {
			t.Error("GenerateKeyPair gives one key pair twice")
		}
	})
}

// RFC 9180, Section 7.1.2: X25519 private keys are clamped when they are written.
func TestX25519KeysAreClamped(t *testing.T) {
	s := lookup(t, 1)
	for range 8 {
		b := s.GenerateKeyPair().Private.Expose()
		if b[0]&7 != 0 || b[31]&0xc0 != 0x40 {
			t.Fatalf("the first byte of a private key ends in %03b, the last begins with %02b", b[0]&7, b[31]>>6)
		}
	}
}

func TestSigningKeyRefused(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		good := s.GenerateSigningKey()
		private := good.Private()
		again, err := s.NewSigningKey(private)
		if err != nil || !bytes.Equal(again.Public(), good.Public()) {
			t.Errorf("NewSigningKey: %v", err)
		}
		private.Erase()
		if bytes.Equal(good.Private().Expose(), private.Expose()) {
			t.Error("Erase of what Private returned erased the key itself")
		}
		n := private.Len()
		bad := map[string][]byte{"empty": {}, "long": append([]byte{0}, again.Private().Expose()...)}
		if len(good.Public()) != 32 {
			bad["zero"] = make([]byte, n)
			bad["over the order"] = bytes.Repeat([]byte{0xff}, n)
		} else {
			bad["short"] = make([]byte, n-1)
			bad["with the public key"] = make([]byte, 64)
		}
		for name, b := range bad {
			if key, err := s.NewSigningKey(secret.New(b)); key != nil || !errors.Is(err, suite.ErrPrivateKey) {
				t.Errorf("%s: NewSigningKey = %v, %v, want ErrPrivateKey", name, key, err)
			}
		}
	})
}

// A key of another scheme is refused before it signs; one of the same scheme in
// another suite serves.
func TestSignWithAnotherSuite(t *testing.T) {
	key := lookup(t, 1).GenerateSigningKey()
	for _, id := range suite.IDs() {
		s := lookup(t, id)
		same := len(s.GenerateSigningKey().Public()) == 32
		_, err := s.SignWithLabel(key, "l", nil)
		if same && err != nil || !same && !errors.Is(err, suite.ErrPrivateKey) {
			t.Errorf("suite %d: SignWithLabel with a key of suite 1 = %v", id, err)
		}
	}
	if _, err := lookup(t, 5).SignWithLabel(lookup(t, 7).GenerateSigningKey(), "l", nil); !errors.Is(err, suite.ErrPrivateKey) {
		t.Errorf("suite 5: SignWithLabel with a key of suite 7 = %v, want ErrPrivateKey", err)
	}
}

// Whoever changes a public key that it got must not change the key that signs: of
// two Ed25519 signatures with one nonce and different public keys the private key
// follows.
func TestPublicSignatureKeyIsACopy(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		key := s.GenerateSigningKey()
		public := key.Public()
		key.Public()[5] ^= 1
		if !bytes.Equal(key.Public(), public) {
			t.Error("the key has changed")
		}
		signature, err := s.SignWithLabel(key, "l", []byte("content"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.VerifyWithLabel(public, "l", []byte("content"), signature); err != nil {
			t.Errorf("VerifyWithLabel = %v", err)
		}
	})
}

func TestVerifyWithLabelRefuses(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		key, other := s.GenerateSigningKey(), s.GenerateSigningKey()
		signature, err := s.SignWithLabel(key, "LeafNodeTBS", []byte("content"))
		if err != nil {
			t.Fatalf("SignWithLabel: %v", err)
		}
		if err := s.VerifyWithLabel(key.Public(), "LeafNodeTBS", []byte("content"), signature); err != nil {
			t.Fatalf("VerifyWithLabel: %v", err)
		}
		changed := bytes.Clone(signature)
		changed[len(changed)-1] ^= 1
		for _, tt := range []struct {
			name      string
			pub       []byte
			label     string
			content   []byte
			signature []byte
		}{
			{"another key", other.Public(), "LeafNodeTBS", []byte("content"), signature},
			{"a short key", key.Public()[1:], "LeafNodeTBS", []byte("content"), signature},
			{"no key", nil, "LeafNodeTBS", []byte("content"), signature},
			{"another label", key.Public(), "KeyPackageTBS", []byte("content"), signature},
			{"another content", key.Public(), "LeafNodeTBS", []byte("contents"), signature},
			{"a byte moved from label to content", key.Public(), "LeafNodeTB", []byte("Scontent"), signature},
			{"a changed signature", key.Public(), "LeafNodeTBS", []byte("content"), changed},
			{"a short signature", key.Public(), "LeafNodeTBS", []byte("content"), signature[:len(signature)-1]},
			{"a long signature", key.Public(), "LeafNodeTBS", []byte("content"), append(bytes.Clone(signature), 0)},
			{"no signature", key.Public(), "LeafNodeTBS", []byte("content"), nil},
		} {
			if err := s.VerifyWithLabel(tt.pub, tt.label, tt.content, tt.signature); !errors.Is(err, suite.ErrSignature) {
				t.Errorf("%s: VerifyWithLabel = %v, want ErrSignature", tt.name, err)
			}
		}
	})
}

func TestSignatureKeyRefused(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		good := s.GenerateSigningKey().Public()
		if err := s.CheckSignatureKey(good); err != nil {
			t.Fatalf("CheckSignatureKey of a good key: %v", err)
		}
		bad := map[string][]byte{
			"empty": {}, "short": good[1:], "long": append(bytes.Clone(good), 0), "with a space": append([]byte{' '}, good...),
		}
		if len(good) == 32 {
			for i, y := range suite.SmallOrderEd25519 {
				bad[fmt.Sprintf("small order %d", i)] = bytes.Clone(y[:])
				y[31] |= 0x80
				bad[fmt.Sprintf("small order %d with the sign", i)] = bytes.Clone(y[:])
			}
			for d := byte(0xed); d != 0; d++ { // y from p to 2^255-1, which is p+18
				bad[fmt.Sprintf("not reduced, %#x", d)] = append(append([]byte{d}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f)
			}
		} else {
			size := len(good) / 2
			off := bytes.Clone(good)
			off[len(off)-1] ^= 1
			bad["off the curve"] = off
			bad["compressed"] = append([]byte{2 | good[len(good)-1]&1}, good[1:1+size]...)
			bad["infinity"] = []byte{0}
		}
		for name, pub := range bad {
			if err := s.CheckSignatureKey(pub); !errors.Is(err, suite.ErrSignatureKey) {
				t.Errorf("%s: CheckSignatureKey = %v, want ErrSignatureKey", name, err)
			}
		}
	})
}

// crypto/ed25519 accepts these signatures, WebCrypto does not: they must be
// refused here too, so that all members of a group agree.
func TestEd25519SmallOrder(t *testing.T) {
	s := lookup(t, 1)
	// With A and R the neutral element and S = 0 every message is signed.
	neutral := append([]byte{1}, make([]byte, 31)...)
	signature := append(bytes.Clone(neutral), make([]byte, 32)...)
	if !ed25519.Verify(neutral, []byte("any"), signature) {
		t.Fatal("crypto/ed25519 refuses the signature; this test proves nothing")
	}
	if err := s.VerifyWithLabel(neutral, "l", []byte("any"), signature); !errors.Is(err, suite.ErrSignature) {
		t.Errorf("VerifyWithLabel with a key of small order = %v, want ErrSignature", err)
	}
}

// RFC 8032, Section 5.1.7: S must be below the order of the group.
func TestEd25519MalleableSignature(t *testing.T) {
	s := lookup(t, 1)
	key := s.GenerateSigningKey()
	signature, err := s.SignWithLabel(key, "l", nil)
	if err != nil {
		t.Fatal(err)
	}
	order, err := hex.DecodeString("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	if err != nil {
		t.Fatal(err)
	}
	carry := 0
	for i, b := range order {
		carry += int(signature[32+i]) + int(b)
		signature[32+i], carry = byte(carry), carry>>8
	}
	if err := s.VerifyWithLabel(key.Public(), "l", nil, signature); !errors.Is(err, suite.ErrSignature) {
		t.Errorf("VerifyWithLabel of S + L = %v, want ErrSignature", err)
	}
}
