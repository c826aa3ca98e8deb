package mls

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"conclave/core/mls/internal/framing"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// commitWith is an otherwise honest commit of Mallory's.
func commitWith(f forgery) func(*testing.T, *scene) []byte {
	return func(t *testing.T, s *scene) []byte {
		t.Helper()
		return f.commit(t, s.mallory)
	}
}

// flip returns b with one bit changed.
func flip(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[at] ^= 1
	return b
}

// What authenticates a handshake message, RFC 9420, Sections 6.1 and 6.2. Any
// member can make a message with a wrong confirmation tag: the signature does
// not cover it.
func TestRefuseAuthentication(t *testing.T) {
	tag := func(edit func([]byte) []byte) forgery {
		return forgery{auth: func(a *mlswire.FramedContentAuthData) { a.ConfirmationTag = edit(a.ConfirmationTag) }}
	}
	wrong := tag(func(b []byte) []byte { return flip(b, 0) })
	private := wrong
	private.private = true
	refuseAll(t, []refusal{
		{"6.1 wrong confirmation tag", ErrConfirmationTag, commitWith(wrong)},
		{"6.1 wrong confirmation tag, encrypted", ErrConfirmationTag, commitWith(private)},
		{"6.1 wrong confirmation tag without a path", ErrConfirmationTag, func(t *testing.T, s *scene) []byte {
			f := wrong
			f.proposals, f.noPath = byValue(psk(nil)), true
			return f.commit(t, s.mallory)
		}},
		{"6.1 short confirmation tag", ErrConfirmationTag, commitWith(tag(func(b []byte) []byte { return b[1:] }))},
		{"6.1 empty confirmation tag", ErrMisplacedTag, commitWith(tag(func([]byte) []byte { return []byte{} }))},
		{"6.1 wrong signature", ErrSignature, commitWith(forgery{auth: func(a *mlswire.FramedContentAuthData) {
			a.Signature = flip(a.Signature, 3)
		}})},
		{"6.1 no signature", ErrSignature, commitWith(forgery{auth: func(a *mlswire.FramedContentAuthData) { a.Signature = nil }})},
		{"6.1 signature of a key that is not the sender's", ErrSignature, func(t *testing.T, s *scene) []byte {
			return forgery{contentSigner: s.newcomer(t).signer}.commit(t, s.mallory)
		}},
		{"6.1 commit in the name of another", ErrSignature, func(t *testing.T, s *scene) []byte {
			return forgery{from: &mlswire.Sender{Type: mlswire.SenderTypeMember, Index: 3}}.commit(t, s.mallory)
		}},
		{"6.2 wrong membership tag", ErrMembershipTag, commitWith(forgery{membership: func(tag []byte) { tag[0] ^= 1 }})},
		{"6.2 membership tag of another epoch", ErrMembershipTag, func(t *testing.T, s *scene) []byte {
			old := s.mallory.current.secrets.Membership
			old = secret.New(old.Expose())
			s.turn(t, s.carol)
			message := must1(mlswire.ParseMessage(forgery{}.commit(t, s.mallory)))
			m := message.PublicMessage
			signed := &mlswire.AuthenticatedContent{WireFormat: message.WireFormat, Content: m.Content, Auth: m.Auth}
			m.MembershipTag = s.mallory.current.suite.MAC(old, tbm(signed, s.mallory.current.encoded))
			return message.Marshal()
		}},
		{"6 sender that is blank", ErrSender, func(t *testing.T, s *scene) []byte {
			return forgery{from: &mlswire.Sender{Type: mlswire.SenderTypeMember, Index: 6}}.commit(t, s.mallory)
		}},
		{"6 sender outside the tree", ErrSender, func(t *testing.T, s *scene) []byte {
			return forgery{from: &mlswire.Sender{Type: mlswire.SenderTypeMember, Index: math.MaxUint32}}.commit(t, s.mallory)
		}},
		{"12.4.2 other group", ErrWrongGroup, commitWith(forgery{content: func(c *mlswire.FramedContent) { c.GroupID = []byte("other") }})},
		{"12.4.2 epoch before", ErrWrongEpoch, commitWith(forgery{content: func(c *mlswire.FramedContent) { c.Epoch-- }})},
		{"12.4.2 epoch to come", ErrWrongEpoch, commitWith(forgery{content: func(c *mlswire.FramedContent) { c.Epoch++ }})},
		{"6 Bob's own commit", ErrOwnMessage, func(t *testing.T, s *scene) []byte {
			return forgery{}.commit(t, s.bob)
		}},
		{"6 Bob's own commit, encrypted", ErrOwnMessage, func(t *testing.T, s *scene) []byte {
			return forgery{private: true}.commit(t, s.bob)
		}},
		{"6 a Welcome", ErrNotGroupMessage, func(t *testing.T, s *scene) []byte {
			k := newKeyPackage(t, s.newcomer(t))
			defer func() { must0(s.mallory.DiscardCommit()) }()
			return must1(s.mallory.Commit(CommitOptions{Add: [][]byte{k.Bytes()}})).Welcomes[0].Message
		}},
		{"6 a KeyPackage", ErrNotGroupMessage, func(t *testing.T, s *scene) []byte {
			return newKeyPackage(t, s.newcomer(t)).Bytes()
		}},
		{"6.2 application data that is not encrypted", ErrPublicApplication, func(t *testing.T, s *scene) []byte {
			c := s.mallory.current.content(nil)
			c.ContentType, c.ApplicationData = mlswire.ContentTypeApplication, []byte("hello")
			f := forgery{}
			return f.protect(t, s.mallory, f.sign(t, s.mallory.current, c))
		}},
	})
}

