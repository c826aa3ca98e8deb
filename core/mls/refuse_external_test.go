package mls

import (
	"errors"
	"slices"
	"testing"

	"conclave/core/mls/internal/schedule"
	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// An externalForgery makes an external commit that breaks one rule. Hooks run
// before what depends on their values is computed.
type externalForgery struct {
	// more goes beside the ExternalInit.
	more      []mlswire.ProposalOrRef
	proposals func([]mlswire.ProposalOrRef) []mlswire.ProposalOrRef
	leaf      func(*mlswire.LeafNode)
	signed    func(*mlswire.LeafNode)
	commit    func(*mlswire.Commit)
	signer    *suite.SigningKey // of the commit
	tag       func([]byte)
}

// make makes the commit of a client that knows the present epoch of g from a
// GroupInfo.
func (f externalForgery) make(t testing.TB, c *Client, g *Group) []byte {
	t.Helper()
	known := g.current
	pub := known.secrets.ExternalKeyPair().Public
	kemOutput, initSecret, err := schedule.ExternalInit(c.suite, pub)
	if err != nil {
		t.Fatal(err)
	}
	refs := append(byValue(&mlswire.ExternalInit{KEMOutput: kemOutput}), f.more...)
	if f.proposals != nil {
		refs = f.proposals(refs)
	}
	p := &plan{Extensions: known.context.Extensions, external: true, ExternalInit: &mlswire.ExternalInit{}}
	for _, item := range refs {
		if r, ok := item.Proposal.(*mlswire.Remove); ok && known.tree.Leaf(LeafIndex(r.Removed)) != nil && len(p.Removes) == 0 {
			p.Removes = append(p.Removes, LeafIndex(r.Removed))
		}
	}
	e := &epoch{suite: c.suite, context: known.context, encoded: known.encoded, tree: known.tree, interim: known.interim}
	tr := &transition{from: e, plan: p, context: known.context, signer: c.signer, initSecret: initSecret}
	tr.context.Epoch++
	tr.tree, _, err = known.tree.Apply(tree.Changes{Removes: p.Removes})
	if err != nil {
		t.Fatal(err)
	}
	content := mlswire.FramedContent{
		GroupID: known.context.GroupID, Epoch: known.context.Epoch,
		Sender:      mlswire.Sender{Type: mlswire.SenderTypeNewMemberCommit},
		ContentType: mlswire.ContentTypeCommit,
		Commit:      &mlswire.Commit{Proposals: refs, Path: f.newPath(t, c, tr)},
	}
	if f.commit != nil {
		f.commit(content.Commit)
	}
	sign := forgery{contentSigner: c.signer}
	if f.signer != nil {
		sign.contentSigner = f.signer
	}
	signed := sign.sign(t, e, content)
	next, _, _, err := tr.finish(signed)
	if err != nil {
		t.Fatal(err)
	}
	signed.Auth.ConfirmationTag = next.secrets.ConfirmationTag(next.context.ConfirmedTranscriptHash)
	if f.tag != nil {
		f.tag(signed.Auth.ConfirmationTag)
	}
	return sign.protect(t, g, signed)
}

func (f externalForgery) newPath(t testing.TB, c *Client, tr *transition) *mlswire.UpdatePath {
	t.Helper()
	leaf := mlswire.LeafNode{Credential: c.leaf.credential, Capabilities: c.leaf.capabilities, Source: mlswire.LeafNodeSourceCommit}
	at := tr.tree.Vacant()
	path, err := tr.tree.NewPath(at, func(encryptionKey, parentHash []byte) (*mlswire.LeafNode, error) {
		leaf.EncryptionKey, leaf.ParentHash, leaf.SignatureKey = encryptionKey, parentHash, c.signer.Public()
		if f.leaf != nil {
			f.leaf(&leaf)
		}
		err := signLeaf(c.suite, c.signer, &leaf, tr.context.GroupID, uint32(at))
		if f.signed != nil {
			f.signed(&leaf)
		}
		return &leaf, err
	})
	if err != nil {
		t.Fatal(err)
	}
	tr.tree, tr.private, tr.commitSecret = path.Tree, path.Private, path.CommitSecret
	tr.context.TreeHash = tr.tree.Hash()
	return must1(path.Encrypt(mlswire.Marshal(&tr.context), nil))
}

// outsider is an external commit by a newcomer.
func outsider(f externalForgery) func(*testing.T, *scene) []byte {
	return func(t *testing.T, s *scene) []byte {
		t.Helper()
		return f.make(t, s.newcomer(t), s.mallory)
	}
}

// The rules for external commits, RFC 9420, Sections 12.2 and 12.4.3.2.
func TestRefuseExternalCommit(t *testing.T) {
	cases := []refusal{
		{"12.2 without an ExternalInit", ErrExternalCommitInit, outsider(externalForgery{
			proposals: func(list []mlswire.ProposalOrRef) []mlswire.ProposalOrRef { return list[1:] },
		})},
		{"12.2 two ExternalInits", ErrExternalCommitInit, outsider(externalForgery{
			proposals: func(list []mlswire.ProposalOrRef) []mlswire.ProposalOrRef { return append(list, list[0]) },
		})},
		{"12.2 two Removes", ErrExternalCommitRemove, outsider(externalForgery{more: byValue(remove(3), remove(4))})},
		{"12.2 Remove of a blank leaf", ErrRemoveBlank, outsider(externalForgery{more: byValue(remove(6))})},
		{"12.2 Remove of somebody else", ErrExternalCommitMember, outsider(externalForgery{more: byValue(remove(3))})},
		{"12.2 ReInit", ErrExternalCommitProposal, outsider(externalForgery{more: byValue(reInit())})},
		{"12.2 GroupContextExtensions", ErrExternalCommitProposal, outsider(externalForgery{more: byValue(&mlswire.GroupContextExtensions{})})},
		{"12.2 Add", ErrExternalCommitProposal, func(t *testing.T, s *scene) []byte {
			return outsider(externalForgery{more: byValue(newKeyPackage(t, s.newcomer(t)).add())})(t, s)
		}},
		{"12.2 Update", ErrExternalCommitProposal, func(t *testing.T, s *scene) []byte {
			return outsider(externalForgery{more: byValue(forgeUpdate(t, s.mallory, nil, nil))})(t, s)
		}},
		{"12.2 PSK twice", ErrDuplicatePSK, func(t *testing.T, s *scene) []byte {
			p := psk(nil)
			return outsider(externalForgery{more: byValue(p, p)})(t, s)
		}},
		{"12.1.4 PSK nonce", ErrPSKNonce, outsider(externalForgery{more: byValue(psk(func(id *mlswire.PreSharedKeyID) { id.PSKNonce = nil }))})},
		{"12.1.4 PSK usage", ErrPSKUsage, func(t *testing.T, s *scene) []byte {
			id := s.mallory.current.resumptionPSK(1)
			id.Usage = mlswire.ResumptionPSKUsageReInit
			return outsider(externalForgery{more: byValue(&mlswire.PreSharedKey{PSK: id})})(t, s)
		}},
		{"12.4.3.2 proposal by reference", ErrExternalCommitReference, func(t *testing.T, s *scene) []byte {
			ref := s.byReference(t, must1(s.mallory.ProposePSK([]byte("psk"), SendOptions{})), s.mallory)
			return outsider(externalForgery{more: []mlswire.ProposalOrRef{ref}})(t, s)
		}},
		{"12.4.3.2 no path", ErrPathRequired, outsider(externalForgery{commit: func(c *mlswire.Commit) { c.Path = nil }})},
		{"12.4.3.2 signed by another key than the leaf's", ErrSignature, func(t *testing.T, s *scene) []byte {
			return outsider(externalForgery{signer: s.mallory.current.signer})(t, s)
		}},
		{"8.3 malformed KEM output", suite.ErrOpen, outsider(externalForgery{
			proposals: func(list []mlswire.ProposalOrRef) []mlswire.ProposalOrRef {
				return append(byValue(&mlswire.ExternalInit{KEMOutput: []byte{1}}), list[1:]...)
			},
		})},
		{"8.3 KEM output of another secret", ErrConfirmationTag, outsider(externalForgery{
			proposals: func(list []mlswire.ProposalOrRef) []mlswire.ProposalOrRef {
				other := suite.MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519
				public := must1(suite.Lookup(other)).GenerateKeyPair().Public
				return append(byValue(&mlswire.ExternalInit{KEMOutput: public}), list[1:]...)
			},
		})},
		{"6.1 confirmation tag", ErrConfirmationTag, outsider(externalForgery{tag: func(b []byte) { b[0] ^= 1 }})},
		{"7.6 path that is too short", ErrPathLength, outsider(externalForgery{commit: func(c *mlswire.Commit) {
			c.Path.Nodes = c.Path.Nodes[:len(c.Path.Nodes)-1]
		}})},
		{"7.2 signed for another leaf", ErrLeafSignature, func(t *testing.T, s *scene) []byte {
			c := s.newcomer(t)
			return externalForgery{signed: func(l *mlswire.LeafNode) {
				must0(signLeaf(c.suite, c.signer, l, s.mallory.GroupID(), 2))
			}}.make(t, c, s.mallory)
		}},
		{"7.3 signature key of a member", ErrDuplicateSignatureKey, func(t *testing.T, s *scene) []byte {
			return externalForgery{}.make(t, s.carol.client, s.mallory)
		}},
		{"12.2 resync with the old encryption key", ErrSameEncryptionKey, func(t *testing.T, s *scene) []byte {
			return externalForgery{more: byValue(remove(3)), leaf: func(l *mlswire.LeafNode) {
				l.EncryptionKey = s.carol.current.leaf().EncryptionKey
			}}.make(t, s.carol.client, s.mallory)
		}},
	}
	for _, f := range leafFaults {
		if f.name == "5.1.1 short signature key" {
			f.want = ErrSignature // the commit is verified with it first
		}
		cases = append(cases, refusal{f.name, f.want, func(t *testing.T, s *scene) []byte {
			return sendable(outsider(externalForgery{leaf: with(s, f.leaf), signed: with(s, f.signed)})(t, s))
		}})
	}
	refuseAll(t, cases)
}

// An external commit without a fault is accepted, also one that replaces its
// sender's old leaf.
func TestForgedExternalCommitWithoutFaultIsAccepted(t *testing.T) {
	s := newScene(t)
	for name, message := range map[string][]byte{
		"join":   outsider(externalForgery{})(t, s),
		"psk":    outsider(externalForgery{})(t, s),
		"resync": externalForgery{more: byValue(remove(3))}.make(t, s.carol.client, s.mallory),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.bob.Process(message); err != nil {
				t.Errorf("Process() = %v", err)
			}
		})
	}
}

