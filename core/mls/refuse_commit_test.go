package mls

import (
	"math"
	"slices"
	"testing"

	"conclave/core/mlswire"
)

// Mallory's forged commits, by value if nothing else is said.
func mallory(list ...mlswire.Proposal) func(*testing.T, *scene) []byte {
	return func(t *testing.T, s *scene) []byte {
		t.Helper()
		return forgery{proposals: byValue(list...)}.commit(t, s.mallory)
	}
}

// withoutPath is mallory without a path.
func withoutPath(list ...mlswire.Proposal) func(*testing.T, *scene) []byte {
	return func(t *testing.T, s *scene) []byte {
		t.Helper()
		return forgery{proposals: byValue(list...), noPath: true}.commit(t, s.mallory)
	}
}

func remove(i LeafIndex) *mlswire.Remove { return &mlswire.Remove{Removed: uint32(i)} }

func psk(edit func(*mlswire.PreSharedKeyID)) *mlswire.PreSharedKey {
	id := mlswire.PreSharedKeyID{Type: mlswire.PSKTypeExternal, PSKID: []byte("psk"), PSKNonce: make([]byte, 32)}
	if edit != nil {
		edit(&id)
	}
	return &mlswire.PreSharedKey{PSK: id}
}

// resumption is a PSK of an epoch of the scene's group.
func resumption(usage mlswire.ResumptionPSKUsage) func(*testing.T, *scene) []byte {
	return func(t *testing.T, s *scene) []byte {
		t.Helper()
		return mallory(psk(func(id *mlswire.PreSharedKeyID) {
			*id = s.mallory.current.resumptionPSK(s.mallory.Epoch())
			id.Usage = usage
		}))(t, s)
	}
}

func reInit() *mlswire.ReInit {
	return &mlswire.ReInit{GroupID: []byte("the next"), Version: mlswire.MLS10, CipherSuite: quick}
}

// extensions is a GroupContextExtensions that keeps what the group has.
func (s *scene) extensions(more ...mlswire.Extension) *mlswire.GroupContextExtensions {
	return &mlswire.GroupContextExtensions{Extensions: append(slices.Clone(s.bob.Extensions()), more...)}
}

// requires is a GroupContextExtensions that requires other capabilities.
func requires(r mlswire.RequiredCapabilities) *mlswire.GroupContextExtensions {
	return &mlswire.GroupContextExtensions{Extensions: mlswire.Extensions{
		{Type: mlswire.ExtensionTypeRequiredCapabilities, Data: mlswire.Marshal(&r)},
	}}
}

