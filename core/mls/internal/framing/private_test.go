package framing_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"conclave/core/mls/internal/framing"
	"conclave/core/mls/internal/secrettree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
	"conclave/internal/testkit"
	"conclave/internal/testkit/mlskit"
)

func parsePrivate(tb testing.TB, b []byte) *mlswire.PrivateMessage {
	tb.Helper()
	m, err := mlswire.ParseMessage(b)
	if err != nil || m.PrivateMessage == nil {
		tb.Fatalf("ParseMessage = %v, %v", m, err)
	}
	return m.PrivateMessage
}

func anyMember(uint32) error { return nil }

func (e *endpoints) openPrivate(m *mlswire.PrivateMessage, member func(uint32) error) error {
	_, err := framing.OpenPrivate(e.suite, e.senderData, e.receiver, m, member)
	return err
}

// Which check refuses what: each part of a PrivateMessage is bound to the next.
func TestOpenPrivateRefuses(t *testing.T) {
	e := newEndpoints(t, suite.Default)
	message := e.seals(t, contents()["application"], private)
	flip := func(b []byte, i int) []byte {
		b = bytes.Clone(b)
		b[i] ^= 0x80
		return b
	}
	tests := []struct {
		name   string
		change func(m *mlswire.PrivateMessage)
		want   error
	}{
		{"group id", func(m *mlswire.PrivateMessage) { m.GroupID = []byte("grouq") }, framing.ErrSenderData},
		{"epoch", func(m *mlswire.PrivateMessage) { m.Epoch++ }, framing.ErrSenderData},
		{"content type", func(m *mlswire.PrivateMessage) { m.ContentType = mlswire.ContentTypeProposal }, framing.ErrSenderData},
		{"sender data", func(m *mlswire.PrivateMessage) { m.EncryptedSenderData = flip(m.EncryptedSenderData, 0) }, framing.ErrSenderData},
		{"no sender data", func(m *mlswire.PrivateMessage) { m.EncryptedSenderData = nil }, framing.ErrSenderData},
		{"sample", func(m *mlswire.PrivateMessage) { m.Ciphertext = flip(m.Ciphertext, 0) }, framing.ErrSenderData},
		{"end of the sample", func(m *mlswire.PrivateMessage) {
			m.Ciphertext = flip(m.Ciphertext, e.suite.HashSize()-1)
		}, framing.ErrSenderData},
		{"no ciphertext", func(m *mlswire.PrivateMessage) { m.Ciphertext = nil }, framing.ErrSenderData},
		{"after the sample", func(m *mlswire.PrivateMessage) {
			m.Ciphertext = flip(m.Ciphertext, e.suite.HashSize())
		}, framing.ErrCiphertext},
		{"authenticated data", func(m *mlswire.PrivateMessage) { m.AuthenticatedData = []byte("sEen by all") }, framing.ErrCiphertext},
		{"no authenticated data", func(m *mlswire.PrivateMessage) { m.AuthenticatedData = nil }, framing.ErrCiphertext},
	}
	before := encodeTree(e.receiver)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := parsePrivate(t, message)
			tt.change(m)
			if err := e.openPrivate(m, anyMember); !errors.Is(err, tt.want) {
				t.Errorf("OpenPrivate = %v, want %v", err, tt.want)
			}
		})
	}
	if err := e.openPrivate(parsePrivate(t, message), anyMember); err != nil {
		t.Errorf("OpenPrivate of the genuine message = %v, want nil", err)
	}
	if !bytes.Equal(encodeTree(e.receiver), before) {
		t.Error("OpenPrivate changes the keys")
	}
}

