package mls

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"conclave/core/mls/internal/schedule"
	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// A joinRefusal is a Welcome of Mallory's for Frank that breaks one rule.
type joinRefusal struct {
	name    string
	want    error
	with    func(*testing.T, *scene) []mlswire.ProposalOrRef // beside the Add of Frank
	noPath  bool
	welcome welcomeForgery
	nodes   func(mlswire.RatchetTree) // changes the tree; its hash is put right
	options func(*forged) JoinOptions
}

// refuseJoins has Frank refuse each Welcome, unchanged, and join by the honest
// one.
func refuseJoins(t *testing.T, cases []joinRefusal) {
	s := newScene(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			frank := newKeyPackage(t, s.newcomer(t))
			f := forgery{proposals: byValue(frank.add()), noPath: c.noPath}
			if c.with != nil {
				f.proposals = append(f.proposals, c.with(t, s)...)
			}
			out := f.make(t, s.mallory)
			bad := c.welcome
			if c.nodes != nil {
				bad.info = func(i *mlswire.GroupInfo) { replaceTree(t, out, i, c.nodes) }
			}
			var options JoinOptions
			if c.options != nil {
				options = c.options(out)
			}
			before := frank.Snapshot().Expose()
			joined, err := frank.Join(bad.make(t, out, frank), options)
			if !errors.Is(err, c.want) || joined != nil {
				t.Fatalf("Join() = %v, %v, want %v", joined, err, c.want)
			}
			if !bytes.Equal(frank.Snapshot().Expose(), before) {
				t.Error("a refused Welcome changed the KeyPackage")
			}
			// An honest commit adds the same KeyPackage.
			commit := must1(s.mallory.Commit(CommitOptions{Add: [][]byte{frank.Bytes()}, WithoutPending: true}))
			joined, err = frank.Join(commit.Welcomes[0].Message, JoinOptions{})
			if err != nil {
				t.Fatalf("Join() by the honest Welcome = %v", err)
			}
			if !bytes.Equal(joined.EpochAuthenticator(), s.mallory.pending.next.secrets.Authenticator.Expose()) {
				t.Error("joined another epoch")
			}
			must0(s.mallory.DiscardCommit())
		})
	}
}

// replaceTree puts a changed tree into a GroupInfo, with its hash.
func replaceTree(t *testing.T, out *forged, i *mlswire.GroupInfo, edit func(mlswire.RatchetTree)) {
	t.Helper()
	nodes := out.next.tree.Nodes()
	copied := mlswire.RatchetTree{Leaves: slices.Clone(nodes.Leaves), Parents: slices.Clone(nodes.Parents)}
	edit(copied)
	if changed, err := tree.FromNodes(out.next.suite, copied); err == nil {
		i.GroupContext.TreeHash = changed.Hash()
	}
	i.Extensions = mlswire.Extensions{{Type: mlswire.ExtensionTypeRatchetTree, Data: mlswire.Marshal(copied)}}
}

