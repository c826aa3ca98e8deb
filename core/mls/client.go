package mls

import (
	"errors"
	"slices"
	"time"

	"conclave/core/mls/internal/tree"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// Defaults of a [Config].
const (
	// DefaultLifetime is how long a KeyPackage is valid.
	DefaultLifetime = 90 * 24 * time.Hour
	// DefaultPastEpochs is for how many ended epochs late messages are opened.
	DefaultPastEpochs = 3
	// clockSkew is how much the clocks of others may be behind: a KeyPackage
	// is valid from this long before it was made.
	clockSkew = time.Hour
	// maxPadding bounds Config.Padding, in bytes.
	maxPadding = 1 << 16
	// maxPastEpochs bounds Config.PastEpochs: each keeps a secret tree.
	maxPastEpochs = 64
)

// A Config says who a client is and what it needs from the application. Fields
// left zero have the default that is given; Credential, Now and Authenticate are
// required.
type Config struct {
	// Suite is the cipher suite of the client's KeyPackages and groups. Zero
	// is suite.Default. Its package must be linked in, see package suite.
	Suite suite.ID
	// Credential says who the client is, RFC 9420, Section 5.3.
	Credential mlswire.Credential
	// SigningKey belongs to the credential. Nil makes a new one.
	SigningKey *suite.SigningKey
	// Capabilities are what the client says it supports. Nil is what this
	// package supports: MLS 1.0, the suite, basic and x509 credentials, no
	// extension and no proposal beyond those of RFC 9420.
	Capabilities *mlswire.Capabilities
	// LeafExtensions are put into the client's leaf, RFC 9420, Section 7.2.
	// Capabilities must list those that RFC 9420 does not define.
	LeafExtensions mlswire.Extensions
	// KeyPackageExtensions are put into KeyPackages beside the leaf, RFC 9420,
	// Section 10.
	KeyPackageExtensions mlswire.Extensions

	// Now returns the time, for the lifetime of KeyPackages.
	Now func() time.Time
	// Lifetime is how long KeyPackages are valid. Zero is [DefaultLifetime].
	Lifetime time.Duration

	// MaxLifetime is the longest lifetime that others' KeyPackages may have,
	// RFC 9420, Section 7.2. Zero is 93 days; a negative number accepts any, for
	// implementations that do without.
	MaxLifetime time.Duration

	// Authenticate is the authentication service, RFC 9420, Section 5.3.1: it
	// returns an error unless the signature key belongs to the credential and
	// the application wants that identity in that place. It is called for each
	// new credential before it counts for anything.
	Authenticate func(Identity) error
	// AllowJoinRequests takes proposals of clients outside that ask to be added,
	// AllowExternalCommits takes commits by which they add themselves: RFC 9420,
	// Sections 12.1.8 and 12.4.3.2. Unless set, such messages are
	// [ErrNotAllowed], and only members let others in. All members of a group
	// must decide alike: who refuses an external commit cannot follow the rest.
	// Authenticate judges these clients too, see [Identity.Uninvited].
	AllowJoinRequests, AllowExternalCommits bool
	// MemberID tells clients apart across groups, for a group that follows
	// another, RFC 9420, Sections 11.2 and 11.3. Nil takes whole credentials.
	MemberID func(mlswire.Credential) []byte
	// PSK returns the external pre-shared key of that id, RFC 9420, Section
	// 8.4. Nil has none.
	PSK func(id []byte) (secret.Value, bool)
	// ResumptionPSK returns the resumption secret of an epoch of another
	// group, or one that the group itself has forgotten. Nil has none.
	ResumptionPSK func(groupID []byte, epoch uint64) (secret.Value, bool)
	// KnownGroup reports whether the client is in a group of that id already;
	// joining another with the same is refused, RFC 9420, Section 12.4.3.1.
	// Nil knows none.
	KnownGroup func(groupID []byte) bool

	// PastEpochs is for how many ended epochs late application messages are
	// opened and resumption secrets kept. Zero is [DefaultPastEpochs], a
	// negative number is none.
	PastEpochs int
	// Forward is how many messages of one sender may be missing before the
	// next, Window how many of the missing may still come. Zero is the default
	// of each.
	Forward, Window uint32
	// Padding rounds the content of private messages up to a multiple of so
	// many bytes. Zero does not pad.
	Padding int
	// PublicHandshakes sends proposals and Commits signed, not encrypted, so
	// that the delivery service can read them, RFC 9420, Section 6.2.
	PublicHandshakes bool
	// Verifier checks many signatures at once when joining a large group. Nil
	// checks them one by one.
	Verifier suite.Verifier
}

// A Client makes KeyPackages and groups for one identity and one cipher suite.
// It never changes and may be used concurrently.
type Client struct {
	config Config
	suite  *suite.Suite
	signer *suite.SigningKey
	leaf   leafParameters
}

// leafParameters are the parts of a leaf that the application chooses.
type leafParameters struct {
	credential   mlswire.Credential
	capabilities mlswire.Capabilities
	extensions   mlswire.Extensions
}

// NewClient returns a Client. The Config must not be changed afterwards. The
// error is suite.ErrUnknown, [ErrConfig], or what is wrong with the signing key.
func NewClient(config Config) (*Client, error) {
	if config.Suite == 0 {
		config.Suite = suite.Default
	}
	s, err := suite.Lookup(config.Suite)
	if err != nil {
		return nil, doing("mls: looking up the cipher suite", err)
	}
	if err := config.complete(); err != nil {
		return nil, err
	}
	c := &Client{config: config, suite: s, signer: config.SigningKey}
	if c.signer == nil {
		c.signer = s.GenerateSigningKey()
	} else if err := s.CheckSignatureKey(c.signer.Public()); err != nil {
		return nil, because(ErrConfig, err)
	}
	c.leaf = leafParameters{config.Credential, defaultCapabilities(s.ID()), config.LeafExtensions}
	if config.Capabilities != nil {
		c.leaf.capabilities = *config.Capabilities
	}
	return c, nil
}

// complete fills in defaults and checks the fields.
func (c *Config) complete() error {
	switch {
	case c.Credential.Type == 0:
		return because(ErrConfig, errors.New("no credential"))
	case !isKnownCredential(c.Credential.Type):
		return because(ErrConfig, mlswire.ErrCredentialType)
	case c.Now == nil:
		return because(ErrConfig, errors.New("no clock"))
	case c.Authenticate == nil:
		return because(ErrConfig, errors.New("no authentication service"))
	case c.Lifetime < 0:
		return because(ErrConfig, errors.New("negative lifetime"))
	case c.Padding < 0 || c.Padding > maxPadding:
		return because(ErrConfig, errors.New("padding out of range"))
	case c.PastEpochs > maxPastEpochs:
		return because(ErrConfig, errors.New("too many past epochs"))
	}
	if c.Lifetime == 0 {
		c.Lifetime = DefaultLifetime
	}
	if c.PastEpochs == 0 {
		c.PastEpochs = DefaultPastEpochs
	}
	return nil
}

// defaultCapabilities are what this package supports, RFC 9420, Section 7.2:
// what the RFC calls default must not be listed.
func defaultCapabilities(id suite.ID) mlswire.Capabilities {
	return mlswire.Capabilities{
		Versions:     []mlswire.ProtocolVersion{mlswire.MLS10},
		CipherSuites: []mlswire.CipherSuite{id},
		Credentials:  []mlswire.CredentialType{mlswire.CredentialTypeBasic, mlswire.CredentialTypeX509},
	}
}

// Suite returns the client's cipher suite.
func (c *Client) Suite() suite.ID { return c.suite.ID() }

// SignatureKey returns the public part of the client's signing key.
func (c *Client) SignatureKey() []byte { return slices.Clone(c.signer.Public()) }

// pastEpochs returns how many ended epochs are kept.
func (c *Client) pastEpochs() int { return max(c.config.PastEpochs, 0) }

// rules are what this client judges messages by: in an epoch, or outside any
// group with neither context nor tree.
func (c *Client) rules(context *mlswire.GroupContext, t *tree.Tree) *rules {
	return &rules{suite: c.suite, context: context, tree: t, policy: c.policy()}
}

// policy is what the rules leave to the application.
func (c *Client) policy() policy {
	return policy{
		now:             c.config.Now(),
		maxLifetime:     c.config.MaxLifetime,
		authenticate:    c.config.Authenticate,
		joinRequests:    c.config.AllowJoinRequests,
		externalCommits: c.config.AllowExternalCommits,
		verifier:        c.config.Verifier,
		memberID:        c.config.MemberID,
	}
}
