package mls_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// conformKeyPackage makes a KeyPackage and returns it with its public part.
func conformKeyPackage(t *testing.T, c *mls.Client) (*mls.KeyPackage, *mlswire.KeyPackage) {
	t.Helper()
	k, err := c.NewKeyPackage()
	if err != nil {
		t.Fatalf("NewKeyPackage = %v", err)
	}
	m, err := mlswire.ParseMessage(k.Bytes())
	if err != nil {
		t.Fatalf("ParseMessage = %v", err)
	}
	return k, m.KeyPackage
}

// TestDefaultTypesAreNotListed holds RFC 9420, Section 7.2: a client lists what it
// supports, but for what all support.
func TestDefaultTypesAreNotListed(t *testing.T) {
	for _, id := range suite.IDs() {
		_, k := conformKeyPackage(t, conformClient(t, "a", func(c *mls.Config) { c.Suite = id }))
		c := k.LeafNode.Capabilities
		if !slices.Equal(c.Versions, []mlswire.ProtocolVersion{mlswire.MLS10}) || !slices.Equal(c.CipherSuites, []suite.ID{id}) ||
			!slices.Equal(c.Credentials, []mlswire.CredentialType{mlswire.CredentialTypeBasic, mlswire.CredentialTypeX509}) {
			t.Errorf("suite %d: capabilities are %v", id, c)
		}
		if len(c.Extensions) != 0 || len(c.Proposals) != 0 {
			t.Errorf("suite %d: default types are listed: %v", id, c)
		}
	}
}

// TestKeyPackagesAreFresh holds RFC 9420, Section 10: no key of a KeyPackage is
// in another.
func TestKeyPackagesAreFresh(t *testing.T) {
	c := conformClient(t, "a", nil)
	seen := make(map[string]bool)
	for range 10 {
		_, k := conformKeyPackage(t, c)
		for _, key := range [][]byte{k.InitKey, k.LeafNode.EncryptionKey} {
			if seen[string(key)] {
				t.Error("a key is used twice")
			}
			seen[string(key)] = true
		}
	}
}

// A reserved type, RFC 9420, Section 13.5, as an extension.
const greased mlswire.ExtensionType = 0x5a5a