// What a Welcome itself may have wrong, RFC 9420, Section 12.4.3.1.
func TestRefuseWelcome(t *testing.T) {
	refuseJoins(t, []joinRefusal{
		{name: "other cipher suite", want: ErrWelcomeSuite, welcome: welcomeForgery{
			welcome: func(w *mlswire.Welcome) { w.CipherSuite = 3 },
		}},
		{name: "nothing for this KeyPackage", want: ErrNotInWelcome, welcome: welcomeForgery{
			welcome: func(w *mlswire.Welcome) { w.Secrets[0].NewMember = flip(w.Secrets[0].NewMember, 0) },
		}},
		{name: "nothing for anybody", want: ErrNotInWelcome, welcome: welcomeForgery{
			welcome: func(w *mlswire.Welcome) { w.Secrets = nil },
		}},
		{name: "changed group secrets", want: suite.ErrOpen, welcome: welcomeForgery{
			welcome: func(w *mlswire.Welcome) {
				c := &w.Secrets[0].EncryptedGroupSecrets
				c.Ciphertext = flip(c.Ciphertext, 0)
			},
		}},
		{name: "group secrets of another Welcome", want: suite.ErrOpen, welcome: welcomeForgery{
			welcome: func(w *mlswire.Welcome) { w.EncryptedGroupInfo = flip(w.EncryptedGroupInfo, 0) },
		}},
		{name: "another joiner secret", want: ErrEncryptedGroupInfo, welcome: welcomeForgery{
			secrets: func(g *schedule.GroupSecrets) { g.JoinerSecret = secret.New(make([]byte, 32)) },
		}},
		{name: "short joiner secret", want: ErrSecretLength, welcome: welcomeForgery{
			secrets: func(g *schedule.GroupSecrets) { g.JoinerSecret = secret.New(g.JoinerSecret.Expose()[1:]) },
		}},
		{name: "7.5 another path secret", want: ErrPathSecret, welcome: welcomeForgery{
			secrets: func(g *schedule.GroupSecrets) { g.PathSecret = secret.New(make([]byte, 32)) },
		}},
		{name: "7.5 short path secret", want: ErrSecretLength, welcome: welcomeForgery{
			secrets: func(g *schedule.GroupSecrets) { g.PathSecret = secret.New(g.PathSecret.Expose()[1:]) },
		}},
		{name: "7.5 no path secret", want: ErrPathSecret, welcome: welcomeForgery{
			secrets: func(g *schedule.GroupSecrets) { g.PathSecret = secret.Value{} },
		}},
		{name: "7.5 path secret without a path", want: ErrPathSecret, noPath: true, welcome: welcomeForgery{
			secrets: func(g *schedule.GroupSecrets) { g.PathSecret = secret.New(make([]byte, 32)) },
		}},
		{name: "8.4 PSK that the group did not use", want: ErrEncryptedGroupInfo, welcome: welcomeForgery{secrets: psks(psk(nil).PSK)}},
		{name: "unknown PSK", want: ErrUnknownPSK, welcome: welcomeForgery{
			secrets: psks(psk(func(id *mlswire.PreSharedKeyID) { id.PSKID = []byte("other") }).PSK),
		}},
		{name: "12.1.4 PSK nonce", want: ErrPSKNonce, welcome: welcomeForgery{
			secrets: psks(psk(func(id *mlswire.PreSharedKeyID) { id.PSKNonce = nil }).PSK),
		}},
		{name: "PSK twice", want: ErrDuplicatePSK, welcome: welcomeForgery{secrets: psks(psk(nil).PSK, psk(nil).PSK)}},
		{name: "two groups to follow", want: ErrPSKUsage, welcome: welcomeForgery{
			secrets: psks(link(forReInit, "one"), link(forReInit, "two")),
		}},
		{name: "a ReInit and a branch to follow", want: ErrPSKUsage, welcome: welcomeForgery{
			secrets: psks(link(forReInit, "one"), link(forBranch, "two")),
		}},
		{
			name: "PSKs of another order", want: ErrEncryptedGroupInfo,
			with: func(*testing.T, *scene) []mlswire.ProposalOrRef {
				return byValue(psk(nil), psk(func(id *mlswire.PreSharedKeyID) { id.PSKNonce = bytes.Repeat([]byte{1}, 32) }))
			},
			welcome: welcomeForgery{secrets: func(g *schedule.GroupSecrets) { slices.Reverse(g.PSKs) }},
		},
		{
			name: "a PSK of the commit left out", want: ErrEncryptedGroupInfo,
			with:    func(*testing.T, *scene) []mlswire.ProposalOrRef { return byValue(psk(nil)) },
			welcome: welcomeForgery{secrets: psks()},
		},
	})
}

// psks replaces the PSKs of a Welcome.
func psks(list ...mlswire.PreSharedKeyID) func(*schedule.GroupSecrets) {
	return func(g *schedule.GroupSecrets) { g.PSKs = list }
}

// link is a PSK by which a new group follows another.
func link(why purpose, group string) mlswire.PreSharedKeyID {
	return mlswire.PreSharedKeyID{
		Type: mlswire.PSKTypeResumption, Usage: why, GroupID: []byte(group), Epoch: 1, PSKNonce: make([]byte, 32),
	}
}

