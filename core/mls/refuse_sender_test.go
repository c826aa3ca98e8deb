package mls

import (
	"math"
	"slices"
	"testing"

	"conclave/core/mlswire"
	"conclave/core/suite"
)

// proposed is a proposal message by a sender who need not be a member.
func proposed(from mlswire.Sender, signer func(*scene) *suite.SigningKey, p func(*testing.T, *scene) mlswire.Proposal) func(*testing.T, *scene) []byte {
	return func(t *testing.T, s *scene) []byte {
		t.Helper()
		return forgeProposal(t, s.mallory, from, signer(s), p(t, s))
	}
}

func always(p mlswire.Proposal) func(*testing.T, *scene) mlswire.Proposal {
	return func(*testing.T, *scene) mlswire.Proposal { return p }
}

// Who may send what, RFC 9420, Sections 6.1 and 12.1.8.
func TestRefuseSender(t *testing.T) {
	watcher := func(s *scene) *suite.SigningKey { return s.watcher.signer }
	own := func(s *scene) *suite.SigningKey { return s.mallory.current.signer }
	external := mlswire.Sender{Type: mlswire.SenderTypeExternal}
	second := mlswire.Sender{Type: mlswire.SenderTypeExternal, Index: 1}
	last := mlswire.Sender{Type: mlswire.SenderTypeExternal, Index: math.MaxUint32}
	newMember := mlswire.Sender{Type: mlswire.SenderTypeNewMemberProposal}
	member := mlswire.Sender{Type: mlswire.SenderTypeMember, Index: 1}

	update := func(t *testing.T, s *scene) mlswire.Proposal { return forgeUpdate(t, s.mallory, nil, nil) }
	refuseAll(t, []refusal{
		{"12.1.8 Update by an external sender", ErrExternalProposal, proposed(external, watcher, update)},
		{"12.1.8 ExternalInit by an external sender", ErrExternalProposal, proposed(external, watcher, always(&mlswire.ExternalInit{KEMOutput: make([]byte, 32)}))},
		{"12.1.8.1 external sender that is not listed", ErrSender, proposed(second, watcher, always(remove(3)))},
		{"12.1.8.1 external sender far from listed", ErrSender, proposed(last, watcher, always(remove(3)))},
		{"12.1.8.1 external sender with another key", ErrSignature, proposed(external, own, always(remove(3)))},
		{"12.1.8 external sender in a group without any", ErrSender, func(t *testing.T, s *scene) []byte {
			var rest mlswire.Extensions
			for _, e := range s.bob.Extensions() {
				if e.Type != mlswire.ExtensionTypeExternalSenders {
					rest = append(rest, e)
				}
			}
			s.replaceExtensions(t, rest)
			t.Cleanup(func() { s.replaceExtensions(t, append(slices.Clone(rest), s.watching())) })
			return proposed(external, watcher, always(remove(3)))(t, s)
		}},
		{"12.1.3 Remove of a blank leaf by an external sender", ErrRemoveBlank, proposed(external, watcher, always(remove(5)))},
		{"12.1.1 invalid Add by an external sender", ErrKeyPackageSignature, proposed(external, watcher, func(t *testing.T, s *scene) mlswire.Proposal {
			return keyPackageForgery{signed: func(k *mlswire.KeyPackage) { k.Signature = flip(k.Signature, 0) }}.make(t, s.newcomer(t)).add()
		})},
		{"6.1 commit by an external sender", ErrSenderContent, commitWith(forgery{from: &external})},
		{"6.1 commit by a new member's proposal", ErrSenderContent, commitWith(forgery{from: &newMember})},
		{"12.1.8 Remove by a new member", ErrExternalProposal, proposed(newMember, own, always(remove(3)))},
		{"12.1.8 Update by a new member", ErrExternalProposal, proposed(newMember, own, update)},
		{"12.1.8 Add of a new member signed by another", ErrSignature, func(t *testing.T, s *scene) []byte {
			add := newKeyPackage(t, s.newcomer(t)).add()
			return forgeProposal(t, s.mallory, newMember, s.mallory.current.signer, add)
		}},
		{
			"6.1 proposal in an external commit's name", ErrSenderContent,
			proposed(mlswire.Sender{Type: mlswire.SenderTypeNewMemberCommit}, own, always(remove(3))),
		},
		{"6 sender of type 0", mlswire.ErrSenderType, rawSender(0)},
		{"6 sender of type 5", mlswire.ErrSenderType, rawSender(5)},
		{"12.1.6 ExternalInit by a member", ErrExternalInit, proposed(member, own, always(&mlswire.ExternalInit{KEMOutput: make([]byte, 32)}))},
		{"12.1.3 Remove of a blank leaf", ErrRemoveBlank, proposed(member, own, always(remove(7)))},
		{"12.1.4 PSK nonce", ErrPSKNonce, proposed(member, own, always(psk(func(id *mlswire.PreSharedKeyID) { id.PSKNonce = nil })))},
		{"12.1.4 PSK usage", ErrPSKUsage, func(t *testing.T, s *scene) []byte {
			id := s.mallory.current.resumptionPSK(1)
			id.Usage = mlswire.ResumptionPSKUsageBranch
			return forgeProposal(t, s.mallory, member, nil, &mlswire.PreSharedKey{PSK: id})
		}},
		{"12.1.5 ReInit version", ErrReInitVersion, func(t *testing.T, s *scene) []byte {
			r := reInit()
			r.Version = 0
			return forgeProposal(t, s.mallory, member, nil, r)
		}},
		{"17.3 extension out of place", ErrExtensionPlace, proposed(member, own, always(&mlswire.GroupContextExtensions{
			Extensions: mlswire.Extensions{{Type: mlswire.ExtensionTypeApplicationID, Data: []byte{0}}},
		}))},
		{
			"6.1 proposal in the name of another", ErrSignature,
			proposed(mlswire.Sender{Type: mlswire.SenderTypeMember, Index: 3}, own, always(remove(4))),
		},
	})
}