// The sender's leaf is asked for before any key is derived, and its error is
// what the caller sees: RFC 9420, Section 6.3.2.
func TestOpenPrivateAsksForTheMember(t *testing.T) {
	e := newEndpoints(t, suite.Default)
	m := parsePrivate(t, e.seals(t, contents()["application"], private))
	blank := errors.New("blank leaf")
	var asked []uint32
	// Without a ciphertext that opens, the member is still asked first.
	m.Ciphertext = append(bytes.Clone(m.Ciphertext), 0)
	err := e.openPrivate(m, func(leaf uint32) error {
		asked = append(asked, leaf)
		return blank
	})
	if !errors.Is(err, blank) || len(asked) != 1 || asked[0] != vectorMember {
		t.Errorf("OpenPrivate = %v after asking for %v, want the answer for leaf %d", err, asked, vectorMember)
	}
}

func TestReplayedPrivateMessage(t *testing.T) {
	e := newEndpoints(t, suite.Default)
	message := e.seals(t, contents()["application"], private)
	if _, err := e.open(message); err != nil {
		t.Fatal(err)
	}
	if _, err := e.open(message); !errors.Is(err, secrettree.ErrGenerationUsed) {
		t.Errorf("opening it again: %v, want ErrGenerationUsed", err)
	}
}

// sealWith is SealPrivate with a plaintext of the caller's: what a hostile
// member can send. It uses the sender's next key.
func (e *endpoints) sealWith(t *testing.T, ct mlswire.ContentType, plaintext []byte, generation, leaf uint32) *mlswire.PrivateMessage {
	t.Helper()
	kind := secrettree.Handshake
	if ct == mlswire.ContentTypeApplication {
		kind = secrettree.Application
	}
	if err := e.sender.Skip(vectorMember, kind, generation); err != nil {
		t.Fatal(err)
	}
	key, err := e.sender.Next(vectorMember, kind)
	if err != nil {
		t.Fatal(err)
	}
	m := &mlswire.PrivateMessage{GroupID: e.groupID, Epoch: e.epoch, ContentType: ct}
	var aad, senderAAD, who tlsenc.Writer
	for _, w := range []*tlsenc.Writer{&aad, &senderAAD} {
		w.Vector(m.GroupID)
		w.Uint64(m.Epoch)
		w.Uint8(uint8(ct))
	}
	aad.Vector(nil)
	m.Ciphertext = e.suite.Seal(key.Key, key.Nonce, aad.Bytes(), plaintext)
	sampleKey, sampleNonce := framing.SenderDataKeys(e.suite, e.senderData, m.Ciphertext)
	who.Uint32(leaf)
	who.Uint32(generation)
	who.Uint32(0) // a reuse guard that changes nothing
	m.EncryptedSenderData = e.suite.Seal(sampleKey, sampleNonce, senderAAD.Bytes(), who.Bytes())
	return m
}

