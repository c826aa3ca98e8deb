package mls

import (
	"bytes"

	"conclave/core/mls/internal/schedule"
	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// JoinOptions are what a client may need to join a group.
type JoinOptions struct {
	// RatchetTree is the tree, as [Group.RatchetTree] returns it, if it is not
	// in the Welcome or GroupInfo. It need not come from a trusted source.
	RatchetTree []byte
	// From is the group that the new one follows, after a ReInit or as a
	// branch of it, RFC 9420, Sections 11.2 and 11.3.
	From *Group
}

// Join joins a group by a Welcome that was made for this KeyPackage, RFC 9420,
// Section 12.4.3.1. The KeyPackage is used up when it succeeds, and can be used
// again when it does not. If the KeyPackage was ever saved, the group must be,
// before it sends ([ErrSaveFirst]). The errors are [ErrKeyPackageUsed], [ErrNotInWelcome],
// [ErrUnknownPSK], [ErrNoTree] and the rules that the Welcome breaks.
func (k *KeyPackage) Join(welcome []byte, o JoinOptions) (*Group, error) {
	if k.used {
		return nil, ErrKeyPackageUsed
	}
	m, err := mlswire.ParseMessage(welcome)
	if err != nil {
		return nil, doing("mls: parsing a Welcome", err)
	}
	if m.Welcome == nil {
		return nil, ErrNotGroupMessage
	}
	j := joining{client: k.client, suite: k.client.suite, options: o}
	defer j.erase()
	if err := j.open(k, m.Welcome); err != nil {
		return nil, err
	}
	if err := j.check(false); err != nil {
		return nil, err
	}
	e, err := j.enter(k)
	if err != nil {
		return nil, err
	}
	k.used = true
	k.initKey.Erase()
	k.leafKey.Private = secret.Value{} // the group's now: Erase must not reach it
	g := k.client.newGroup(e)
	// Whoever restores the KeyPackage can join again, and would begin with the
	// same generations: the group has to be saved before it sends.
	g.lease.taken = k.saved
	return g, nil
}

// A joining is what a client knows while it joins by a Welcome or a GroupInfo.
type joining struct {
	client  *Client
	suite   *suite.Suite
	options JoinOptions

	secrets *schedule.GroupSecrets
	member  schedule.Member
	info    *mlswire.GroupInfo
	tree    *tree.Tree
}

// open decrypts the Welcome down to the GroupInfo.
func (j *joining) open(k *KeyPackage, w *mlswire.Welcome) error {
	if w.CipherSuite != j.suite.ID() {
		return ErrWelcomeSuite
	}
	sealed := findSecrets(w, k.ref)
	if sealed == nil {
		return ErrNotInWelcome
	}
	var err error
	j.secrets, err = schedule.OpenGroupSecrets(j.suite, k.initKey, w.EncryptedGroupInfo, *sealed)
	if err != nil {
		return doing("mls: opening a Welcome", err)
	}
	if _, err := j.client.rules(nil, nil).welcomePSKs(j.secrets.PSKs); err != nil {
		return err
	}
	psks, err := lookup(j.secrets.PSKs, j.psk)
	if err != nil {
		return err
	}
	psk, err := schedule.PSKSecret(j.suite, psks)
	if err != nil {
		return doing("mls: combining pre-shared keys", err)
	}
	defer psk.Erase()
	j.member = schedule.NewMember(j.suite, j.secrets.JoinerSecret, psk)
	info, err := j.member.OpenGroupInfo(w.EncryptedGroupInfo)
	if err != nil {
		return doing("mls: opening a Welcome", err)
	}
	if j.info, err = mlswire.ParseGroupInfo(info); err != nil {
		return doing("mls: parsing a GroupInfo", err)
	}
	return nil
}

// findSecrets returns what a Welcome holds for a KeyPackage, or nil.
func findSecrets(w *mlswire.Welcome, ref []byte) *mlswire.HPKECiphertext {
	for i := range w.Secrets {
		if bytes.Equal(w.Secrets[i].NewMember, ref) {
			return &w.Secrets[i].EncryptedGroupSecrets
		}
	}
	return nil
}

// psk looks up a pre-shared key that a Welcome names.
func (j *joining) psk(id *mlswire.PreSharedKeyID) (secret.Value, bool) {
	if v, ok := j.options.From.resumption(id); ok {
		return v, true
	}
	return j.client.psk(id)
}

// check validates GroupInfo and tree, RFC 9420, Section 12.4.3.1. again says that
// the client is in the group already and replaces its old leaf.
func (j *joining) check(again bool) error {
	data, ok := j.info.Extensions.Find(mlswire.ExtensionTypeRatchetTree)
	if !ok {
		data = j.options.RatchetTree
	}
	if len(data) == 0 {
		return ErrNoTree
	}
	nodes, err := mlswire.ParseRatchetTree(data)
	if err != nil {
		return doing("mls: parsing a ratchet tree", err)
	}
	if j.tree, err = tree.FromNodes(j.suite, nodes); err != nil {
		return doing("mls: reading a ratchet tree", err)
	}
	c := j.client
	known := c.config.KnownGroup
	if again {
		known = nil
	}
	return c.rules(&j.info.GroupContext, j.tree).groupInfo(j.info, &c.leaf.capabilities, known)
}

// enter builds the epoch that the Welcome leads to.
func (j *joining) enter(k *KeyPackage) (*epoch, error) {
	r := j.client.rules(&j.info.GroupContext, j.tree)
	self, err := r.ownLeaf(k.public)
	if err != nil {
		return nil, err
	}
	private, err := j.tree.JoinPrivate(self, k.leafKey, LeafIndex(j.info.Signer), j.secrets.PathSecret)
	if err != nil {
		return nil, doing("mls: taking the path secret", err)
	}
	encoded := mlswire.Marshal(&j.info.GroupContext)
	e := &epoch{
		suite: j.suite, context: j.info.GroupContext, encoded: encoded, tree: j.tree,
		private: private, signer: k.signer, secrets: j.member.Epoch(encoded),
	}
	if !e.secrets.VerifyConfirmationTag(e.context.ConfirmedTranscriptHash, j.info.ConfirmationTag) {
		e.secrets.Erase()
		return nil, ErrConfirmationTag
	}
	e.confirm(j.info.ConfirmationTag)
	if err := j.client.checkSuccessor(j.secrets.PSKs, j.options.From, &e.context, e.tree); err != nil {
		e.secrets.Erase()
		return nil, err
	}
	return e, nil
}

// erase overwrites the secrets of joining.
func (j *joining) erase() {
	if j.secrets != nil {
		j.secrets.JoinerSecret.Erase()
		j.secrets.PathSecret.Erase()
	}
	j.member.Erase()
}
