package mlswire_test

import (
	"bytes"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"conclave/core/mlswire"
	"conclave/core/tlsenc"
)

// What is encoded is parsed to the same values, field by field.
func TestParseGivesWhatWasEncoded(t *testing.T) {
	for _, want := range exampleMessages() {
		got, err := mlswire.ParseMessage(want.Marshal())
		if err != nil {
			t.Errorf("wire format %d: ParseMessage = %v", want.WireFormat, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("wire format %d is parsed as another value:\n%s", want.WireFormat, diff)
		}
	}
	for _, want := range exampleProposals() {
		got, err := mlswire.ParseProposal(mlswire.Marshal(want))
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("proposal %d is parsed as another value: %v\n%s", want.ProposalType(), err, diff)
		}
	}
}

// Every prefix of a structure is too short, and one more byte is too much.
func TestParseRefusesEveryLength(t *testing.T) {
	for _, s := range seeds() {
		d := decoders[s.decoder]
		if _, err := d.codec(append(bytes.Clone(s.input), 0)); !errors.Is(err, tlsenc.ErrTrailing) {
			t.Errorf("%s with a byte behind: %v, want ErrTrailing", d.name, err)
		}
		for n := range s.input {
			if _, err := d.codec(s.input[:n]); !errors.Is(err, tlsenc.ErrShort) {
				t.Errorf("the first %d of %d bytes of a %s: %v, want ErrShort", n, len(s.input), d.name, err)
			}
		}
	}
}

// What is signed and hashed of a message has to fit into a vector.
func TestParseMessageTooLong(t *testing.T) {
	if strconv.IntSize < 64 || runtime.GOARCH == "wasm" {
		t.Skip("no room for a message of a gigabyte")
	}
	b := make([]byte, tlsenc.MaxVector+1) // all but the first bytes are never touched
	copy(b, exampleMessages()[0].Marshal())
	if _, err := mlswire.ParseMessage(b); !errors.Is(err, tlsenc.ErrTooLong) {
		t.Errorf("ParseMessage of 2^30 bytes = %v, want ErrTooLong", err)
	}
}

// A structure with one byte changed is refused or encoded with that change.
func TestParseAfterChange(t *testing.T) {
	for _, s := range seeds() {
		d := decoders[s.decoder]
		for i := range s.input {
			for _, change := range []byte{1, 2, 3, 0x40, 0x80, 0xff} {
				b := bytes.Clone(s.input)
				b[i] ^= change
				if got, err := d.codec(b); err == nil && !bytes.Equal(got, b) {
					t.Fatalf("%s with byte %d changed by %#x is encoded as something else", d.name, i, change)
				}
			}
		}
	}
}