// watching is the external_senders extension of a scene.
func (s *scene) watching() mlswire.Extension {
	return mlswire.Extension{Type: mlswire.ExtensionTypeExternalSenders, Data: mlswire.Marshal(mlswire.ExternalSenders{
		{SignatureKey: s.watcher.signer.Public(), Credential: s.watcher.leaf.credential},
	})}
}

// replaceExtensions changes the group's extensions honestly.
func (s *scene) replaceExtensions(t *testing.T, list mlswire.Extensions) {
	t.Helper()
	c := must1(s.alice.Commit(CommitOptions{Extensions: &list, WithoutPending: true}))
	s.settle(t, s.alice, c.Message)
}

// rawSender is a commit with a type of sender that there is not.
func rawSender(kind byte) func(*testing.T, *scene) []byte {
	return func(t *testing.T, s *scene) []byte {
		t.Helper()
		message := forgery{}.commit(t, s.mallory)
		// version, wire format, group_id<V>, epoch
		message[2+2+1+len(s.mallory.GroupID())+8] = kind
		return message
	}
}

// Those outside may propose what RFC 9420, Section 12.1.8 says, and a member
// may commit it.
func TestExternalProposals(t *testing.T) {
	s := newScene(t)
	newcomer := newKeyPackage(t, s.newcomer(t))
	asks := newKeyPackage(t, s.newcomer(t))
	id, epoch := s.bob.GroupID(), s.bob.Epoch()
	messages := [][]byte{
		must1(s.watcher.ProposeExternal(0, id, epoch, newcomer.add())),
		must1(s.watcher.ProposeExternal(0, id, epoch, remove(4))),
		must1(s.watcher.ProposeExternal(0, id, epoch, psk(nil))),
		must1(s.watcher.ProposeExternal(0, id, epoch, s.extensions())),
		must1(asks.ProposeJoin(id, epoch)),
	}
	for _, m := range messages {
		for _, g := range s.members() {
			if _, err := g.Process(m); err != nil {
				t.Fatalf("Process() = %v", err)
			}
		}
	}
	c := must1(s.alice.Commit(CommitOptions{}))
	if got := len(s.alice.pending.Proposals()); got != len(messages) {
		t.Errorf("the commit took in %d proposals, want %d", got, len(messages))
	}
	follow(t, s.bob, c.Message)
	must0(s.alice.MergeCommit())
	joined := must1(newcomer.Join(c.Welcomes[0].Message, JoinOptions{}))
	must1(asks.Join(c.Welcomes[0].Message, JoinOptions{}))
	if got, want := joined.EpochAuthenticator(), s.alice.EpochAuthenticator(); string(got) != string(want) {
		t.Error("the newcomer is in another epoch")
	}
}
