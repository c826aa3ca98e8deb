package mls

import (
	"errors"
	"math"
	"testing"

	"conclave/core/mlswire"
)

// TestKeyPackageRules holds RFC 9420, Sections 10 and 10.1, wherever a
// KeyPackage comes from: for a client to add, in an Add proposal, and in an Add by
// value.
func TestKeyPackageRules(t *testing.T) {
	faults := []struct {
		name string
		want error
		make keyPackageForgery
	}{
		{"10 init key of another suite", ErrInitKey, keyPackageForgery{keyPackage: func(k *mlswire.KeyPackage) {
			k.InitKey = make([]byte, 65)
		}}},
		{"10 no init key", ErrInitKey, keyPackageForgery{keyPackage: func(k *mlswire.KeyPackage) { k.InitKey = nil }}},
		{"10 init key of small order", ErrInitKey, keyPackageForgery{keyPackage: func(k *mlswire.KeyPackage) {
			k.InitKey = make([]byte, 32)
		}}},
		{"10.1 other cipher suite", ErrKeyPackageVersion, keyPackageForgery{keyPackage: func(k *mlswire.KeyPackage) { k.CipherSuite = 3 }}},
		{"10.1 init key is the encryption key", ErrInitKeyReused, keyPackageForgery{keyPackage: func(k *mlswire.KeyPackage) {
			k.InitKey = k.LeafNode.EncryptionKey
		}}},
		{"10.1 signature", ErrKeyPackageSignature, keyPackageForgery{signed: func(k *mlswire.KeyPackage) {
			k.Signature = flip(k.Signature, 3)
		}}},
		{"10.1 no signature", ErrKeyPackageSignature, keyPackageForgery{signed: func(k *mlswire.KeyPackage) { k.Signature = nil }}},
		{"10.1 changed after it was signed", ErrKeyPackageSignature, keyPackageForgery{signed: func(k *mlswire.KeyPackage) {
			k.InitKey = flip(k.InitKey, 3)
		}}},
		{"10.1 leaf of another", ErrKeyPackageSignature, keyPackageForgery{signed: func(k *mlswire.KeyPackage) {
			other := newKeyPackage(t, testClient(t, "other"))
			k.LeafNode = other.public.LeafNode
		}}},
		{"13.4 extension twice", mlswire.ErrDuplicateExtension, keyPackageForgery{keyPackage: func(k *mlswire.KeyPackage) {
			k.Extensions = mlswire.Extensions{{Type: knownExtension}, {Type: knownExtension}}
		}}},
		{"17.3 extension out of place", ErrExtensionPlace, keyPackageForgery{keyPackage: func(k *mlswire.KeyPackage) {
			k.Extensions = mlswire.Extensions{{Type: mlswire.ExtensionTypeRequiredCapabilities, Data: []byte{0, 0, 0}}}
		}}},
	}
	s := newScene(t)
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			k := f.make.make(t, s.newcomer(t))
			fingerprint(s.bob) // so that it may send
			if _, err := s.bob.Commit(CommitOptions{Add: [][]byte{k.Bytes()}}); !errors.Is(err, f.want) {
				t.Errorf("Commit = %v, want %v", err, f.want)
			}
			if _, err := s.bob.ProposeAdd(k.Bytes(), SendOptions{}); !errors.Is(err, f.want) {
				t.Errorf("ProposeAdd = %v, want %v", err, f.want)
			}
			from := s.mallory.current.sender()
			refuses(t, s.bob, forgeProposal(t, s.mallory, from, s.mallory.current.signer, k.add()), f.want)
			refuses(t, s.bob, mallory(k.add())(t, s), f.want)
			s.turn(t, s.mallory)
		})
	}
}

// TestSuccessorSaysSo holds RFC 9420, Section 11.2: who waits for the group that
// follows joins none that is not linked to the old one.
func TestSuccessorSaysSo(t *testing.T) {
	s := newScene(t)
	joiner := newKeyPackage(t, testClient(t, "bob"))
	other, err := testClient(t, "mallory").CreateGroup([]byte("the next group"), nil)
	if err != nil {
		t.Fatal(err)
	}
	commit, err := other.Commit(CommitOptions{Add: [][]byte{joiner.Bytes()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := joiner.Join(commit.Welcomes[0].Message, JoinOptions{From: s.bob}); !errors.Is(err, ErrNoPredecessor) {
		t.Errorf("Join of a group that follows none = %v, want ErrNoPredecessor", err)
	}
	if _, err := joiner.Join(commit.Welcomes[0].Message, JoinOptions{}); err != nil {
		t.Errorf("Join without a group to follow = %v", err)
	}
}

// TestLastEpoch holds RFC 9420, Section 8.1: an epoch that cannot be followed by
// another is the last, for members and for who would join by a commit.
func TestLastEpoch(t *testing.T) {
	s := newScene(t)
	last := *s.alice.current
	last.context.Epoch = math.MaxUint64
	s.alice.current = &last
	if _, err := s.alice.Commit(CommitOptions{}); !errors.Is(err, ErrEpochLimit) {
		t.Errorf("Commit = %v, want ErrEpochLimit", err)
	}
	info, err := last.publicGroupInfo(true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.newcomer(t).JoinExternal(info, ExternalOptions{}); !errors.Is(err, ErrEpochLimit) {
		t.Errorf("JoinExternal = %v, want ErrEpochLimit", err)
	}
}

// TestExternalJoinerSupportsTheGroup holds RFC 9420, Sections 13.4 and 13.5: who
// joins by a commit supports every extension of the group, and has to be able to
// say so without GREASE.
func TestExternalJoinerSupportsTheGroup(t *testing.T) {
	const greased mlswire.ExtensionType = 0x7a7a
	lists := func(types ...mlswire.ExtensionType) func(*Config) {
		return func(c *Config) {
			capabilities := defaultCapabilities(quick)
			capabilities.Extensions = types
			c.Capabilities = &capabilities
		}
	}
	for _, tt := range []struct {
		name      string
		extension mlswire.ExtensionType
		joiner    func(*Config)
		want      error
	}{
		{"supported", knownExtension, lists(knownExtension), nil},
		{"not supported", knownExtension, lists(), ErrGroupExtension},
		{"only listed as noise", greased, lists(greased), ErrGroupExtension},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := testClient(t, "founder", lists(tt.extension)).CreateGroup(nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			// Put there past the check that nobody demands GREASE.
			g.current.context.Extensions = mlswire.Extensions{{Type: tt.extension}}
			info, err := g.GroupInfo(true)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = testClient(t, "joiner", tt.joiner).JoinExternal(info, ExternalOptions{})
			if !errors.Is(err, tt.want) {
				t.Errorf("JoinExternal = %v, want %v", err, tt.want)
			}
		})
	}
}