// What a parser returns is the caller's: a later change of the input does not
// reach it.
func TestParseCopies(t *testing.T) {
	for _, m := range exampleMessages() {
		b := m.Marshal()
		got, err := mlswire.ParseMessage(b)
		if err != nil {
			t.Fatalf("ParseMessage = %v", err)
		}
		clear(b)
		if !bytes.Equal(got.Marshal(), m.Marshal()) {
			t.Errorf("wire format %d: what was parsed changes with the input", m.WireFormat)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const member = "\x01\x00\x00\x00\x00"
	framed := func(sender, rest string) string {
		return "\x00\x01\x00\x01\x00" + strings.Repeat("\x00", 8) + sender + "\x00" + rest
	}
	proposal := func(body string) string { return framed(member, "\x02"+body+"\x00\x00") }
	long := func(n int) string { return string(many("", extension, "")[2 : 2+3*n]) }
	duplicates := func(n int) string {
		list := long(n) + "\x00\x05\x00"
		w := tlsenc.NewWriter(0)
		w.Vector([]byte(list))
		return string(w.Bytes())
	}
	message, extensions := failing(mlswire.ParseMessage), failing(mlswire.ParseExtensions)
	credentials, leaf := failing(mlswire.ParseCredential), failing(mlswire.ParseLeafNode)
	psk, tree := failing(mlswire.ParsePreSharedKeyID), failing(mlswire.ParseRatchetTree)
	commit := failing(mlswire.ParseCommit)
	tests := []struct {
		name  string
		parse func([]byte) error
		input string
		want  error
	}{
		{"version 0", message, "\x00\x00\x00\x01", mlswire.ErrVersion},
		{"version 2", message, "\x00\x02\x00\x01", mlswire.ErrVersion},
		{"wire format 0", message, "\x00\x01\x00\x00", mlswire.ErrWireFormat},
		{"wire format 6", message, "\x00\x01\x00\x06", mlswire.ErrWireFormat},
		{"sender type 0", message, framed("\x00", "\x01\x00\x00"), mlswire.ErrSenderType},
		{"sender type 5", message, framed("\x05", "\x01\x00\x00"), mlswire.ErrSenderType},
		{"content type 0", message, framed(member, "\x00\x00\x00\x00"), mlswire.ErrContentType},
		{"content type 4", message, framed(member, "\x04\x00\x00\x00"), mlswire.ErrContentType},
		{"private content type 4", message, "\x00\x01\x00\x02\x00" + strings.Repeat("\x00", 8) + "\x04\x00\x00\x00", mlswire.ErrContentType},
		{"proposal type 0", message, proposal("\x00\x00"), mlswire.ErrProposalType},
		{"proposal type 8", message, proposal("\x00\x08"), mlswire.ErrProposalType},
		{"proposal of GREASE", message, proposal("\x0a\x0a"), mlswire.ErrProposalType},
		{"reinit with two extensions", message, proposal("\x00\x05\x00\x00\x01\x00\x01\x06\x00\x03\x00\x00\x03\x00"), mlswire.ErrDuplicateExtension},
		{"group context extensions twice", message, proposal("\x00\x07\x06\x00\x03\x00\x00\x03\x00"), mlswire.ErrDuplicateExtension},
		{"key package of version 2", failing(mlswire.ParseKeyPackage), "\x00\x02" + keyPackage[2:], mlswire.ErrVersion},
		{"key package with two extensions", failing(mlswire.ParseKeyPackage), keyPackage[:len(keyPackage)-2] + "\x06\x0a\x0a\x00\x0a\x0a\x00\x00", mlswire.ErrDuplicateExtension},
		{"group context of version 0", failing(mlswire.ParseGroupContext), strings.Repeat("\x00", 16), mlswire.ErrVersion},
		{"two extensions of a type", extensions, "\x06\x00\x01\x00\x00\x01\x00", mlswire.ErrDuplicateExtension},
		{"two of 16 extensions", extensions, duplicates(15), mlswire.ErrDuplicateExtension},
		{"two of 17 extensions", extensions, duplicates(16), mlswire.ErrDuplicateExtension},
		{"two of 300 extensions", extensions, duplicates(299), mlswire.ErrDuplicateExtension},
		{"credential type 0", credentials, "\x00\x00\x00", mlswire.ErrCredentialType},
		{"credential type 3", credentials, "\x00\x03\x00", mlswire.ErrCredentialType},
		{"odd capabilities", leaf, "\x00\x00" + credential + "\x01\x00" + "\x00\x00\x00\x00\x02\x00\x00", tlsenc.ErrShort},
		{"leaf node source 0", leaf, anyLeaf + "\x00\x00\x00", mlswire.ErrLeafNodeSource},
		{"leaf node source 4", leaf, anyLeaf + "\x04\x00\x00", mlswire.ErrLeafNodeSource},
		{"leaf with two extensions", leaf, anyLeaf + "\x02\x06\x0a\x0a\x00\x0a\x0a\x00\x00", mlswire.ErrDuplicateExtension},
		{"PSK type 0", psk, "\x00\x00\x00", mlswire.ErrPSKType},
		{"PSK type 3", psk, "\x03\x00\x00", mlswire.ErrPSKType},
		{"PSK usage 0", psk, "\x02\x00\x00" + strings.Repeat("\x00", 9), mlswire.ErrPSKUsage},
		{"PSK usage 4", psk, "\x02\x04\x00" + strings.Repeat("\x00", 9), mlswire.ErrPSKUsage},
		{"proposal or reference 0", commit, "\x02\x00\x00\x00", mlswire.ErrProposalOrRefType},
		{"proposal or reference 3", commit, "\x02\x03\x00\x00", mlswire.ErrProposalOrRefType},
		{"presence 2 of a path", commit, "\x00\x02", mlswire.ErrOptional},
		{"presence 255 of a path", commit, "\x00\xff", mlswire.ErrOptional},
		{"long length of proposals", commit, "\x40\x00\x00", tlsenc.ErrLength},
		{"length of prefix 3", commit, "\xc0\x00\x00\x00\x00\x00\x00\x00\x00", tlsenc.ErrLength},
		{"proposals end within one", commit, "\x01\x02\x00\x00", tlsenc.ErrShort},
		{"presence 2 of a node", tree, "\x01\x02", mlswire.ErrOptional},
		{"node type 0", tree, "\x02\x01\x00", mlswire.ErrTreeShape},
		{"node type 3", tree, "\x02\x01\x03", mlswire.ErrTreeShape},
		{"parent for a leaf", tree, "\x05" + parentNode, mlswire.ErrTreeShape},
		{"leaf for a parent", tree, "\x10\x00" + leafNode, mlswire.ErrTreeShape},
		{"blank node at the end", tree, "\x10" + leafNode + "\x00", mlswire.ErrTreeShape},
		{"blank leaf at the end", tree, "\x11" + leafNode + "\x00\x00", mlswire.ErrTreeShape},
		{"blank tree", tree, "\x01\x00", mlswire.ErrTreeShape},
		{"empty tree", tree, "\x00", mlswire.ErrTreeShape},
	}
	for _, tt := range tests {
		if err := tt.parse([]byte(tt.input)); !errors.Is(err, tt.want) {
			t.Errorf("%s: parsing %.64x = %v, want %v", tt.name, tt.input, err, tt.want)
		}
	}
}

// What a version does not know and need not know is kept.
func TestParseKeepsUnknownValues(t *testing.T) {
	for name, input := range map[string]string{
		"suite":        "\x00\x01\xfa\xfa\x00" + updateLeaf + "\x00\x00",
		"capabilities": "\x00\x01\x00\x01\x00\x00\x00" + credential + "\x02\x0a\x0a\x02\x1a\x1a\x02\x2a\x2a\x02\x3a\x3a\x02\x4a\x4a" + "\x02\x00\x00" + "\x00\x00",
		"extension":    keyPackage[:len(keyPackage)-2] + "\x04\x0a\x0a\x01x\x00",
	} {
		k, err := mlswire.ParseKeyPackage([]byte(input))
		if err != nil {
			t.Errorf("%s: ParseKeyPackage = %v", name, err)
		} else if got := mlswire.Marshal(k); string(got) != input {
			t.Errorf("%s: %x is encoded as %x", name, input, got)
		}
	}
}

func TestFind(t *testing.T) {
	e := mlswire.Extensions{{Type: 3, Data: []byte("three")}, {Type: 5}}
	if data, ok := e.Find(3); !ok || string(data) != "three" {
		t.Errorf("Find(3) = %q, %t, want three", data, ok)
	}
	if _, ok := e.Find(5); !ok {
		t.Error("Find(5) does not find an empty extension")
	}
	if data, ok := e.Find(4); ok || data != nil {
		t.Errorf("Find(4) = %q, %t, want none", data, ok)
	}
}

// Encoding what cannot be parsed is a mistake of the caller.
func TestEncodePanics(t *testing.T) {
	for name, v := range map[string]mlswire.Encoder{
		"credential":  &mlswire.Credential{},
		"leaf node":   &mlswire.LeafNode{Credential: mlswire.Credential{Type: 1}},
		"PSK":         &mlswire.PreSharedKeyID{},
		"sender":      &mlswire.Sender{},
		"content":     &mlswire.FramedContent{Sender: mlswire.Sender{Type: 3}},
		"message":     &mlswire.Message{},
		"tree":        mlswire.RatchetTree{Parents: make([]*mlswire.ParentNode, 1)},
		"wide tree":   mlswire.RatchetTree{Leaves: make([]*mlswire.LeafNode, 2)},
		"wire format": &mlswire.Message{Version: 1, WireFormat: 6},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("encoding an impossible %s does not panic", name)
				}
			}()
			mlswire.Marshal(v)
		}()
	}
}