// TestGREASEIsAccepted holds RFC 9420, Sections 7.2, 10 and 13.5: unknown values
// in capabilities, in the extensions of a leaf and of a GroupInfo are ignored.
func TestGREASEIsAccepted(t *testing.T) {
	noisy := func(c *mls.Config) {
		capabilities := mls.GREASE(mlswire.Capabilities{
			Versions:     []mlswire.ProtocolVersion{mlswire.MLS10, 0x0a0a},
			CipherSuites: []suite.ID{c.Suite},
			Extensions:   []mlswire.ExtensionType{greased},
			Credentials:  []mlswire.CredentialType{mlswire.CredentialTypeBasic},
		})
		if len(capabilities.Proposals) != 1 || len(capabilities.CipherSuites) != 2 || len(capabilities.Extensions) != 2 ||
			len(capabilities.Credentials) != 2 {
			t.Fatalf("GREASE = %v, want a value more in each list", capabilities)
		}
		c.Capabilities = &capabilities
		c.LeafExtensions = mlswire.Extensions{{Type: greased, Data: []byte("noise")}}
	}
	members := conformGroup(t, conformClient(t, "a", noisy), conformClient(t, "b", nil), conformClient(t, "c", noisy))
	k, _ := conformKeyPackage(t, conformClient(t, "d", nil))
	c, err := members[0].Commit(mls.CommitOptions{
		Add: [][]byte{k.Bytes()}, ForcePath: true,
		GroupInfoExtensions: mlswire.Extensions{{Type: greased, Data: []byte("noise")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := members[0].MergeCommit(); err != nil {
		t.Fatal(err)
	}
	conformDeliver(t, c.Message, members[1:]...)
	d, err := k.Join(c.Welcomes[0].Message, mls.JoinOptions{})
	if err != nil {
		t.Fatalf("Join with an unknown extension in the GroupInfo = %v", err)
	}
	conformAgree(t, append(members, d)...)
}

// TestUnknownKeyPackageExtensionIsIgnored holds RFC 9420, Sections 10 and 13.4.
func TestUnknownKeyPackageExtensionIsIgnored(t *testing.T) {
	s, err := suite.Lookup(suite.MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	signer := s.GenerateSigningKey()
	_, k := conformKeyPackage(t, conformClient(t, "b", func(c *mls.Config) { c.SigningKey = signer }))
	k.Extensions = mlswire.Extensions{{Type: greased, Data: []byte("noise")}}
	if k.Signature, err = s.SignWithLabel(signer, "KeyPackageTBS", k.TBS()); err != nil {
		t.Fatal(err)
	}
	m := mlswire.Message{Version: mlswire.MLS10, WireFormat: mlswire.WireFormatKeyPackage, KeyPackage: k}
	if _, err := conformMembers(t, 1)[0].Commit(mls.CommitOptions{Add: [][]byte{m.Marshal()}}); err != nil {
		t.Errorf("Commit = %v", err)
	}
}

// TestGREASEStaysOut holds RFC 9420, Section 13.5: what a client lists only as
// noise it does not support, so that no group can demand it.
func TestGREASEStaysOut(t *testing.T) {
	noisy := func(c *mls.Config) {
		c.Capabilities = &mlswire.Capabilities{
			Versions: []mlswire.ProtocolVersion{mlswire.MLS10}, CipherSuites: []suite.ID{c.Suite},
			Extensions:  []mlswire.ExtensionType{greased},
			Credentials: []mlswire.CredentialType{mlswire.CredentialTypeBasic},
		}
	}
	extensions := mlswire.Extensions{{Type: greased}}
	if _, err := conformClient(t, "a", noisy).CreateGroup(nil, extensions); !errors.Is(err, mls.ErrGroupExtension) {
		t.Errorf("CreateGroup with a GREASE extension = %v, want ErrGroupExtension", err)
	}
	members := conformGroup(t, conformClient(t, "a", noisy), conformClient(t, "b", noisy))
	if _, err := members[0].ProposeExtensions(extensions, mls.SendOptions{}); !errors.Is(err, mls.ErrGroupExtension) {
		t.Errorf("ProposeExtensions with a GREASE extension = %v, want ErrGroupExtension", err)
	}
	if _, err := members[0].Commit(mls.CommitOptions{Extensions: &extensions}); !errors.Is(err, mls.ErrGroupExtension) {
		t.Errorf("Commit with a GREASE extension = %v, want ErrGroupExtension", err)
	}
}

// TestCredentialTypesAreCommon holds RFC 9420, Sections 7.3 and 13.3: every
// member supports the credential type of every other, in both directions, and
// whatever would change that.
func TestCredentialTypesAreCommon(t *testing.T) {
	only := func(types ...mlswire.CredentialType) func(*mls.Config) {
		return func(c *mls.Config) {
			c.Capabilities = &mlswire.Capabilities{
				Versions: []mlswire.ProtocolVersion{mlswire.MLS10}, CipherSuites: []suite.ID{c.Suite}, Credentials: types,
			}
		}
	}
	s, err := suite.Lookup(suite.MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	signer := s.GenerateSigningKey()
	x509 := func(c *mls.Config) {
		c.SigningKey = signer
		c.Credential = mlswire.Credential{Type: mlswire.CredentialTypeX509, Certificates: [][]byte{certificateOf(signer.Public())}}
	}
	certified, _ := conformKeyPackage(t, conformClient(t, "certified", x509))
	basic, _ := conformKeyPackage(t, conformClient(t, "basic", only(mlswire.CredentialTypeBasic)))

	members := conformGroup(t, conformClient(t, "a", only(mlswire.CredentialTypeBasic)), conformClient(t, "b", nil))
	if _, err := members[1].Commit(mls.CommitOptions{Add: [][]byte{certified.Bytes()}}); !errors.Is(err, mls.ErrCredentialSupport) {
		t.Errorf("adding a credential type that a member lacks: %v, want ErrCredentialSupport", err)
	}
	members = conformGroup(t, conformClient(t, "a", nil), conformClient(t, "b", nil))
	if _, err := members[0].Commit(mls.CommitOptions{Add: [][]byte{certified.Bytes()}}); err != nil {
		t.Errorf("adding a credential type that all support: %v", err)
	}
	if err := members[0].DiscardCommit(); err != nil {
		t.Fatal(err)
	}
	if _, err := members[0].Commit(mls.CommitOptions{Add: [][]byte{certified.Bytes(), basic.Bytes()}}); !errors.Is(err, mls.ErrCredentialSupport) {
		t.Errorf("adding two that cannot read each other: %v, want ErrCredentialSupport", err)
	}
	// A member that stops to support what another uses.
	mixed := conformGroup(t, conformClient(t, "a", x509), conformClient(t, "b", nil))
	fewer := mlswire.Capabilities{
		Versions: []mlswire.ProtocolVersion{mlswire.MLS10}, CipherSuites: []suite.ID{s.ID()},
		Credentials: []mlswire.CredentialType{mlswire.CredentialTypeBasic},
	}
	if _, err := mixed[1].Commit(mls.CommitOptions{Leaf: mls.LeafChange{Capabilities: &fewer}}); !errors.Is(err, mls.ErrCredentialSupport) {
		t.Errorf("a leaf that supports less than is in use: %v, want ErrCredentialSupport", err)
	}
}

// certificateOf returns DER with the fields that lead to a public key, RFC 5280,
// Section 4.1, and nothing in the others.
func certificateOf(key []byte) []byte {
	der := func(tag byte, parts ...[]byte) []byte {
		body := slices.Concat(parts...)
		return append([]byte{tag, byte(len(body))}, body...)
	}
	const sequence = 0x30
	info := der(sequence, der(sequence), der(0x03, []byte{0}, key))
	empty := der(sequence)
	return der(sequence, der(sequence, der(0x02, []byte{1}), empty, empty, empty, empty, info))
}

// TestLifetimeOfWhatIsSent holds RFC 9420, Section 7.3: a client sends no leaf
// whose lifetime is over, while it takes one that came late.
func TestLifetimeOfWhatIsSent(t *testing.T) {
	now := conformTime
	clock := func(c *mls.Config) { c.Now = func() time.Time { return now } }
	members := conformGroup(t, conformClient(t, "a", clock), conformClient(t, "b", nil))
	k, _ := conformKeyPackage(t, conformClient(t, "late", func(c *mls.Config) { c.Lifetime = time.Hour }))
	for _, tt := range []struct {
		name string
		now  time.Time
		want error
	}{
		{"within", conformTime.Add(30 * time.Minute), nil},
		{"over", conformTime.Add(2 * time.Hour), mls.ErrLifetime},
		{"not begun", conformTime.Add(-2 * time.Hour), mls.ErrLifetime},
	} {
		now = tt.now
		if _, err := members[0].ProposeAdd(k.Bytes(), mls.SendOptions{}); !errors.Is(err, tt.want) {
			t.Errorf("%s: ProposeAdd = %v, want %v", tt.name, err, tt.want)
		}
		if _, err := members[0].Commit(mls.CommitOptions{Add: [][]byte{k.Bytes()}, WithoutPending: true}); !errors.Is(err, tt.want) {
			t.Errorf("%s: Commit = %v, want %v", tt.name, err, tt.want)
		}
		if tt.want == nil {
			if err := members[0].DiscardCommit(); err != nil {
				t.Fatal(err)
			}
		}
	}
	c, err := members[1].Commit(mls.CommitOptions{Add: [][]byte{k.Bytes()}})
	if err != nil {
		t.Fatal(err)
	}
	now = conformTime.Add(2 * time.Hour)
	if _, err := members[0].Process(c.Message); err != nil {
		t.Errorf("Process of a commit that came late = %v", err)
	}
}

// TestRequiredCapabilities holds RFC 9420, Sections 7.2 and 11.1: what the RFC
// defines need not be listed to be required, credential types must be, and the
// members' own capabilities are judged like those of others.
func TestRequiredCapabilities(t *testing.T) {
	require := func(r mlswire.RequiredCapabilities) mlswire.Extensions {
		var w tlsenc.Writer
		r.Encode(&w)
		return mlswire.Extensions{{Type: mlswire.ExtensionTypeRequiredCapabilities, Data: w.Bytes()}}
	}
	for _, tt := range []struct {
		name string
		r    mlswire.RequiredCapabilities
		want error
	}{
		{"default extensions", mlswire.RequiredCapabilities{ExtensionTypes: []mlswire.ExtensionType{1, 2, 3, 4, 5}}, nil},
		{"default proposals", mlswire.RequiredCapabilities{ProposalTypes: []mlswire.ProposalType{1, 2, 3, 4, 5, 6, 7}}, nil},
		{"credentials that are listed", mlswire.RequiredCapabilities{CredentialTypes: []mlswire.CredentialType{1, 2}}, nil},
		{"extension", mlswire.RequiredCapabilities{ExtensionTypes: []mlswire.ExtensionType{6}}, mls.ErrRequiredCapabilities},
		{"proposal", mlswire.RequiredCapabilities{ProposalTypes: []mlswire.ProposalType{8}}, mls.ErrRequiredCapabilities},
		{"credential", mlswire.RequiredCapabilities{CredentialTypes: []mlswire.CredentialType{3}}, mls.ErrRequiredCapabilities},
	} {
		t.Run(tt.name, func(t *testing.T) {
			extensions := require(tt.r)
			members := conformMembers(t, 2)
			if _, err := conformClient(t, "a", nil).CreateGroup(nil, extensions); !errors.Is(err, tt.want) {
				t.Errorf("CreateGroup = %v, want %v", err, tt.want)
			}
			if _, err := members[0].Commit(mls.CommitOptions{Extensions: &extensions}); !errors.Is(err, tt.want) {
				t.Errorf("Commit = %v, want %v", err, tt.want)
			}
		})
	}
}
