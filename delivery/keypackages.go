package delivery

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"conclave/api"
	"conclave/core/identity"
	"conclave/core/mlswire"
)

// Refusals of [KeyPackages].
var (
	// ErrKeyPackage says that something is not a KeyPackage of the device that
	// publishes it, is over its bound, or is not valid any more.
	ErrKeyPackage = errors.New("not a KeyPackage of this device that is valid now")
	// ErrManyKeyPackages says that the device would have more than
	// api.MaxKeyPackages. Nothing was stored.
	ErrManyKeyPackages = errors.New("too many KeyPackages: the server keeps 100 of a device")
	// ErrOften says that the limit of a rate is reached; see [OftenError].
	ErrOften = errors.New("too many requests")
	// ErrNoKeyPackage says that a device has none.
	ErrNoKeyPackage = errors.New("the device has no KeyPackage")
)

// A StoredKeyPackage is one as the store keeps it.
type StoredKeyPackage struct {
	Hash       [32]byte // SHA-256 of Message: its name
	LastResort bool
	Expires    uint64 // milliseconds since 1970
	Message    []byte // MLSMessage
}

// A KeyPackageStore keeps KeyPackages. Its methods may be called concurrently; each
// is done as a whole or not at all, and durable when it returns.
type KeyPackageStore interface {
	// PutKeyPackages adds KeyPackages of a device and deletes those that expired
	// before now; a last resort takes the place of the one before. A hash that the
	// device ever had, and that has not expired, is left out. If more than most
	// one-time ones would wait, nothing changes: [ErrManyKeyPackages].
	PutKeyPackages(ctx context.Context, user, device [16]byte, list []StoredKeyPackage, most int, now uint64) error
	// CountKeyPackages returns how many one-time ones wait that have not expired, and
	// whether there is a last resort.
	CountKeyPackages(ctx context.Context, user, device [16]byte, now uint64) (count int, lastResort bool, err error)
	// ClaimKeyPackage returns the oldest one-time KeyPackage, which nobody gets
	// again, or else the last resort, or else [ErrNoKeyPackage].
	ClaimKeyPackage(ctx context.Context, user, device [16]byte, now uint64) (StoredKeyPackage, error)
	// RemoveKeyPackages deletes those of a device.
	RemoveKeyPackages(ctx context.Context, user, device [16]byte) error
	// KeepKeyPackages deletes the KeyPackages of all devices of a user but these.
	KeepKeyPackages(ctx context.Context, user [16]byte, devices [][16]byte) error
}

// KeyPackages are what devices publish so that others can add them to groups,
// RFC 9420, Section 10. Its methods may be called concurrently. Make it with
// [NewKeyPackages].
type KeyPackages struct {
	store  KeyPackageStore
	now    func() time.Time
	limits *keyPackageLimits
}

// NewKeyPackages returns the KeyPackages of a store.
func NewKeyPackages(s KeyPackageStore, now func() time.Time) *KeyPackages {
	return &KeyPackages{store: s, now: now, limits: newKeyPackageLimits()}
}

func (k *KeyPackages) millis() uint64 { return uint64(max(k.now().UnixMilli(), 0)) }

// Publish adds KeyPackages of a device, and replaces its last resort unless that
// is nil. It returns what the device then has. Errors: [ErrKeyPackage],
// [ErrManyKeyPackages], [OftenError].
func (k *KeyPackages) Publish(ctx context.Context, user, device [16]byte, oneTime [][]byte, lastResort []byte) (api.KeyPackageCount, error) {
	if len(oneTime) > api.MaxKeyPackages {
		return api.KeyPackageCount{}, ErrManyKeyPackages
	}
	list := make([]StoredKeyPackage, 0, len(oneTime)+1)
	for _, message := range oneTime {
		s, err := k.read(user, device, message)
		if err != nil {
			return api.KeyPackageCount{}, err
		}
		list = append(list, s)
	}
	if lastResort != nil {
		s, err := k.read(user, device, lastResort)
		if err != nil {
			return api.KeyPackageCount{}, err
		}
		s.LastResort = true
		list = append(list, s)
	}
	if err := k.limits.publish(device, len(list), k.now()); err != nil {
		return api.KeyPackageCount{}, err
	}
	if err := k.store.PutKeyPackages(ctx, user, device, list, api.MaxKeyPackages, k.millis()); err != nil {
		return api.KeyPackageCount{}, err
	}
	return k.Count(ctx, user, device)
}