// The rules for the list of proposals of a commit, RFC 9420, Section 12.2.
func TestRefuseProposalList(t *testing.T) {
	twice := psk(nil)
	refuseAll(t, []refusal{
		{"12.2 own Update by value", ErrOwnUpdate, func(t *testing.T, s *scene) []byte {
			return mallory(forgeUpdate(t, s.mallory, nil, nil))(t, s)
		}},
		{"12.2 own Update by reference", ErrOwnUpdate, func(t *testing.T, s *scene) []byte {
			ref := s.byReference(t, must1(s.mallory.ProposeUpdate(LeafChange{}, SendOptions{})), s.mallory)
			return forgery{proposals: []mlswire.ProposalOrRef{ref}}.commit(t, s.mallory)
		}},
		{"12.2 self-removal by value", ErrSelfRemove, mallory(remove(1))},
		{"12.2 self-removal without a path", ErrSelfRemove, withoutPath(remove(1))},
		{"12.2 self-removal by reference", ErrSelfRemove, func(t *testing.T, s *scene) []byte {
			ref := s.byReference(t, must1(s.carol.ProposeRemove(1, SendOptions{})), s.carol)
			return forgery{proposals: []mlswire.ProposalOrRef{ref}}.commit(t, s.mallory)
		}},
		{"12.2 two Removes of one leaf", ErrSameLeaf, mallory(remove(3), remove(3))},
		{"12.2 Update and Remove of one leaf", ErrSameLeaf, func(t *testing.T, s *scene) []byte {
			ref := s.byReference(t, must1(s.carol.ProposeUpdate(LeafChange{}, SendOptions{})), s.carol)
			return forgery{proposals: append(byValue(remove(3)), ref)}.commit(t, s.mallory)
		}},
		{"12.2 Remove and Update of one leaf", ErrSameLeaf, func(t *testing.T, s *scene) []byte {
			ref := s.byReference(t, must1(s.carol.ProposeUpdate(LeafChange{}, SendOptions{})), s.carol)
			return forgery{proposals: append([]mlswire.ProposalOrRef{ref}, byValue(remove(3))...)}.commit(t, s.mallory)
		}},
		{"12.2 two Updates of one leaf", ErrSameLeaf, func(t *testing.T, s *scene) []byte {
			one := s.byReference(t, must1(s.carol.ProposeUpdate(LeafChange{}, SendOptions{})), s.carol)
			two := s.byReference(t, must1(s.carol.ProposeUpdate(LeafChange{}, SendOptions{})), s.carol)
			return forgery{proposals: []mlswire.ProposalOrRef{one, two}}.commit(t, s.mallory)
		}},
		{"12.2 one client added twice", ErrDuplicateAdd, func(t *testing.T, s *scene) []byte {
			c := s.newcomer(t)
			return mallory(newKeyPackage(t, c).add(), newKeyPackage(t, c).add())(t, s)
		}},
		{"12.2 member added again", ErrAlreadyMember, func(t *testing.T, s *scene) []byte {
			return mallory(newKeyPackage(t, s.carol.client).add())(t, s)
		}},
		{"12.2 member added again while it changes its key", ErrAlreadyMember, func(t *testing.T, s *scene) []byte {
			k := newKeyPackage(t, s.carol.client)
			update := must1(s.carol.ProposeUpdate(LeafChange{SigningKey: s.carol.current.suite.GenerateSigningKey()}, SendOptions{}))
			ref := s.byReference(t, update, s.carol)
			return forgery{proposals: append(byValue(k.add()), ref)}.commit(t, s.mallory)
		}},
		{"12.2 PSK twice", ErrDuplicatePSK, mallory(twice, twice)},
		{"12.2 extensions replaced twice", ErrDuplicateGroupContextExtensions, func(t *testing.T, s *scene) []byte {
			return mallory(s.extensions(), s.extensions())(t, s)
		}},
		{"12.2 ReInit with another proposal", ErrReInitAlone, mallory(reInit(), psk(nil))},
		{"12.2 ReInit after another proposal", ErrReInitAlone, mallory(remove(3), reInit())},
		{"12.2 two ReInits", ErrReInitAlone, mallory(reInit(), reInit())},
		{"12.2 ExternalInit", ErrExternalInit, mallory(&mlswire.ExternalInit{KEMOutput: make([]byte, 32)})},
		{"12.4 unknown reference", ErrUnknownProposal, func(t *testing.T, s *scene) []byte {
			list := []mlswire.ProposalOrRef{{Reference: make([]byte, 32)}}
			return forgery{proposals: list}.commit(t, s.mallory)
		}},
		{"12.4 reference of another epoch", ErrUnknownProposal, func(t *testing.T, s *scene) []byte {
			ref := s.byReference(t, must1(s.carol.ProposeRemove(4, SendOptions{})), s.carol)
			s.turn(t, s.alice)
			return forgery{proposals: []mlswire.ProposalOrRef{ref}}.commit(t, s.mallory)
		}},
	})
}

