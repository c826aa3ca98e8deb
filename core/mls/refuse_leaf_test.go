package mls

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"conclave/core/mlswire"
)

// A leafFault is what is wrong with a leaf node, wherever it is found.
type leafFault struct {
	name string
	want error
	// leaf changes the leaf before it is signed, signed after.
	leaf, signed func(*scene, *mlswire.LeafNode)
	// later says that the fault shows only when an Update is committed: it
	// depends on the group's extensions or its other members.
	later bool
}

// leafFaults break RFC 9420, Section 7.3 in a KeyPackage, an Update and a path
// alike.
var leafFaults = []leafFault{
	{name: "5.1.1 short encryption key", want: ErrLeafKey, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.EncryptionKey = l.EncryptionKey[1:]
	}},
	{name: "5.1.1 no encryption key", want: ErrLeafKey, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.EncryptionKey = nil
	}},
	{name: "5.1.1 short signature key", want: ErrLeafKey, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.SignatureKey = l.SignatureKey[1:]
	}},
	{name: "7.2 credential type not listed", want: ErrLeafCredential, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Capabilities.Credentials = []mlswire.CredentialType{mlswire.CredentialTypeX509}
	}},
	{name: "7.3 extension not listed", want: ErrLeafExtension, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Extensions = mlswire.Extensions{{Type: unknownExtension}}
	}},
	{name: "13.5 GREASE extension not listed", want: ErrLeafExtension, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Extensions = mlswire.Extensions{{Type: 0x1a1a}}
	}},
	{name: "13.4 extension twice", want: mlswire.ErrDuplicateExtension, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Extensions = mlswire.Extensions{{Type: knownExtension}, {Type: knownExtension}}
	}},
	{name: "17.3 ratchet_tree in a leaf", want: ErrExtensionPlace, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Extensions = mlswire.Extensions{{Type: mlswire.ExtensionTypeRatchetTree}}
	}},
	{name: "17.3 external_senders in a leaf", want: ErrExtensionPlace, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Extensions = mlswire.Extensions{{Type: mlswire.ExtensionTypeExternalSenders, Data: []byte{0}}}
	}},
	{name: "5.3.3 malformed application_id", want: ErrExtensionData, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Extensions = mlswire.Extensions{{Type: mlswire.ExtensionTypeApplicationID, Data: []byte{5, 1}}}
	}},
	{name: "7.3 signature", want: ErrLeafSignature, signed: func(_ *scene, l *mlswire.LeafNode) {
		l.Signature = slices.Clone(l.Signature)
		l.Signature[7] ^= 1
	}},
	{name: "7.3 no signature", want: ErrLeafSignature, signed: func(_ *scene, l *mlswire.LeafNode) {
		l.Signature = nil
	}},
	{name: "7.3 changed after it was signed", want: ErrLeafSignature, signed: func(_ *scene, l *mlswire.LeafNode) {
		l.Capabilities.Extensions = append(slices.Clone(l.Capabilities.Extensions), 0xff50)
	}},
	{name: "5.3.1 credential refused", want: ErrCredential, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Credential = basic(stranger)
	}},
	{name: "5.3 x509 without a certificate", want: ErrCredential, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Credential = mlswire.Credential{Type: mlswire.CredentialTypeX509}
	}},
	{name: "5.3 x509 that is no certificate", want: ErrCredential, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Credential = mlswire.Credential{Type: mlswire.CredentialTypeX509, Certificates: [][]byte{[]byte("certificate")}}
	}},
	{name: "5.3 x509 for another key", want: ErrCredential, leaf: func(s *scene, l *mlswire.LeafNode) {
		l.Credential = certified(s.carol.current.signer.Public())
	}},
	{name: "5.3 unknown credential type", want: mlswire.ErrCredentialType, leaf: func(_ *scene, l *mlswire.LeafNode) {
		// Encoded as a basic credential, and then changed on the wire.
		l.Credential = basic(unknownCredentialMark)
	}},
	{name: "11.1 version not supported", want: ErrLeafVersion, later: true, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Capabilities.Versions = []mlswire.ProtocolVersion{0xff00}
	}},
	{name: "11.1 cipher suite not supported", want: ErrLeafVersion, later: true, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Capabilities.CipherSuites = []mlswire.CipherSuite{3}
	}},
	{name: "11.1 required proposal not supported", want: ErrRequiredCapabilities, later: true, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Capabilities.Proposals = nil
	}},
	{name: "13.4 extension of the group not supported", want: ErrGroupExtension, later: true, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Capabilities.Extensions = nil
	}},
	{name: "7.3 encryption key of another member", want: ErrDuplicateEncryptionKey, later: true, leaf: func(s *scene, l *mlswire.LeafNode) {
		l.EncryptionKey = s.carol.current.leaf().EncryptionKey
	}},
	{name: "16.7 encryption key of a parent node", want: ErrDuplicateEncryptionKey, later: true, leaf: func(s *scene, l *mlswire.LeafNode) {
		l.EncryptionKey = s.bob.current.tree.Parent(5).EncryptionKey
	}},
}