// info is a Welcome whose GroupInfo is changed before it is signed.
func info(edit func(*mlswire.GroupInfo)) welcomeForgery { return welcomeForgery{info: edit} }

// What a GroupInfo may have wrong, RFC 9420, Section 12.4.3.
func TestRefuseWelcomeGroupInfo(t *testing.T) {
	stranger := mlswire.ExternalSenders{{SignatureKey: testClient(t, "watcher").signer.Public(), Credential: basic(stranger)}}
	refuseJoins(t, []joinRefusal{
		{name: "tree hash", want: ErrTreeHash, welcome: info(func(i *mlswire.GroupInfo) { i.GroupContext.TreeHash = flip(i.GroupContext.TreeHash, 0) })},
		{name: "no tree hash", want: ErrTreeHash, welcome: info(func(i *mlswire.GroupInfo) { i.GroupContext.TreeHash = nil })},
		{name: "other cipher suite", want: ErrGroupInfoVersion, welcome: info(func(i *mlswire.GroupInfo) { i.GroupContext.CipherSuite = 3 })},
		{name: "unknown version", want: mlswire.ErrVersion, welcome: info(func(i *mlswire.GroupInfo) { i.GroupContext.Version = 2 })},
		{name: "signer is blank", want: ErrGroupInfoSigner, welcome: info(func(i *mlswire.GroupInfo) { i.Signer = 7 })},
		{name: "signer outside the tree", want: ErrGroupInfoSigner, welcome: info(func(i *mlswire.GroupInfo) { i.Signer = math.MaxUint32 })},
		{name: "signer is another", want: ErrGroupInfoSignature, welcome: info(func(i *mlswire.GroupInfo) { i.Signer = 3 })},
		{name: "signer is the joiner", want: ErrGroupInfoSignature, welcome: info(func(i *mlswire.GroupInfo) { i.Signer = 5 })},
		{name: "signature", want: ErrGroupInfoSignature, welcome: welcomeForgery{signedInfo: func(i *mlswire.GroupInfo) { i.Signature = flip(i.Signature, 9) }}},
		{name: "changed after it was signed", want: ErrGroupInfoSignature, welcome: welcomeForgery{signedInfo: func(i *mlswire.GroupInfo) { i.GroupContext.Epoch++ }}},
		{name: "6.1 confirmation tag", want: ErrConfirmationTag, welcome: info(func(i *mlswire.GroupInfo) { i.ConfirmationTag = flip(i.ConfirmationTag, 0) })},
		{name: "6.1 no confirmation tag", want: ErrConfirmationTag, welcome: info(func(i *mlswire.GroupInfo) { i.ConfirmationTag = nil })},
		{name: "8.1 other epoch", want: ErrConfirmationTag, welcome: info(func(i *mlswire.GroupInfo) { i.GroupContext.Epoch++ })},
		{name: "8.1 other group id", want: ErrLeafSignature, welcome: info(func(i *mlswire.GroupInfo) { i.GroupContext.GroupID = []byte("other") })},
		{name: "8.1 other transcript", want: ErrConfirmationTag, welcome: info(func(i *mlswire.GroupInfo) {
			i.GroupContext.ConfirmedTranscriptHash = flip(i.GroupContext.ConfirmedTranscriptHash, 0)
		})},
		{name: "8.1 other extensions", want: ErrConfirmationTag, welcome: info(func(i *mlswire.GroupInfo) { i.GroupContext.Extensions = nil })},
		{name: "17.3 extension out of place", want: ErrExtensionPlace, welcome: info(func(i *mlswire.GroupInfo) {
			i.Extensions = append(i.Extensions, mlswire.Extension{Type: mlswire.ExtensionTypeRequiredCapabilities, Data: []byte{0, 0, 0}})
		})},
		{name: "13.4 extension twice", want: ErrDuplicateExtension, welcome: info(func(i *mlswire.GroupInfo) {
			i.Extensions = append(i.Extensions, i.Extensions[0])
		})},
		{name: "13.4 extension of the group that the joiner does not support", want: ErrGroupExtension, welcome: info(func(i *mlswire.GroupInfo) {
			i.GroupContext.Extensions = mlswire.Extensions{{Type: unknownExtension}}
		})},
		{name: "17.3 extension of the group out of place", want: ErrExtensionPlace, welcome: info(func(i *mlswire.GroupInfo) {
			i.GroupContext.Extensions = mlswire.Extensions{{Type: mlswire.ExtensionTypeExternalPub, Data: []byte{0}}}
		})},
		{name: "11.1 required capability that the joiner lacks", want: ErrRequiredCapabilities, welcome: info(func(i *mlswire.GroupInfo) {
			i.GroupContext.Extensions = requires(mlswire.RequiredCapabilities{ProposalTypes: []mlswire.ProposalType{0xff77}}).Extensions
		})},
		{name: "11.1 malformed required_capabilities", want: ErrExtensionData, welcome: info(func(i *mlswire.GroupInfo) {
			i.GroupContext.Extensions = mlswire.Extensions{{Type: mlswire.ExtensionTypeRequiredCapabilities, Data: []byte{9}}}
		})},
		{name: "5.3.1 external sender that is not authentic", want: ErrCredential, welcome: info(func(i *mlswire.GroupInfo) {
			i.GroupContext.Extensions = mlswire.Extensions{{Type: mlswire.ExtensionTypeExternalSenders, Data: mlswire.Marshal(stranger)}}
		})},
		{name: "no tree", want: ErrNoTree, welcome: welcomeForgery{withoutTree: true}},
		{name: "tree beside it of another epoch", want: ErrTreeHash, welcome: welcomeForgery{withoutTree: true}, options: func(out *forged) JoinOptions {
			return JoinOptions{RatchetTree: mlswire.Marshal(out.transition.from.tree.Nodes())}
		}},
		{name: "tree beside it that is malformed", want: mlswire.ErrTreeShape, welcome: welcomeForgery{withoutTree: true}, options: func(*forged) JoinOptions {
			return JoinOptions{RatchetTree: []byte{0}}
		}},
	})
}