// What encrypts a message, RFC 9420, Section 6.3, and which of its keys may be
// used, Section 9.
func TestRefusePrivateMessage(t *testing.T) {
	edited := func(edit func(*mlswire.PrivateMessage)) func(*testing.T, *scene) []byte {
		return func(t *testing.T, s *scene) []byte {
			t.Helper()
			m := must1(mlswire.ParseMessage(must1(s.mallory.Protect([]byte("hello"), []byte("data")))))
			edit(m.PrivateMessage)
			return m.Marshal()
		}
	}
	refuseAll(t, []refusal{
		{"6.3.1 changed ciphertext", ErrCiphertext, edited(func(m *mlswire.PrivateMessage) {
			m.Ciphertext = flip(m.Ciphertext, len(m.Ciphertext)-1)
		})},
		{"6.3.1 changed authenticated data", ErrCiphertext, edited(func(m *mlswire.PrivateMessage) {
			m.AuthenticatedData = []byte("date")
		})},
		{"6.3.2 changed sample of the ciphertext", ErrSenderData, edited(func(m *mlswire.PrivateMessage) {
			m.Ciphertext = flip(m.Ciphertext, 0)
		})},
		{"6.3.2 changed sender data", ErrSenderData, edited(func(m *mlswire.PrivateMessage) {
			m.EncryptedSenderData = flip(m.EncryptedSenderData, 0)
		})},
		{"6.3.2 no sender data", ErrSenderData, edited(func(m *mlswire.PrivateMessage) { m.EncryptedSenderData = nil })},
		{"6.3.2 no ciphertext", ErrSenderData, edited(func(m *mlswire.PrivateMessage) { m.Ciphertext = nil })},
		{"6.3.2 changed content type", ErrSenderData, edited(func(m *mlswire.PrivateMessage) {
			m.ContentType = mlswire.ContentTypeProposal
		})},
		{"6.3.2 changed epoch", ErrWrongEpoch, edited(func(m *mlswire.PrivateMessage) { m.Epoch = 0 })},
		{"6.3.2 changed group", ErrWrongGroup, edited(func(m *mlswire.PrivateMessage) { m.GroupID = nil })},
		{"6.3.1 padding that is not zero", ErrPadding, func(t *testing.T, s *scene) []byte {
			return privateWith(t, s.mallory, nil, func(b []byte) []byte { return append(b, 0, 0, 1) })
		}},
		{"6.3.2 sender that is blank", ErrSender, func(t *testing.T, s *scene) []byte {
			return privateWith(t, s.mallory, func(d *senderData) { d.Leaf = 7 }, nil)
		}},
		{"6.3.2 sender outside the tree", ErrSender, func(t *testing.T, s *scene) []byte {
			return privateWith(t, s.mallory, func(d *senderData) { d.Leaf = math.MaxUint32 }, nil)
		}},
		{"6.3.2 Bob as the sender", ErrOwnMessage, func(t *testing.T, s *scene) []byte {
			return privateWith(t, s.mallory, func(d *senderData) { d.Leaf = 2 }, nil)
		}},
		{"9.1 generation 2^32-1", ErrGenerationsExhausted, func(t *testing.T, s *scene) []byte {
			return privateWith(t, s.mallory, func(d *senderData) { d.Generation = math.MaxUint32 }, nil)
		}},
		{"9.1 generation too far ahead", ErrGenerationTooFar, func(t *testing.T, s *scene) []byte {
			return privateWith(t, s.mallory, func(d *senderData) { d.Generation = defaultForward + 100 }, nil)
		}},
		{"9.1 generation 2^32-2", ErrGenerationTooFar, func(t *testing.T, s *scene) []byte {
			return privateWith(t, s.mallory, func(d *senderData) { d.Generation = math.MaxUint32 - 1 }, nil)
		}},
		{"9.2 replay", ErrGenerationUsed, func(t *testing.T, s *scene) []byte {
			m := must1(s.mallory.Protect([]byte("once"), nil))
			must1(s.bob.Process(m))
			return m
		}},
		{"9.2 replay in the next epoch", ErrGenerationUsed, func(t *testing.T, s *scene) []byte {
			m := must1(s.mallory.Protect([]byte("once"), nil))
			must1(s.bob.Process(m))
			s.turn(t, s.carol)
			return m
		}},
		{"9.2 replay of a proposal", ErrGenerationUsed, func(t *testing.T, s *scene) []byte {
			m := must1(s.mallory.ProposeRemove(4, SendOptions{}))
			must1(s.bob.Process(m))
			return m
		}},
		{"12.1 proposal sent twice", ErrDuplicateProposal, func(t *testing.T, s *scene) []byte {
			m := must1(s.mallory.ProposeRemove(4, SendOptions{Public: true}))
			must1(s.bob.Process(m))
			return m
		}},
		{"12.4.2 commit once it is merged", ErrWrongEpoch, func(t *testing.T, s *scene) []byte {
			c := must1(s.mallory.Commit(CommitOptions{}))
			for _, g := range s.members() {
				if g != s.mallory {
					follow(t, g, c.Message)
				}
			}
			must0(s.mallory.MergeCommit())
			return c.Message
		}},
		{"6.1 signature of another member in an encrypted message", ErrSignature, func(t *testing.T, s *scene) []byte {
			return s.disguised(t, s.newcomer(t).signer)
		}},
	})
}

