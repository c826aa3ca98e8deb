package mls

import (
	"slices"

	"conclave/core/mls/internal/schedule"
	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// groupInfo returns the signed GroupInfo of an epoch, RFC 9420, Section 12.4.3.
func (e *epoch) groupInfo(extensions mlswire.Extensions) (*mlswire.GroupInfo, error) {
	info := &mlswire.GroupInfo{
		GroupContext: e.context, Extensions: extensions,
		ConfirmationTag: e.confirmationTag, Signer: uint32(e.self()),
	}
	if err := extensionsAt(inGroupInfo, extensions); err != nil {
		return nil, err
	}
	var err error
	if info.Signature, err = e.suite.SignWithLabel(e.signer, "GroupInfoTBS", info.TBS()); err != nil {
		return nil, doing("mls: signing a GroupInfo", err)
	}
	return info, nil
}

// treeExtension is the ratchet_tree extension, RFC 9420, Section 12.4.3.3.
func (e *epoch) treeExtension() mlswire.Extension {
	return mlswire.Extension{Type: mlswire.ExtensionTypeRatchetTree, Data: mlswire.Marshal(e.tree.Nodes())}
}

// publicGroupInfo returns a GroupInfo as an MLSMessage, with the key that outsiders
// join by, RFC 9420, Section 12.4.3.2.
func (e *epoch) publicGroupInfo(withTree bool, more mlswire.Extensions) ([]byte, error) {
	pair := e.secrets.ExternalKeyPair()
	pair.Private.Erase()
	w := tlsenc.NewWriter(len(pair.Public) + 4)
	w.Vector(pair.Public)
	extensions := mlswire.Extensions{{Type: mlswire.ExtensionTypeExternalPub, Data: w.Bytes()}}
	if withTree {
		extensions = append(extensions, e.treeExtension())
	}
	info, err := e.groupInfo(append(extensions, more...))
	if err != nil {
		return nil, err
	}
	m := mlswire.Message{Version: mlswire.MLS10, WireFormat: mlswire.WireFormatGroupInfo, GroupInfo: info}
	return m.Marshal(), nil
}

// GroupInfo returns a signed description of the present epoch, an MLSMessage, by
// which others can join without being added, RFC 9420, Section 12.4.3.2. It is
// not secret from the group's point of view, but tells who is in it: hand it only to
// those who may join. Without the tree, they need [Group.RatchetTree] too.
func (g *Group) GroupInfo(withTree bool) ([]byte, error) {
	if err := g.active(); err != nil {
		return nil, err
	}
	return g.current.publicGroupInfo(withTree, nil)
}

// A welcomer makes the Welcomes of a commit, RFC 9420, Section 12.4.3.1.
type welcomer struct {
	*transition
	next    *epoch
	joiner  secret.Value
	member  schedule.Member
	path    *tree.Path // nil without
	options *CommitOptions
}

// publish returns what goes out for a commit but for the commit itself.
func (w *welcomer) publish() (*Commit, error) {
	welcomes, err := w.welcomes()
	if err != nil {
		return nil, err
	}
	out := &Commit{Welcomes: welcomes}
	if w.options.GroupInfo {
		out.GroupInfo, err = w.next.publicGroupInfo(!w.options.WithoutTree, w.options.GroupInfoExtensions)
	}
	return out, err
}

// welcomes returns one Welcome for all who join, or one for each.
func (w *welcomer) welcomes() ([]Welcome, error) {
	if len(w.added) == 0 {
		return nil, nil
	}
	extensions := slices.Clip(w.options.GroupInfoExtensions)
	if !w.options.WithoutTree {
		extensions = append(extensions, w.next.treeExtension())
	}
	info, err := w.next.groupInfo(extensions)
	if err != nil {
		return nil, err
	}
	sealed := w.member.SealGroupInfo(mlswire.Marshal(info))
	encrypter := schedule.WelcomeEncrypter(w.next.suite, sealed)
	var list []Welcome
	all := mlswire.Welcome{CipherSuite: w.next.suite.ID(), EncryptedGroupInfo: sealed}
	var refs [][]byte
	for i, k := range w.plan.Adds {
		one, err := w.secrets(k, w.added[i], encrypter)
		if err != nil {
			return nil, err
		}
		if w.options.WelcomePerJoiner {
			single := all
			single.Secrets = []mlswire.EncryptedGroupSecrets{one}
			list = append(list, Welcome{marshalWelcome(&single), [][]byte{one.NewMember}})
			continue
		}
		all.Secrets, refs = append(all.Secrets, one), append(refs, one.NewMember)
	}
	if !w.options.WelcomePerJoiner {
		list = append(list, Welcome{marshalWelcome(&all), refs})
	}
	return list, nil
}

// secrets encrypts the group's secrets to one new member.
func (w *welcomer) secrets(k *mlswire.KeyPackage, at LeafIndex, e *suite.Encrypter) (mlswire.EncryptedGroupSecrets, error) {
	group := schedule.GroupSecrets{JoinerSecret: w.joiner, PSKs: w.plan.PSKs}
	if w.path != nil {
		group.PathSecret, _ = w.path.PathSecret(at)
	}
	c, err := group.SealWith(e, k.InitKey)
	if err != nil {
		return mlswire.EncryptedGroupSecrets{}, doing("mls: encrypting to a new member", err)
	}
	return mlswire.EncryptedGroupSecrets{NewMember: keyPackageRef(w.next.suite, k), EncryptedGroupSecrets: c}, nil
}

func marshalWelcome(w *mlswire.Welcome) []byte {
	m := mlswire.Message{Version: mlswire.MLS10, WireFormat: mlswire.WireFormatWelcome, Welcome: w}
	return m.Marshal()
}