// unknownCredentialMark is an identity whose credential sendable turns into one
// of an unknown type.
const unknownCredentialMark = "\x00\x00\x00 unknown"

// sendable puts into a message what this package cannot encode.
func sendable(message []byte) []byte {
	mark := mlswire.Marshal(&mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte(unknownCredentialMark)})
	if at := bytes.Index(message, mark); at >= 0 {
		copy(message[at:], []byte{0xff, 0x79})
	}
	return message
}

// with returns what f does to a leaf in a scene.
func with(s *scene, f func(*scene, *mlswire.LeafNode)) func(*mlswire.LeafNode) {
	if f == nil {
		return nil
	}
	return func(l *mlswire.LeafNode) { f(s, l) }
}

// RFC 9420, Section 7.3, of the leaf in the KeyPackage of an Add.
func TestRefuseLeafInKeyPackage(t *testing.T) {
	s := newScene(t)
	for _, f := range slices.Concat(leafFaults, keyPackageLeafFaults) {
		t.Run(f.name, func(t *testing.T) {
			k := keyPackageForgery{leaf: with(s, f.leaf), signedLeaf: with(s, f.signed)}.make(t, s.newcomer(t))
			refuses(t, s.bob, sendable(mallory(k.add())(t, s)), f.want)
			// Honest members neither propose nor commit it.
			before := fingerprint(s.alice)
			if _, err := s.alice.Commit(CommitOptions{Add: [][]byte{sendable(k.Bytes())}}); !errors.Is(err, f.want) {
				t.Errorf("Commit() = %v, want %v", err, f.want)
			}
			if _, err := s.alice.ProposeAdd(sendable(k.Bytes()), SendOptions{}); !errors.Is(err, f.want) && !errors.Is(f.want, ErrDuplicateEncryptionKey) {
				t.Errorf("ProposeAdd() = %v, want %v", err, f.want)
			}
			if errors.Is(f.want, ErrDuplicateEncryptionKey) {
				for _, p := range s.alice.Proposals() {
					s.alice.DropProposal(p.Ref)
				}
			} else if !bytes.Equal(fingerprint(s.alice), before) {
				t.Error("a KeyPackage that was refused changed the state")
			}
			s.turn(t, s.mallory)
		})
	}
}

// keyPackageLeafFaults are those that only a leaf in a KeyPackage can have.
var keyPackageLeafFaults = []leafFault{
	{name: "7.3 source update", want: ErrLeafSource, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Source = mlswire.LeafNodeSourceUpdate
	}},
	{name: "7.3 source commit", want: ErrLeafSource, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Source = mlswire.LeafNodeSourceCommit
	}},
	{name: "7.3 lifetime is over", want: ErrLifetime, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Lifetime = lifetime(-60*24*time.Hour, -31*24*time.Hour)
	}},
	{name: "7.3 lifetime has not begun", want: ErrLifetime, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Lifetime = lifetime(25*time.Hour, 48*time.Hour)
	}},
	{name: "7.2 lifetime is too long", want: ErrLifetimeRange, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Lifetime = lifetime(-time.Hour, defaultMaxLifetime)
	}},
	{name: "7.2 lifetime for ever", want: ErrLifetimeRange, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Lifetime = mlswire.Lifetime{NotAfter: 1<<64 - 1}
	}},
	{name: "7.2 lifetime ends before it begins", want: ErrLifetimeRange, leaf: func(_ *scene, l *mlswire.LeafNode) {
		l.Lifetime = lifetime(time.Hour, -time.Hour)
	}},
	{name: "12.2 signature key of a member", want: ErrLeafSignature, leaf: func(s *scene, l *mlswire.LeafNode) {
		// A stolen key does not help without what signs with it.
		l.SignatureKey = s.carol.current.signer.Public()
	}},
}

// lifetime is one around the present of these tests.
func lifetime(from, to time.Duration) mlswire.Lifetime {
	return mlswire.Lifetime{NotBefore: uint64(testNow.Add(from).Unix()), NotAfter: uint64(testNow.Add(to).Unix())}
}

