// Package keypackages makes, publishes, claims and accounts for KeyPackages (RFC
// 9420, Section 10), against a server that may swap, age or repeat them.
//
// [Store.Refill] keeps enough of this device's at the server, [Store.Take] and
// [Store.Used] find the one that a Welcome is for and use it up, and [Store.Claim]
// gets those of another person's devices: each is judged by the device list that
// the directory proved, and a bad one is refused for its device alone.
//
// The private halves are in the vault. The package opens no socket and asks no
// clock but the one it is given.
package keypackages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"conclave/api"
	"conclave/client/directory"
	"conclave/client/vault"
	"conclave/core/identity"
	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// What a device keeps at the server.
const (
	low        = 20 // one-time KeyPackages, below which Refill makes more
	full       = 50
	renewAfter = 30 * 24 * time.Hour // age of a last resort that is replaced
	keepAfter  = 30 * 24 * time.Hour // how long private halves outlive a KeyPackage: a Welcome may be late
	maxUnused  = 500                 // private halves of KeyPackages that no Welcome came for
)

// MaxLifetime is the longest lifetime that is accepted.
const MaxLifetime = 93 * 24 * time.Hour

var (
	// ErrUsed says that a Welcome is for a KeyPackage that was used before: the
	// server handed it out twice, or repeats the Welcome.
	ErrUsed = errors.New("keypackages: a Welcome for a KeyPackage that was used before")
	// ErrNotMine says that a Welcome is for no KeyPackage that this device made, or
	// for one that is long over.
	ErrNotMine = errors.New("keypackages: a Welcome for a KeyPackage that this device has not")
	// ErrDrained says that so many KeyPackages were handed out and never used that no
	// more are made. Somebody claims them in vain, or the server says so.
	ErrDrained = errors.New("keypackages: hundreds of this device's were handed out and never used: tell the administrator")
)

// A Server is what is asked of it; *remote.Server is one.
type Server interface {
	PutKeyPackages(ctx context.Context, in *api.KeyPackagesPut) (*api.KeyPackageCount, error)
	KeyPackages(ctx context.Context) (*api.KeyPackageCount, error)
	ClaimKeyPackages(ctx context.Context, in *api.KeyPackagesClaim) (*api.KeyPackagesClaimed, error)
}

// A Directory says which devices a person has, with proof, and keeps alarms;
// *directory.Client is one.
type Directory interface {
	LookupUser(ctx context.Context, user identity.UserID) (*directory.Contact, error)
	Raise(ctx context.Context, a directory.Alarm, subject string, evidence []byte) (directory.Alarm, error)
}

// A Config is what a [Store] works with. All fields are required but those of MLS
// that say otherwise.
type Config struct {
	Server    Server
	Directory Directory
	Vault     vault.Store
	User      identity.UserID
	Device    identity.DeviceID
	Signer    *suite.SigningKey // of the device, as the directory lists it
	Now       func() time.Time
	// MLS is what else [Store.Client] shall have. Credential, signing key, clock and
	// longest lifetime are set here; Authenticate may be nil for a device that only
	// claims and publishes, and then refuses nobody.
	MLS mls.Config
}

// A Store is the KeyPackages of one device. It may be used concurrently.
type Store struct {
	cfg    Config
	client *mls.Client
	// last makes last resorts.
	last *mls.Client

	mu sync.Mutex // one change of the index in the vault at a time
}

// lastResort is the extension that marks a last resort,
// draft-ietf-mls-extensions. The owner signs it, so that no server can call a
// one-time KeyPackage so.
const lastResort mlswire.ExtensionType = 0x000a

// New returns the Store of a device.
func New(cfg Config) (*Store, error) {
	c := cfg.MLS
	c.Credential = Credential(cfg.User, cfg.Device)
	c.SigningKey, c.Now, c.MaxLifetime = cfg.Signer, cfg.Now, MaxLifetime
	if c.Authenticate == nil {
		c.Authenticate = func(mls.Identity) error { return nil }
	}
	if cfg.Signer == nil {
		return nil, fmt.Errorf("keypackages: %w: no signing key", mls.ErrConfig)
	}
	client, err := mls.NewClient(c)
	if err != nil {
		return nil, err
	}
	c.KeyPackageExtensions = append(slices.Clone(c.KeyPackageExtensions), mlswire.Extension{Type: lastResort})
	last, err := mls.NewClient(c)
	if err != nil {
		return nil, err
	}
	return &Store{cfg: cfg, client: client, last: last}, nil
}

// Client returns the MLS client whose KeyPackages these are, for groups too.
func (s *Store) Client() *mls.Client { return s.client }

// Credential returns the credential of a device: basic, user and device.
func Credential(user identity.UserID, device identity.DeviceID) mlswire.Credential {
	return mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: slices.Concat(user[:], device[:])}
}

// ParseCredential returns whose credential it is; false if it is no device's.
func ParseCredential(c mlswire.Credential) (user identity.UserID, device identity.DeviceID, ok bool) {
	if c.Type != mlswire.CredentialTypeBasic || len(c.Identity) != len(user)+len(device) {
		return user, device, false
	}
	copy(user[:], c.Identity)
	copy(device[:], c.Identity[len(user):])
	return user, device, true
}