// What a ratchet tree may have wrong, RFC 9420, Sections 7.1, 7.9.2 and
// 12.4.3.1, with a tree hash that is right.
func TestRefuseWelcomeTree(t *testing.T) {
	refuseJoins(t, []joinRefusal{
		{name: "7.9.2 changed parent", want: ErrParentHash, nodes: func(n mlswire.RatchetTree) {
			p := *n.Parents[2]
			p.ParentHash = flip(p.ParentHash, 0)
			n.Parents[2] = &p
		}},
		{name: "7.9.2 key of a parent that nobody set", want: ErrParentHash, nodes: func(n mlswire.RatchetTree) {
			p := *n.Parents[2]
			p.EncryptionKey = must1(suite.Lookup(quick)).GenerateKeyPair().Public
			n.Parents[2] = &p
		}},
		{name: "7.9.2 swapped leaves", want: ErrParentHash, nodes: func(n mlswire.RatchetTree) {
			n.Leaves[2], n.Leaves[3] = n.Leaves[3], n.Leaves[2]
		}},
		{name: "7.9.2 removed member", want: ErrParentHash, nodes: func(n mlswire.RatchetTree) { n.Leaves[2], n.Parents[2] = nil, nil }},
		{name: "12.4.3.1 unmerged leaf that is blank", want: ErrUnmergedLeaves, nodes: unmerged(6)},
		{name: "12.4.3.1 unmerged leaf elsewhere", want: ErrUnmergedLeaves, nodes: unmerged(5)},
		{name: "12.4.3.1 unmerged leaf outside the tree", want: ErrUnmergedLeaves, nodes: unmerged(math.MaxUint32)},
		{name: "7.1 unmerged leaves out of order", want: ErrUnmergedLeaves, nodes: unmerged(3, 2)},
		{name: "7.1 unmerged leaf twice", want: ErrUnmergedLeaves, nodes: unmerged(2, 2)},
		{name: "12.4.3.1 parent with the key of a leaf", want: ErrDuplicateEncryptionKey, nodes: func(n mlswire.RatchetTree) {
			p := *n.Parents[2]
			p.EncryptionKey = n.Leaves[0].EncryptionKey
			n.Parents[2] = &p
		}},
		{name: "7.3 two leaves with one encryption key", want: ErrDuplicateEncryptionKey, nodes: func(n mlswire.RatchetTree) {
			l := *n.Leaves[2]
			l.EncryptionKey = n.Leaves[3].EncryptionKey
			n.Leaves[2] = &l
		}},
		{name: "7.3 two leaves with one signature key", want: ErrDuplicateSignatureKey, nodes: func(n mlswire.RatchetTree) {
			l := *n.Leaves[2]
			l.SignatureKey = n.Leaves[3].SignatureKey
			n.Leaves[2] = &l
		}},
		{name: "5.1.1 malformed key", want: ErrPathKey, nodes: func(n mlswire.RatchetTree) {
			p := *n.Parents[2]
			p.EncryptionKey = p.EncryptionKey[1:]
			n.Parents[2] = &p
		}},
		{name: "a parent above nobody", want: ErrTreeShape, nodes: func(n mlswire.RatchetTree) { n.Leaves[2], n.Leaves[3] = nil, nil }},
	})
}