// RFC 9420, Section 7.3, of the leaf in an Update proposal.
func TestRefuseLeafInUpdate(t *testing.T) {
	s := newScene(t)
	faults := slices.Concat(leafFaults, replacementFaults, []leafFault{
		{name: "7.3 source commit", want: ErrLeafSource, leaf: func(_ *scene, l *mlswire.LeafNode) {
			l.Source = mlswire.LeafNodeSourceCommit
		}},
		{name: "7.3 source key_package", want: ErrLeafSource, leaf: func(_ *scene, l *mlswire.LeafNode) {
			l.Source, l.Lifetime = mlswire.LeafNodeSourceKeyPackage, lifetime(-time.Hour, time.Hour)
		}},
	})
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			update := forgeUpdate(t, s.mallory, with(s, f.leaf), with(s, f.signed))
			message := sendable(forgeProposal(t, s.mallory, s.mallory.current.sender(), nil, update))
			if !f.later {
				refuses(t, s.bob, message, f.want)
				s.turn(t, s.mallory)
				return
			}
			// Carol is in league with Mallory and commits it.
			ref := s.byReference(t, message, s.mallory)
			refuses(t, s.bob, forgery{proposals: []mlswire.ProposalOrRef{ref}}.commit(t, s.carol), f.want)
			// Alice is not: she leaves it out.
			commit, err := s.alice.Commit(CommitOptions{})
			if err != nil {
				t.Fatalf("honest commit: %v", err)
			}
			follow(t, s.bob, commit.Message)
			s.settle(t, s.alice, commit.Message, s.bob)
		})
	}
}

// settle lets everybody but those who have it already follow an honest commit.
func (s *scene) settle(t *testing.T, committer *Group, message []byte, done ...*Group) {
	t.Helper()
	for _, g := range s.members() {
		if g != committer && !slices.Contains(done, g) {
			follow(t, g, message)
		}
	}
	if err := committer.MergeCommit(); err != nil {
		t.Fatal(err)
	}
	s.turn(t, s.mallory)
}

// replacementFaults are those that a leaf can have that replaces another.
var replacementFaults = []leafFault{
	{name: "7.3 same encryption key", want: ErrSameEncryptionKey, leaf: func(s *scene, l *mlswire.LeafNode) {
		l.EncryptionKey = s.mallory.current.leaf().EncryptionKey
	}},
	{name: "7.2 signed for another group", want: ErrLeafSignature, signed: func(s *scene, l *mlswire.LeafNode) {
		must0(signLeaf(s.mallory.current.suite, s.mallory.current.signer, l, []byte("another group"), 1))
	}},
	{name: "7.2 signed for another leaf", want: ErrLeafSignature, signed: func(s *scene, l *mlswire.LeafNode) {
		must0(signLeaf(s.mallory.current.suite, s.mallory.current.signer, l, s.mallory.GroupID(), 3))
	}},
	{name: "7.3 signature key of another member", want: ErrDuplicateSignatureKey, later: true, signed: func(s *scene, l *mlswire.LeafNode) {
		// Carol has lent Mallory her key.
		l.SignatureKey = s.carol.current.signer.Public()
		must0(signLeaf(s.mallory.current.suite, s.carol.current.signer, l, s.mallory.GroupID(), 1))
	}},
}

// RFC 9420, Section 7.3, of the leaf in the path of a commit.
func TestRefuseLeafInCommit(t *testing.T) {
	s := newScene(t)
	faults := slices.Concat(leafFaults, replacementFaults, []leafFault{
		{name: "7.3 source update", want: ErrLeafSource, leaf: func(_ *scene, l *mlswire.LeafNode) {
			l.Source = mlswire.LeafNodeSourceUpdate
		}},
		{name: "7.3 source key_package", want: ErrLeafSource, leaf: func(_ *scene, l *mlswire.LeafNode) {
			l.Source, l.Lifetime = mlswire.LeafNodeSourceKeyPackage, lifetime(-time.Hour, time.Hour)
		}},
		{name: "7.9 parent hash", want: ErrParentHash, leaf: func(_ *scene, l *mlswire.LeafNode) {
			l.ParentHash = slices.Clone(l.ParentHash)
			l.ParentHash[0] ^= 1
		}},
		{name: "7.9 no parent hash", want: ErrParentHash, leaf: func(_ *scene, l *mlswire.LeafNode) {
			l.ParentHash = nil
		}},
	})
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			message := forgery{leaf: with(s, f.leaf), signedLeaf: with(s, f.signed)}.commit(t, s.mallory)
			refuses(t, s.bob, sendable(message), f.want)
			s.turn(t, s.mallory)
		})
	}
}