// What a member that holds all keys can still not do.
func TestOpenPrivateRefusesHostileMember(t *testing.T) {
	application := func(data, signature string, rest ...byte) []byte {
		var w tlsenc.Writer
		w.Vector([]byte(data))
		w.Vector([]byte(signature))
		w.Fixed(rest)
		return w.Bytes()
	}
	var commit tlsenc.Writer
	(&mlswire.Commit{}).Encode(&commit)
	commit.Vector([]byte("signature"))
	noTag := append(bytes.Clone(commit.Bytes()), 0)

	tests := []struct {
		name             string
		contentType      mlswire.ContentType
		plaintext        []byte
		leaf, generation uint32
		want             error
	}{
		{"good", mlswire.ContentTypeApplication, application("hi", "signature", 0, 0, 0), vectorMember, 0, nil},
		{"first byte of padding", mlswire.ContentTypeApplication, application("hi", "signature", 1, 0, 0), vectorMember, 0, framing.ErrPadding},
		{"last byte of padding", mlswire.ContentTypeApplication, application("hi", "signature", 0, 0, 1), vectorMember, 0, framing.ErrPadding},
		{"empty plaintext", mlswire.ContentTypeApplication, nil, vectorMember, 0, tlsenc.ErrShort},
		{"no signature", mlswire.ContentTypeApplication, []byte{2, 'h', 'i'}, vectorMember, 0, tlsenc.ErrShort},
		{"1 GiB of data", mlswire.ContentTypeApplication, []byte{0xbf, 0xff, 0xff, 0xff}, vectorMember, 0, tlsenc.ErrShort},
		{"commit without tag", mlswire.ContentTypeCommit, commit.Bytes(), vectorMember, 0, tlsenc.ErrShort},
		{"commit with empty tag", mlswire.ContentTypeCommit, noTag, vectorMember, 0, framing.ErrConfirmationTag},
		{"unknown proposal", mlswire.ContentTypeProposal, []byte{0xff, 0xff, 0}, vectorMember, 0, mlswire.ErrProposalType},
		{"unknown content", 9, application("hi", "signature"), vectorMember, 0, mlswire.ErrContentType},
		{"another's leaf", mlswire.ContentTypeApplication, application("hi", "signature"), 2, 0, framing.ErrCiphertext},
		{"a leaf beyond the tree", mlswire.ContentTypeApplication, application("hi", "signature"), 4, 0, secrettree.ErrNoLeaf},
		{"generation too far", mlswire.ContentTypeApplication, application("hi", "signature"), vectorMember, secrettree.DefaultForward + 1, secrettree.ErrTooFar},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEndpoints(t, suite.Default)
			before := encodeTree(e.receiver)
			m := e.sealWith(t, tt.contentType, tt.plaintext, tt.generation, tt.leaf)
			if err := e.openPrivate(m, anyMember); !errors.Is(err, tt.want) {
				t.Errorf("OpenPrivate = %v, want %v", err, tt.want)
			}
			if !bytes.Equal(encodeTree(e.receiver), before) {
				t.Error("OpenPrivate changes the keys")
			}
		})
	}
}

// Generation 2^32-1 never opens: RFC 9420, Section 9.1 with our ratchets' end.
func TestOpenPrivateLastGeneration(t *testing.T) {
	e := newEndpoints(t, suite.Default)
	m := e.sealWith(t, mlswire.ContentTypeApplication, nil, 0, vectorMember)
	key, nonce := framing.SenderDataKeys(e.suite, e.senderData, m.Ciphertext)
	var who, aad tlsenc.Writer
	who.Uint32(vectorMember)
	who.Uint32(1<<32 - 1)
	who.Uint32(0)
	aad.Vector(m.GroupID)
	aad.Uint64(m.Epoch)
	aad.Uint8(uint8(m.ContentType))
	m.EncryptedSenderData = e.suite.Seal(key, nonce, aad.Bytes(), who.Bytes())
	if err := e.openPrivate(m, anyMember); !errors.Is(err, secrettree.ErrExhausted) {
		t.Errorf("OpenPrivate = %v, want ErrExhausted", err)
	}
}