// unmerged gives the parent of leaves 2 and 3 other unmerged leaves.
func unmerged(leaves ...uint32) func(mlswire.RatchetTree) {
	return func(n mlswire.RatchetTree) {
		p := *n.Parents[2]
		p.UnmergedLeaves = leaves
		n.Parents[2] = &p
	}
}

// Leaves that a member has let in against the rules: the joiner looks at each,
// RFC 9420, Sections 7.3 and 12.4.3.1.
func TestRefuseWelcomeLeaf(t *testing.T) {
	var cases []joinRefusal
	for _, f := range leafFaults {
		switch {
		case errors.Is(f.want, ErrDuplicateEncryptionKey), errors.Is(f.want, mlswire.ErrCredentialType):
			continue // a tree like this cannot be made; it is refused when it is read
		case errors.Is(f.want, ErrLeafKey):
			f.want = ErrPathKey // found by the tree, for encryption keys
			if f.name == "5.1.1 short signature key" {
				f.want = ErrLeafKey
			}
		}
		cases = append(cases, joinRefusal{name: f.name, want: f.want, with: accomplice(f)})
	}
	cases = append(cases, joinRefusal{
		name: "7.2 lifetime is too long", want: ErrLifetimeRange,
		with: accomplice(leafFault{leaf: func(_ *scene, l *mlswire.LeafNode) { l.Lifetime = lifetime(-time.Hour, defaultMaxLifetime) }}),
	})
	refuseJoins(t, cases)
}

// accomplice adds another KeyPackage with something wrong with its leaf.
func accomplice(f leafFault) func(*testing.T, *scene) []mlswire.ProposalOrRef {
	return func(t *testing.T, s *scene) []mlswire.ProposalOrRef {
		t.Helper()
		return byValue(keyPackageForgery{leaf: with(s, f.leaf), signedLeaf: with(s, f.signed)}.make(t, s.newcomer(t)).add())
	}
}

// A member whose KeyPackage has long expired is a member still: RFC 9420,
// Section 7.3 leaves it to the joiner, who could otherwise not join.
func TestJoinAcceptsExpiredMember(t *testing.T) {
	s := newScene(t)
	old := keyPackageForgery{leaf: func(l *mlswire.LeafNode) {
		l.Lifetime = lifetime(-400*24*time.Hour, -340*24*time.Hour)
	}}.make(t, s.newcomer(t))
	frank := newKeyPackage(t, s.newcomer(t))
	out := forgery{proposals: byValue(old.add(), frank.add())}.make(t, s.mallory)
	if _, err := frank.Join(welcomeForgery{}.make(t, out, frank), JoinOptions{}); err != nil {
		t.Errorf("Join() = %v", err)
	}
}

