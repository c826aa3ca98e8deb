package mls

import (
	"testing"

	"conclave/core/mls/internal/schedule"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// A welcomeForgery makes a Welcome that breaks a rule. Each hook runs before
// what depends on its value: info before the GroupInfo is signed, and so on.
type welcomeForgery struct {
	withoutTree bool
	info        func(*mlswire.GroupInfo)
	signer      *suite.SigningKey
	signedInfo  func(*mlswire.GroupInfo)
	secrets     func(*schedule.GroupSecrets)
	welcome     func(*mlswire.Welcome)
}

// make makes the Welcome of a forged commit for one KeyPackage that it adds.
func (f welcomeForgery) make(t testing.TB, out *forged, k *KeyPackage) []byte {
	t.Helper()
	e := out.next
	info := &mlswire.GroupInfo{
		GroupContext: e.context, ConfirmationTag: e.confirmationTag, Signer: uint32(out.from.self()),
	}
	if !f.withoutTree {
		info.Extensions = mlswire.Extensions{e.treeExtension()}
	}
	if f.info != nil {
		f.info(info)
	}
	signer := out.signer
	if f.signer != nil {
		signer = f.signer
	}
	var err error
	if info.Signature, err = e.suite.SignWithLabel(signer, "GroupInfoTBS", info.TBS()); err != nil {
		t.Fatal(err)
	}
	if f.signedInfo != nil {
		f.signedInfo(info)
	}
	sealed := out.member.SealGroupInfo(mlswire.Marshal(info))
	secrets := out.secrets
	for i := range out.plan.Adds {
		if out.plan.Adds[i].InitKey != nil && string(out.plan.Adds[i].InitKey) == string(k.public.InitKey) && out.path != nil {
			secrets.PathSecret, _ = out.path.PathSecret(out.added[i])
		}
	}
	if f.secrets != nil {
		f.secrets(&secrets)
	}
	one, err := secrets.Seal(e.suite, k.public.InitKey, sealed)
	if err != nil {
		t.Fatal(err)
	}
	w := &mlswire.Welcome{
		CipherSuite:        e.suite.ID(),
		Secrets:            []mlswire.EncryptedGroupSecrets{{NewMember: k.ref, EncryptedGroupSecrets: one}},
		EncryptedGroupInfo: sealed,
	}
	if f.welcome != nil {
		f.welcome(w)
	}
	return marshalWelcome(w)
}
