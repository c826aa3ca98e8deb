package framing_test

import (
	"bytes"
	"testing"

	"conclave/core/mls/internal/framing"
	"conclave/core/mls/internal/secrettree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// FuzzContent checks that a PrivateMessageContent that decodes is written back
// as it was, up to its padding.
func FuzzContent(f *testing.F) {
	e := newEndpoints(f, suite.MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519)
	for _, c := range contents() {
		for _, block := range []int{0, 64} {
			plaintext, err := framing.EncodeContent(e.sign(f, c, private), block)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(c.ContentType), plaintext)
		}
	}
	f.Add(uint8(1), []byte{0xbf, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, contentType uint8, plaintext []byte) {
		m := &mlswire.PrivateMessage{GroupID: e.groupID, ContentType: mlswire.ContentType(contentType)}
		ac, err := framing.DecodeContent(m, 3, plaintext)
		if err != nil {
			return
		}
		again, err := framing.EncodeContent(ac, 0)
		if err != nil {
			t.Fatalf("EncodeContent = %v", err)
		}
		if !bytes.HasPrefix(plaintext, again) || len(bytes.Trim(plaintext[len(again):], "\x00")) != 0 {
			t.Fatalf("%x is written back as %x", plaintext, again)
		}
	})
}

// FuzzOpenPrivate checks that no PrivateMessage changes the receiver's keys and
// that only genuine ones open.
func FuzzOpenPrivate(f *testing.F) {
	e := newEndpoints(f, suite.MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519)
	for _, c := range contents() {
		f.Add(e.seals(f, c, private))
	}
	f.Add(e.seals(f, contents()["proposal"], public))
	// Signing keys are random, so that no input of the fuzzer is genuine.
	root := secret.New(make([]byte, e.suite.HashSize()))
	tree := secrettree.New(e.suite, root, 4, secrettree.Limits{})
	before := encodeTree(tree)
	f.Fuzz(func(t *testing.T, message []byte) {
		m, err := mlswire.ParseMessage(message)
		if err != nil || m.PrivateMessage == nil {
			return
		}
		if _, err := framing.OpenPrivate(e.suite, e.senderData, tree, m.PrivateMessage, anyMember); err == nil {
			t.Fatal("a message opens under keys it was not made with")
		}
		if !bytes.Equal(encodeTree(tree), before) {
			t.Fatal("OpenPrivate changes the keys")
		}
	})
}
