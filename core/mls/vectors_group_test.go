package mls_test

import (
	"testing"
	"time"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/internal/testkit/mlskit"
)

type passiveVector struct {
	CipherSuite  suite.ID `json:"cipher_suite"`
	ExternalPSKs []struct {
		ID  hexBytes `json:"psk_id"`
		PSK hexBytes `json:"psk"`
	} `json:"external_psks"`
	KeyPackage           hexBytes  `json:"key_package"`
	SignaturePriv        hexBytes  `json:"signature_priv"`
	EncryptionPriv       hexBytes  `json:"encryption_priv"`
	InitPriv             hexBytes  `json:"init_priv"`
	Welcome              hexBytes  `json:"welcome"`
	RatchetTree          *hexBytes `json:"ratchet_tree"`
	InitialAuthenticator hexBytes  `json:"initial_epoch_authenticator"`
	Epochs               []struct {
		Proposals     []hexBytes `json:"proposals"`
		Commit        hexBytes   `json:"commit"`
		Authenticator hexBytes   `json:"epoch_authenticator"`
	} `json:"epochs"`
}

// testPassiveClient joins a group and follows its commits.
func testPassiveClient(t *testing.T, v passiveVector) {
	k := v.keyPackage(t)
	var o mls.JoinOptions
	if v.RatchetTree != nil {
		o.RatchetTree = *v.RatchetTree
	}
	g, err := k.Join(v.Welcome, o)
	if err != nil {
		t.Fatalf("Join = %v", err)
	}
	equal(t, "initial epoch authenticator", g.EpochAuthenticator(), v.InitialAuthenticator)
	for i, e := range v.Epochs {
		for _, p := range e.Proposals {
			if _, err := g.Process(p); err != nil {
				t.Fatalf("epoch %d: Process(proposal) = %v", i, err)
			}
		}
		received, err := g.Process(e.Commit)
		if err != nil {
			t.Fatalf("epoch %d: Process(commit) = %v", i, err)
		}
		if err := g.Merge(received.(*mls.StagedCommit)); err != nil {
			t.Fatalf("epoch %d: Merge = %v", i, err)
		}
		equal(t, "epoch authenticator", g.EpochAuthenticator(), e.Authenticator)
	}
}

// keyPackage returns the KeyPackage of the passive client.
func (v *passiveVector) keyPackage(t *testing.T) *mls.KeyPackage {
	t.Helper()
	s := vectorSuite(t, v.CipherSuite)
	signer, err := s.NewSigningKey(secret.New(mlskit.Scalar(v.CipherSuite, v.SignaturePriv)))
	if err != nil {
		t.Fatalf("NewSigningKey = %v", err)
	}
	m, err := mlswire.ParseMessage(v.KeyPackage)
	if err != nil {
		t.Fatalf("ParseMessage = %v", err)
	}
	leaf := &m.KeyPackage.LeafNode
	c, err := mls.NewClient(mls.Config{
		Suite: v.CipherSuite, Credential: leaf.Credential, SigningKey: signer, Capabilities: &leaf.Capabilities,
		MaxLifetime:       -1,
		Now:               func() time.Time { return time.Unix(int64(leaf.Lifetime.NotBefore)+1, 0) },
		AllowJoinRequests: true, AllowExternalCommits: true,
		Authenticate: func(mls.Identity) error { return nil },
		PSK: func(id []byte) (secret.Value, bool) {
			for _, p := range v.ExternalPSKs {
				if string(p.ID) == string(id) {
					return secret.New(p.PSK), true
				}
			}
			return secret.Value{}, false
		},
	})
	if err != nil {
		t.Fatalf("NewClient = %v", err)
	}
	return c.KeyPackageOf(m.KeyPackage, secret.New(mlskit.Scalar(v.CipherSuite, v.InitPriv)), secret.New(mlskit.Scalar(v.CipherSuite, v.EncryptionPriv)), signer)
}
