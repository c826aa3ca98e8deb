package mls

import (
	"testing"

	"conclave/core/mls/internal/framing"
	"conclave/core/mls/internal/schedule"
	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// A forgery makes a commit as a member can who has all keys and keeps no rules:
// signed, authenticated and confirmed correctly, and wrong in what its hooks
// change. Each hook runs before what depends on its value is computed. The zero
// forgery is an honest commit without proposals.
type forgery struct {
	proposals []mlswire.ProposalOrRef
	// from is the sender; nil is the member itself.
	from *mlswire.Sender

	noPath bool
	// leaf changes the new leaf of the path before it is signed, and signer
	// replaces the key that signs it and the commit.
	leaf   func(*mlswire.LeafNode)
	signer *suite.SigningKey
	// signedLeaf changes it after it is signed.
	signedLeaf func(*mlswire.LeafNode)
	path       func(*transition, *mlswire.UpdatePath)
	content    func(*mlswire.FramedContent)
	// contentSigner signs the commit; nil is the member's own key.
	contentSigner *suite.SigningKey
	// auth changes signature and confirmation tag.
	auth func(*mlswire.FramedContentAuthData)
	// membership changes the membership tag.
	membership func(tag []byte)
	private    bool
}

// A forged commit is what a forgery makes, with what Welcomes are made of.
type forged struct {
	*transition
	message []byte
	next    *epoch
	member  schedule.Member
	secrets schedule.GroupSecrets
	path    *tree.Path // nil without
}

// commit makes the message.
func (f forgery) commit(t testing.TB, g *Group) []byte {
	t.Helper()
	return f.make(t, g).message
}

// make makes all of the commit. The group is not changed but for the keys that
// it sends with.
func (f forgery) make(t testing.TB, g *Group) *forged {
	t.Helper()
	e := g.current
	out := &forged{transition: f.begin(g)}
	sender := e.sender()
	if f.from != nil {
		sender = *f.from
	}
	commit := &mlswire.Commit{Proposals: f.proposals}
	if !f.noPath {
		commit.Path, out.path = f.newPath(t, g, out.transition)
	}
	content := mlswire.FramedContent{
		GroupID: e.context.GroupID, Epoch: e.context.Epoch, Sender: sender,
		ContentType: mlswire.ContentTypeCommit, Commit: commit,
	}
	if f.content != nil {
		f.content(&content)
	}
	signed := f.sign(t, e, content)
	next, joiner, member, err := out.finish(signed)
	if err != nil {
		t.Fatal(err)
	}
	signed.Auth.ConfirmationTag = next.secrets.ConfirmationTag(next.context.ConfirmedTranscriptHash)
	if f.auth != nil {
		f.auth(&signed.Auth)
	}
	next.confirm(signed.Auth.ConfirmationTag)
	out.next, out.member = next, member
	out.secrets = schedule.GroupSecrets{JoinerSecret: joiner, PSKs: out.plan.PSKs}
	out.message = f.protect(t, g, signed)
	return out
}

// begin applies the proposals as far as they can be applied at all.
func (f forgery) begin(g *Group) *transition {
	e := g.current
	p := &plan{Extensions: e.context.Extensions, committer: e.self()}
	for _, item := range f.proposals {
		sent := sentProposal{Proposal: item.Proposal, Sender: e.sender()}
		if item.Proposal == nil {
			known := g.find(item.Reference)
			if known == nil {
				continue
			}
			sent = known.sentProposal
		}
		_ = p.take(&sent) // what cannot even be sorted is left out
	}
	t, err := g.begin(p, nil)
	if err != nil {
		t, err = g.begin(&plan{Extensions: e.context.Extensions, committer: e.self()}, nil)
	}
	if err != nil {
		panic(err)
	}
	return t
}

// newPath is (*transition).newPath with hooks.
func (f forgery) newPath(t testing.TB, g *Group, tr *transition) (*mlswire.UpdatePath, *tree.Path) {
	t.Helper()
	e := g.current
	leaf, signer := LeafChange{SigningKey: f.signer}.apply(e)
	tr.signer = signer
	path, err := tr.tree.NewPath(e.self(), func(encryptionKey, parentHash []byte) (*mlswire.LeafNode, error) {
		leaf.EncryptionKey, leaf.ParentHash = encryptionKey, parentHash
		leaf.Source, leaf.SignatureKey = mlswire.LeafNodeSourceCommit, signer.Public()
		if f.leaf != nil {
			f.leaf(&leaf)
		}
		err := signLeaf(e.suite, signer, &leaf, e.context.GroupID, uint32(e.self()))
		if f.signedLeaf != nil {
			f.signedLeaf(&leaf)
		}
		return &leaf, err
	})
	if err != nil {
		t.Fatal(err)
	}
	tr.tree, tr.private, tr.commitSecret = path.Tree, path.Private, path.CommitSecret
	tr.context.TreeHash = tr.tree.Hash()
	update, err := path.Encrypt(mlswire.Marshal(&tr.context), tr.added)
	if err != nil {
		t.Fatal(err)
	}
	if f.path != nil {
		f.path(tr, update)
	}
	return update, path
}

// sign signs a content that framing.Sign might refuse to.
func (f forgery) sign(t testing.TB, e *epoch, c mlswire.FramedContent) *mlswire.AuthenticatedContent {
	t.Helper()
	format := mlswire.WireFormatPublicMessage
	if f.private {
		format = mlswire.WireFormatPrivateMessage
	}
	signer := e.signer
	if f.contentSigner != nil {
		signer = f.contentSigner
	}
	signature, err := e.suite.SignWithLabel(signer, "FramedContentTBS", c.TBS(mlswire.MLS10, format, e.encoded))
	if err != nil {
		t.Fatal(err)
	}
	return &mlswire.AuthenticatedContent{WireFormat: format, Content: c, Auth: mlswire.FramedContentAuthData{Signature: signature}}
}

// protect makes a message of a signed content.
func (f forgery) protect(t testing.TB, g *Group, signed *mlswire.AuthenticatedContent) []byte {
	t.Helper()
	e := g.current
	m := mlswire.Message{Version: mlswire.MLS10, WireFormat: signed.WireFormat}
	var err error
	switch {
	case f.private:
		m.PrivateMessage, err = framing.SealPrivate(e.suite, e.secrets.SenderData, g.messages, signed, 0)
	case signed.Content.Sender.Type != mlswire.SenderTypeMember:
		m.PublicMessage = &mlswire.PublicMessage{Content: signed.Content, Auth: signed.Auth}
	default:
		m.PublicMessage = &mlswire.PublicMessage{
			Content: signed.Content, Auth: signed.Auth,
			MembershipTag: e.suite.MAC(e.secrets.Membership, tbm(signed, e.encoded)),
		}
		if f.membership != nil {
			f.membership(m.PublicMessage.MembershipTag)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return m.Marshal()
}

// tbm is AuthenticatedContentTBM, RFC 9420, Section 6.2.
func tbm(a *mlswire.AuthenticatedContent, groupContext []byte) []byte {
	w := tlsenc.NewWriter(0)
	w.Fixed(a.Content.TBS(mlswire.MLS10, a.WireFormat, groupContext))
	a.Auth.Encode(w, a.Content.ContentType)
	return w.Bytes()
}

// forgeProposal makes a proposal message by any sender, signed with any key.
func forgeProposal(t testing.TB, g *Group, from mlswire.Sender, signer *suite.SigningKey, p mlswire.Proposal) []byte {
	t.Helper()
	content := mlswire.FramedContent{
		GroupID: g.current.context.GroupID, Epoch: g.current.context.Epoch, Sender: from,
		ContentType: mlswire.ContentTypeProposal, Proposal: p,
	}
	f := forgery{contentSigner: signer}
	return f.protect(t, g, f.sign(t, g.current, content))
}

// byValue lists proposals by value.
func byValue(list ...mlswire.Proposal) []mlswire.ProposalOrRef {
	var refs []mlswire.ProposalOrRef
	for _, p := range list {
		refs = append(refs, mlswire.ProposalOrRef{Proposal: p})
	}
	return refs
}

// byReference sends a proposal to all members and returns what refers to it.
func (s *scene) byReference(t testing.TB, message []byte, from *Group) mlswire.ProposalOrRef {
	t.Helper()
	var ref []byte
	for _, g := range s.members() {
		if g == from {
			continue
		}
		received, err := g.Process(message)
		if err != nil {
			t.Fatalf("honest proposal: %v", err)
		}
		ref = received.(*Proposed).Ref
	}
	return mlswire.ProposalOrRef{Reference: ref}
}

// A keyPackageForgery makes a KeyPackage that breaks a rule and is signed
// correctly otherwise. Each hook runs before what depends on its value.
type keyPackageForgery struct {
	leaf          func(*mlswire.LeafNode)
	signedLeaf    func(*mlswire.LeafNode)
	keyPackage    func(*mlswire.KeyPackage)
	signed        func(*mlswire.KeyPackage)
	leafSigner    *suite.SigningKey
	packageSigner *suite.SigningKey
}

func (f keyPackageForgery) make(t testing.TB, c *Client) *KeyPackage {
	t.Helper()
	call := func(hook func(*mlswire.LeafNode), leaf *mlswire.LeafNode) {
		if hook != nil {
			hook(leaf)
		}
	}
	k := newKeyPackage(t, c)
	leaf := &k.public.LeafNode
	call(f.leaf, leaf)
	leafSigner, packageSigner := c.signer, c.signer
	if f.leafSigner != nil {
		leafSigner, packageSigner = f.leafSigner, f.leafSigner
	}
	if f.packageSigner != nil {
		packageSigner = f.packageSigner
	}
	if err := signLeaf(c.suite, leafSigner, leaf, nil, 0); err != nil {
		t.Fatal(err)
	}
	call(f.signedLeaf, leaf)
	if f.keyPackage != nil {
		f.keyPackage(k.public)
	}
	var err error
	if k.public.Signature, err = c.suite.SignWithLabel(packageSigner, "KeyPackageTBS", k.public.TBS()); err != nil {
		t.Fatal(err)
	}
	if f.signed != nil {
		f.signed(k.public)
	}
	k.ref = keyPackageRef(c.suite, k.public)
	return k
}

// add returns an Add of the KeyPackage.
func (k *KeyPackage) add() *mlswire.Add { return &mlswire.Add{KeyPackage: *k.public} }

// forgeUpdate makes an Update of a member. edit runs before the leaf is signed,
// signed after.
func forgeUpdate(t testing.TB, g *Group, edit, signed func(*mlswire.LeafNode)) *mlswire.Update {
	t.Helper()
	e := g.current
	leaf, signer := LeafChange{}.apply(e)
	leaf.EncryptionKey, leaf.SignatureKey = e.suite.GenerateKeyPair().Public, signer.Public()
	leaf.Source = mlswire.LeafNodeSourceUpdate
	if edit != nil {
		edit(&leaf)
	}
	if err := signLeaf(e.suite, signer, &leaf, e.context.GroupID, uint32(e.self())); err != nil {
		t.Fatal(err)
	}
	if signed != nil {
		signed(&leaf)
	}
	return &mlswire.Update{LeafNode: leaf}
}

// must1 returns v of a call that must not fail.
func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func must0(err error) {
	if err != nil {
		panic(err)
	}
}

func must2[T, U any](v T, w U, err error) (T, U) {
	must0(err)
	return v, w
}