// What an external joiner refuses, RFC 9420, Section 12.4.3.2: see also what
// one refuses who has a Welcome.
func TestRefuseGroupInfo(t *testing.T) {
	s := newScene(t)
	for _, c := range []struct {
		name string
		want error
		edit func(*mlswire.GroupInfo)
	}{
		{"no external_pub", ErrExternalPub, func(i *mlswire.GroupInfo) {
			i.Extensions = slices.DeleteFunc(i.Extensions, func(e mlswire.Extension) bool { return e.Type == mlswire.ExtensionTypeExternalPub })
		}},
		{"short external_pub", ErrExternalPub, func(i *mlswire.GroupInfo) {
			for k := range i.Extensions {
				if i.Extensions[k].Type == mlswire.ExtensionTypeExternalPub {
					i.Extensions[k].Data = []byte{1, 7}
				}
			}
		}},
		{"malformed external_pub", ErrExtensionData, func(i *mlswire.GroupInfo) {
			for k := range i.Extensions {
				if i.Extensions[k].Type == mlswire.ExtensionTypeExternalPub {
					i.Extensions[k].Data = []byte{7}
				}
			}
		}},
		{"no tree", ErrNoTree, func(i *mlswire.GroupInfo) {
			i.Extensions = slices.DeleteFunc(i.Extensions, func(e mlswire.Extension) bool { return e.Type == mlswire.ExtensionTypeRatchetTree })
		}},
		{"another suite", ErrWelcomeSuite, func(i *mlswire.GroupInfo) { i.GroupContext.CipherSuite = 3 }},
		{"another version", mlswire.ErrVersion, func(i *mlswire.GroupInfo) { i.GroupContext.Version = 2 }},
		{"another tree", ErrTreeHash, func(i *mlswire.GroupInfo) { i.GroupContext.TreeHash = flip(i.GroupContext.TreeHash, 0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := must1(mlswire.ParseMessage(must1(s.mallory.GroupInfo(true))))
			c.edit(m.GroupInfo)
			e := s.mallory.current
			m.GroupInfo.Signature = must1(e.suite.SignWithLabel(e.signer, "GroupInfoTBS", m.GroupInfo.TBS()))
			newcomer := s.newcomer(t)
			if _, _, err := newcomer.JoinExternal(m.Marshal(), ExternalOptions{}); !errors.Is(err, c.want) {
				t.Errorf("JoinExternal() = %v, want %v", err, c.want)
			}
			_, commit, err := newcomer.JoinExternal(must1(s.mallory.GroupInfo(true)), ExternalOptions{})
			if err != nil {
				t.Fatalf("JoinExternal() with the honest GroupInfo = %v", err)
			}
			if _, err := s.bob.Process(commit.Message); err != nil {
				t.Errorf("Process() = %v", err)
			}
		})
	}
}