// disguised is application data encrypted with Mallory's keys and signed by
// somebody else.
func (s *scene) disguised(t testing.TB, signer *suite.SigningKey) []byte {
	t.Helper()
	e := s.mallory.current
	c := e.content(nil)
	c.ContentType, c.ApplicationData = mlswire.ContentTypeApplication, []byte("hello")
	signed := must1(framing.Sign(e.suite, signer, c, mlswire.WireFormatPrivateMessage, e.encoded))
	m := must1(framing.SealPrivate(e.suite, e.secrets.SenderData, s.mallory.messages, signed, 0))
	out := mlswire.Message{Version: mlswire.MLS10, WireFormat: mlswire.WireFormatPrivateMessage, PrivateMessage: m}
	return out.Marshal()
}

// A message that is refused does not use up the key of the genuine one, RFC
// 9420, Section 9.2: who changes a message on its way cannot make it unreadable.
func TestRefusedMessageLeavesKey(t *testing.T) {
	s := newScene(t)
	genuine := must1(s.mallory.Protect([]byte("hello"), nil))
	m := must1(mlswire.ParseMessage(genuine))
	m.PrivateMessage.Ciphertext = flip(m.PrivateMessage.Ciphertext, len(m.PrivateMessage.Ciphertext)-1)
	refuses(t, s.bob, m.Marshal(), ErrCiphertext)
	received, err := s.bob.Process(genuine)
	if err != nil {
		t.Fatalf("Process() of the genuine message = %v", err)
	}
	if got := received.(*Application).Plaintext; !bytes.Equal(got, []byte("hello")) {
		t.Errorf("plaintext = %q, want hello", got)
	}
}