// read checks the form of a KeyPackage and whom it says it is of. Signatures are
// for those who claim it.
func (k *KeyPackages) read(user, device [16]byte, message []byte) (StoredKeyPackage, error) {
	if len(message) > api.MaxKeyPackage {
		return StoredKeyPackage{}, fmt.Errorf("%w: it is too long", ErrKeyPackage)
	}
	m, err := mlswire.ParseMessage(message)
	if err != nil || m.KeyPackage == nil {
		return StoredKeyPackage{}, fmt.Errorf("%w: it does not parse", ErrKeyPackage)
	}
	leaf := &m.KeyPackage.LeafNode
	if leaf.Credential.Type != mlswire.CredentialTypeBasic || !slices.Equal(leaf.Credential.Identity, slices.Concat(user[:], device[:])) {
		return StoredKeyPackage{}, fmt.Errorf("%w: its credential is another's", ErrKeyPackage)
	}
	now := uint64(max(k.now().Unix(), 0))
	if leaf.Source != mlswire.LeafNodeSourceKeyPackage || leaf.Lifetime.NotAfter <= now || leaf.Lifetime.NotAfter > now+maxLifetime {
		return StoredKeyPackage{}, fmt.Errorf("%w: its lifetime", ErrKeyPackage)
	}
	return StoredKeyPackage{Hash: sha256.Sum256(message), Expires: leaf.Lifetime.NotAfter * 1000, Message: message}, nil
}

// maxLifetime is the latest end of a KeyPackage from now, in seconds: no client
// accepts a longer lifetime than 93 days.
const maxLifetime = 94 * 24 * 60 * 60

// Count returns what a device has.
func (k *KeyPackages) Count(ctx context.Context, user, device [16]byte) (api.KeyPackageCount, error) {
	n, last, err := k.store.CountKeyPackages(ctx, user, device, k.millis())
	return api.KeyPackageCount{Count: n, LastResort: last}, err
}

// A Claimed is a KeyPackage that was handed out.
type Claimed struct {
	Device     [16]byte
	Message    []byte
	LastResort bool
}

// Claim takes out a KeyPackage for each of the devices of a user that has one;
// by is the user who asks. A device that is named twice counts once. Errors:
// [ErrKeyPackage] for more than api.MaxClaimDevices, [OftenError].
func (k *KeyPackages) Claim(ctx context.Context, by, user [16]byte, devices [][16]byte) ([]Claimed, error) {
	if len(devices) > api.MaxClaimDevices {
		return nil, fmt.Errorf("%w: an account has at most %d devices", ErrKeyPackage, api.MaxClaimDevices)
	}
	var out []Claimed
	for i, device := range devices {
		if slices.Contains(devices[:i], device) {
			continue
		}
		if err := k.limits.claim(by, device, k.now()); err != nil {
			return nil, err
		}
		s, err := k.store.ClaimKeyPackage(ctx, user, device, k.millis())
		if errors.Is(err, ErrNoKeyPackage) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, Claimed{device, s.Message, s.LastResort})
	}
	return out, nil
}

// Remove deletes the KeyPackages of a device.
func (k *KeyPackages) Remove(ctx context.Context, user, device [16]byte) error {
	return k.store.RemoveKeyPackages(ctx, user, device)
}

// Keep deletes the KeyPackages of devices that a record does not list: call it
// with each record that was published.
func (k *KeyPackages) Keep(ctx context.Context, r *identity.Record) error {
	listed := make([][16]byte, len(r.Devices))
	for i := range r.Devices {
		listed[i] = r.Devices[i].ID
	}
	if err := k.store.KeepKeyPackages(ctx, r.User, listed); err != nil {
		return fmt.Errorf("deleting KeyPackages of removed devices: %w", err)
	}
	return nil
}