// The rules for single proposals, RFC 9420, Section 12.1, in a commit.
func TestRefuseProposalInCommit(t *testing.T) {
	refuseAll(t, []refusal{
		{"12.1.3 Remove of a blank leaf", ErrRemoveBlank, mallory(remove(5))},
		{"12.1.3 Remove outside the tree", ErrRemoveBlank, mallory(remove(1000))},
		{"12.1.3 Remove of the last leaf there can be", ErrRemoveBlank, mallory(remove(math.MaxUint32))},
		{"12.1.4 PSK with usage reinit", ErrPSKUsage, resumption(mlswire.ResumptionPSKUsageReInit)},
		{"12.1.4 PSK with usage branch", ErrPSKUsage, resumption(mlswire.ResumptionPSKUsageBranch)},
		{"8.4 PSK with usage 0", mlswire.ErrPSKUsage, resumption(0)},
		{"8.4 PSK with usage 4", mlswire.ErrPSKUsage, resumption(4)},
		{"8.4 PSK of type 3", mlswire.ErrPSKType, rawProposal("0004" + "03")},
		{"12.1.4 short PSK nonce", ErrPSKNonce, mallory(psk(func(id *mlswire.PreSharedKeyID) { id.PSKNonce = id.PSKNonce[1:] }))},
		{"12.1.4 long PSK nonce", ErrPSKNonce, mallory(psk(func(id *mlswire.PreSharedKeyID) { id.PSKNonce = make([]byte, 33) }))},
		{"12.1.4 no PSK nonce", ErrPSKNonce, mallory(psk(func(id *mlswire.PreSharedKeyID) { id.PSKNonce = nil }))},
		{"12.4.2 unknown external PSK", ErrUnknownPSK, mallory(psk(func(id *mlswire.PreSharedKeyID) { id.PSKID = []byte("other") }))},
		{"12.4.2 unknown epoch of a resumption PSK", ErrUnknownPSK, func(t *testing.T, s *scene) []byte {
			id := s.mallory.current.resumptionPSK(1 << 40)
			return mallory(&mlswire.PreSharedKey{PSK: id})(t, s)
		}},
		{"12.4.2 unknown group of a resumption PSK", ErrUnknownPSK, func(t *testing.T, s *scene) []byte {
			id := s.mallory.current.resumptionPSK(s.mallory.Epoch())
			id.GroupID = []byte("another group")
			return mallory(&mlswire.PreSharedKey{PSK: id})(t, s)
		}},
		{"12.1.5 ReInit to an older version", ErrReInitVersion, func(t *testing.T, s *scene) []byte {
			r := reInit()
			r.Version = 0
			return mallory(r)(t, s)
		}},
		{"17.3 ReInit with an extension out of place", ErrExtensionPlace, func(t *testing.T, s *scene) []byte {
			r := reInit()
			r.Extensions = mlswire.Extensions{{Type: mlswire.ExtensionTypeRatchetTree}}
			return mallory(r)(t, s)
		}},
		{
			"12.1.7 required capabilities that members lack", ErrRequiredCapabilities,
			mallory(requires(mlswire.RequiredCapabilities{ExtensionTypes: []mlswire.ExtensionType{unknownExtension}})),
		},
		{
			"12.1.7 required proposals that members lack", ErrRequiredCapabilities,
			mallory(requires(mlswire.RequiredCapabilities{ProposalTypes: []mlswire.ProposalType{0xff77}})),
		},
		{
			"12.1.7 required credentials that members lack", ErrRequiredCapabilities,
			mallory(requires(mlswire.RequiredCapabilities{CredentialTypes: []mlswire.CredentialType{0xff78}})),
		},
		{"12.1.7 required capability that one added in the same commit lacks", ErrRequiredCapabilities, func(t *testing.T, s *scene) []byte {
			k := newKeyPackage(t, s.newcomer(t, func(c *Config) { c.Capabilities = nil }))
			return mallory(requires(mlswire.RequiredCapabilities{ProposalTypes: []mlswire.ProposalType{knownProposal}}), k.add())(t, s)
		}},
		{"13.4 extension that members do not support", ErrGroupExtension, func(t *testing.T, s *scene) []byte {
			return mallory(s.extensions(mlswire.Extension{Type: unknownExtension}))(t, s)
		}},
		{"13.4 extension twice", ErrDuplicateExtension, func(t *testing.T, s *scene) []byte {
			return mallory(s.extensions(mlswire.Extension{Type: knownExtension}))(t, s)
		}},
		{"17.3 application_id in the GroupContext", ErrExtensionPlace, mallory(&mlswire.GroupContextExtensions{
			Extensions: mlswire.Extensions{{Type: mlswire.ExtensionTypeApplicationID, Data: []byte{0}}},
		})},
		{"17.3 external_pub in the GroupContext", ErrExtensionPlace, mallory(&mlswire.GroupContextExtensions{
			Extensions: mlswire.Extensions{{Type: mlswire.ExtensionTypeExternalPub, Data: []byte{0}}},
		})},
		{"17.3 ratchet_tree in the GroupContext", ErrExtensionPlace, mallory(&mlswire.GroupContextExtensions{
			Extensions: mlswire.Extensions{{Type: mlswire.ExtensionTypeRatchetTree, Data: []byte{0}}},
		})},
		{"11.1 malformed required_capabilities", ErrExtensionData, mallory(&mlswire.GroupContextExtensions{
			Extensions: mlswire.Extensions{{Type: mlswire.ExtensionTypeRequiredCapabilities, Data: []byte{1}}},
		})},
		{"12.1.8.1 malformed external_senders", ErrExtensionData, mallory(&mlswire.GroupContextExtensions{
			Extensions: mlswire.Extensions{{Type: mlswire.ExtensionTypeExternalSenders, Data: []byte{1}}},
		})},
		{"12.1.8.1 external sender with a malformed key", ErrExtensionData, mallory(&mlswire.GroupContextExtensions{
			Extensions: mlswire.Extensions{{Type: mlswire.ExtensionTypeExternalSenders, Data: mlswire.Marshal(mlswire.ExternalSenders{
				{SignatureKey: []byte{1}, Credential: basic("watcher")},
			})}},
		})},
		{"5.3.1 external sender that is not authentic", ErrCredential, func(t *testing.T, s *scene) []byte {
			return mallory(&mlswire.GroupContextExtensions{
				Extensions: mlswire.Extensions{{Type: mlswire.ExtensionTypeExternalSenders, Data: mlswire.Marshal(mlswire.ExternalSenders{
					{SignatureKey: s.watcher.signer.Public(), Credential: basic(stranger)},
				})}},
			})(t, s)
		}},
		{"12.1 proposal of an unknown type", mlswire.ErrProposalType, rawProposal("ff02")},
		{"13.5 GREASE as the type of a proposal", mlswire.ErrProposalType, rawProposal("0a0a")},
	})
}

// The rules for whether a commit has a path, RFC 9420, Section 12.4.
func TestRefuseMissingPath(t *testing.T) {
	refuseAll(t, []refusal{
		{"12.4 empty commit", ErrPathRequired, withoutPath()},
		{"12.4 Remove", ErrPathRequired, withoutPath(remove(3))},
		{"12.4 Remove of the receiver", ErrPathRequired, withoutPath(remove(2))},
		{"12.4 Remove beside what needs none", ErrPathRequired, withoutPath(psk(nil), remove(3))},
		{"12.4 GroupContextExtensions", ErrPathRequired, func(t *testing.T, s *scene) []byte {
			return withoutPath(s.extensions())(t, s)
		}},
		{"12.4 Update", ErrPathRequired, func(t *testing.T, s *scene) []byte {
			ref := s.byReference(t, must1(s.carol.ProposeUpdate(LeafChange{}, SendOptions{})), s.carol)
			return forgery{proposals: []mlswire.ProposalOrRef{ref}, noPath: true}.commit(t, s.mallory)
		}},
	})
}