// The joiner's own leaf must be the one of its KeyPackage, RFC 9420, Section
// 12.4.3.1.
func TestRefuseWelcomeOwnLeaf(t *testing.T) {
	s := newScene(t)
	frank, gina := newKeyPackage(t, s.newcomer(t)), newKeyPackage(t, s.newcomer(t))
	out := forgery{proposals: byValue(gina.add())}.make(t, s.mallory)
	if _, err := frank.Join(welcomeForgery{}.make(t, out, frank), JoinOptions{}); !errors.Is(err, ErrNotInTree) {
		t.Errorf("Join() of a tree without the leaf = %v, want ErrNotInTree", err)
	}
	// The same keys in a leaf that Frank did sign, for another KeyPackage.
	other := *frank.public
	other.LeafNode.Extensions = mlswire.Extensions{{Type: knownExtension}}
	must0(signLeaf(frank.client.suite, frank.client.signer, &other.LeafNode, nil, 0))
	out = forgery{proposals: byValue(&mlswire.Add{KeyPackage: other})}.make(t, s.mallory)
	if _, err := frank.Join(welcomeForgery{}.make(t, out, frank), JoinOptions{}); !errors.Is(err, ErrNotInTree) {
		t.Errorf("Join() of a tree with another leaf = %v, want ErrNotInTree", err)
	}
	out = forgery{proposals: byValue(frank.add())}.make(t, s.mallory)
	if _, err := frank.Join(welcomeForgery{}.make(t, out, frank), JoinOptions{}); err != nil {
		t.Errorf("Join() by the honest Welcome = %v", err)
	}
}

// A KeyPackage is for one group, RFC 9420, Sections 10 and 16.8.
func TestRefuseKeyPackageReuse(t *testing.T) {
	s, other := newScene(t), newScene(t)
	frank := newKeyPackage(t, s.newcomer(t))
	one := must1(s.mallory.Commit(CommitOptions{Add: [][]byte{frank.Bytes()}})).Welcomes[0].Message
	two := must1(other.mallory.Commit(CommitOptions{Add: [][]byte{frank.Bytes()}})).Welcomes[0].Message
	stored := must1(frank.client.RestoreKeyPackage(frank.Snapshot()))
	must1(frank.Join(one, JoinOptions{}))
	for name, welcome := range map[string][]byte{"the same Welcome": one, "another group's Welcome": two} {
		if _, err := frank.Join(welcome, JoinOptions{}); !errors.Is(err, ErrKeyPackageUsed) {
			t.Errorf("Join() by %s = %v, want ErrKeyPackageUsed", name, err)
		}
	}
	if _, err := frank.ProposeJoin(s.bob.GroupID(), s.bob.Epoch()); !errors.Is(err, ErrKeyPackageUsed) {
		t.Errorf("ProposeJoin() = %v, want ErrKeyPackageUsed", err)
	}
	if frank.initKey.Equal(stored.initKey) {
		t.Error("the init key of a used KeyPackage was not overwritten")
	}
}

// The id of a group is its own, RFC 9420, Section 12.4.3.1.
func TestRefuseKnownGroup(t *testing.T) {
	s := newScene(t)
	known := true
	frank := newKeyPackage(t, s.newcomer(t, func(c *Config) {
		c.KnownGroup = func(id []byte) bool { return known && bytes.Equal(id, s.bob.GroupID()) }
	}))
	welcome := must1(s.mallory.Commit(CommitOptions{Add: [][]byte{frank.Bytes()}})).Welcomes[0].Message
	groupInfo := must1(s.mallory.GroupInfo(true))
	before := frank.Snapshot().Expose()
	if _, err := frank.Join(welcome, JoinOptions{}); !errors.Is(err, ErrKnownGroup) {
		t.Errorf("Join() = %v, want ErrKnownGroup", err)
	}
	if _, _, err := frank.client.JoinExternal(groupInfo, ExternalOptions{}); !errors.Is(err, ErrKnownGroup) {
		t.Errorf("JoinExternal() = %v, want ErrKnownGroup", err)
	}
	if !bytes.Equal(frank.Snapshot().Expose(), before) {
		t.Error("a refused Welcome changed the KeyPackage")
	}
	known = false
	if _, err := frank.Join(welcome, JoinOptions{}); err != nil {
		t.Errorf("Join() of an unknown group = %v", err)
	}
}