// Padding hides the length: all contents up to a block are equally long.
func TestPadding(t *testing.T) {
	e := newEndpoints(t, suite.Default)
	lengths := map[int]int{}
	for size := range 200 {
		c := mlswire.FramedContent{ContentType: mlswire.ContentTypeApplication, ApplicationData: make([]byte, size)}
		ac := e.sign(t, c, private)
		for _, block := range []int{0, 1, 32, 256} {
			m, err := framing.SealPrivate(e.suite, e.senderData, e.sender, ac, block)
			if err != nil {
				t.Fatal(err)
			}
			plain := len(m.Ciphertext) - 16
			switch {
			case block == 256:
				lengths[plain]++
			case block == 32 && plain%32 != 0:
				t.Errorf("a plaintext of %d bytes in blocks of 32", plain)
			case block < 2 && plain > size+2+1+64+1:
				t.Errorf("%d bytes take %d without padding", size, plain)
			}
			opened, err := framing.OpenPrivate(e.suite, e.senderData, e.receiver, m, anyMember)
			if err != nil || len(opened.Content.Content.ApplicationData) != size {
				t.Fatalf("OpenPrivate of %d bytes in blocks of %d = %v", size, block, err)
			}
			if err := e.receiver.Use(opened.Key); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(lengths) != 2 { // 187 bytes and less, and more
		t.Errorf("200 sizes in blocks of 256 have %d lengths, want 2", len(lengths))
	}
}

// The same content is encrypted differently each time, even under one key: the
// reuse guard of RFC 9420, Section 6.3.1.
func TestReuseGuard(t *testing.T) {
	e := newEndpoints(t, suite.Default)
	ac := e.sign(t, contents()["application"], private)
	state := encodeTree(e.sender)
	seen := map[string]bool{}
	for range 8 {
		r := tlsenc.NewReader(state)
		tree, err := secrettree.Decode(e.suite, &r, secrettree.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := framing.SealPrivate(e.suite, e.senderData, tree, ac, 0)
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(m.Ciphertext)] {
			t.Fatal("a restored state encrypts the same under the same nonce")
		}
		seen[string(m.Ciphertext)] = true
		if err := e.openPrivate(m, anyMember); err != nil {
			t.Fatalf("OpenPrivate = %v", err)
		}
	}
}

// A content too long for its field is refused before it is encoded.
func TestTooLong(t *testing.T) {
	e := newEndpoints(t, suite.Default)
	ac := e.sign(t, contents()["application"], private)
	if _, err := framing.SealPrivate(e.suite, e.senderData, e.sender, ac, 2*framing.MaxContent); !errors.Is(err, framing.ErrTooLong) {
		t.Errorf("SealPrivate in a block of 1 GiB = %v, want ErrTooLong", err)
	}
	if e.sender.Generation(vectorMember, secrettree.Application) != 0 {
		t.Error("a refused content consumes a key")
	}

	defer framing.SetMaxContent(10)()
	c := mlswire.FramedContent{
		ContentType: mlswire.ContentTypeApplication, ApplicationData: make([]byte, 6), AuthenticatedData: make([]byte, 4),
		Sender: mlswire.Sender{Type: mlswire.SenderTypeMember},
	}
	if _, err := framing.Sign(e.suite, e.key, c, private, e.context); err != nil {
		t.Errorf("Sign of the longest content = %v, want nil", err)
	}
	c.AuthenticatedData = make([]byte, 5)
	if _, err := framing.Sign(e.suite, e.key, c, private, e.context); !errors.Is(err, framing.ErrTooLong) {
		t.Errorf("Sign of a longer content = %v, want ErrTooLong", err)
	}
}

// TestSenderDataVectors runs the sender_data of secret-tree.json.
func TestSenderDataVectors(t *testing.T) {
	type vector struct {
		CipherSuite      suite.ID `json:"cipher_suite"`
		EncryptionSecret hexBytes `json:"encryption_secret"`
		SenderData       struct {
			Secret     hexBytes `json:"sender_data_secret"`
			Ciphertext hexBytes `json:"ciphertext"`
			Key        hexBytes `json:"key"`
			Nonce      hexBytes `json:"nonce"`
		} `json:"sender_data"`
		Leaves []any `json:"leaves"` // see package secrettree
	}
	for _, v := range testkit.Cases[vector](t, testkit.Vectors(t, "mls/secret-tree.json")) {
		t.Run(fmt.Sprintf("suite=%d", v.CipherSuite), func(t *testing.T) {
			s := mlskit.Suite(t, v.CipherSuite)
			key, nonce := framing.SenderDataKeys(s, secret.New(v.SenderData.Secret), v.SenderData.Ciphertext)
			if !bytes.Equal(key.Expose(), v.SenderData.Key) || !bytes.Equal(nonce.Expose(), v.SenderData.Nonce) {
				t.Errorf("keys = %x, %x, want %x, %x", key.Expose(), nonce.Expose(), v.SenderData.Key, v.SenderData.Nonce)
			}
		})
	}
}
