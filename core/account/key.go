package account

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"

	"conclave/core/identity"
	"conclave/core/secret"
)

// SeedSize is the size of a private key in bytes: the seed of RFC 8032, Section
// 5.1.5.
const SeedSize = ed25519.SeedSize

const labelBind = "Conclave 1.0 bind"

// A signer is an Ed25519 key, RFC 8032.
type signer struct {
	private secret.Value // an ed25519.PrivateKey
	public  [32]byte
}

func generateSigner() (signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return signer{}, fmt.Errorf("account: generating a key: %w", err)
	}
	return signer{secret.Own(private), [32]byte(private[SeedSize:])}, nil
}

func newSigner(seed secret.Value) (signer, error) {
	if seed.Len() != SeedSize {
		return signer{}, ErrKey
	}
	private := ed25519.NewKeyFromSeed(seed.Expose())
	return signer{secret.Own(private), [32]byte(private[SeedSize:])}, nil
}

func (s signer) sign(message []byte) [64]byte {
	return [64]byte(ed25519.Sign(s.private.Expose(), message))
}

func (s signer) seed() secret.Value { return secret.New(s.private.Expose()[:SeedSize]) }

// An IdentityKey is a user identity key: it signs the account's records and what
// the user says of others. All devices of the account hold it. It may be used
// concurrently; Erase must not run beside a user.
type IdentityKey struct{ signer signer }

// GenerateIdentityKey returns a new random key.
func GenerateIdentityKey() (*IdentityKey, error) {
	s, err := generateSigner()
	return &IdentityKey{s}, err
}

// NewIdentityKey returns the key with a seed, or ErrKey.
func NewIdentityKey(seed secret.Value) (*IdentityKey, error) {
	s, err := newSigner(seed)
	return &IdentityKey{s}, err
}

// Public returns the public key.
func (k *IdentityKey) Public() [32]byte { return k.signer.public }

// Seed returns a copy of the private key, for the sealed store.
func (k *IdentityKey) Seed() secret.Value { return k.signer.seed() }

// Erase overwrites the private key.
func (k *IdentityKey) Erase() { k.signer.private.Erase() }

// A DeviceKey is the signature key of one device. It never leaves the device. It
// may be used concurrently; Erase must not run beside a user.
type DeviceKey struct{ signer signer }

// GenerateDeviceKey returns a new random key.
func GenerateDeviceKey() (*DeviceKey, error) {
	s, err := generateSigner()
	return &DeviceKey{s}, err
}

// NewDeviceKey returns the key with a seed, or ErrKey.
func NewDeviceKey(seed secret.Value) (*DeviceKey, error) {
	s, err := newSigner(seed)
	return &DeviceKey{s}, err
}

// Public returns the public key.
func (k *DeviceKey) Public() [32]byte { return k.signer.public }

// ID returns the name of the device.
func (k *DeviceKey) ID() identity.DeviceID { return identity.NewDeviceID(k.signer.public) }

// Seed returns a copy of the private key, for the sealed store.
func (k *DeviceKey) Seed() secret.Value { return k.signer.seed() }

// Erase overwrites the private key.
func (k *DeviceKey) Erase() { k.signer.private.Erase() }

// SignBind signs that the session with an endpoint (its public id) belongs to
// this device.
func (k *DeviceKey) SignBind(endpoint [16]byte) [64]byte {
	return k.signer.sign(append([]byte(labelBind), endpoint[:]...))
}

// A DeviceInfo describes a device that is to be listed.
type DeviceInfo struct {
	Class   identity.Class
	Name    string
	Added   uint64            // milliseconds since 1970
	Expires uint64            // milliseconds since 1970; 0: never
	AddedBy identity.DeviceID // its own ID: the first; zero: the recovery code
}

// Device returns the device's entry for the record of user, with its proof, or an
// error that wraps identity.ErrRecord.
func (k *DeviceKey) Device(user identity.UserID, info DeviceInfo) (identity.Device, error) {
	d := identity.Device{
		ID: k.ID(), SignatureKey: k.Public(), Class: info.Class, Added: info.Added,
		Expires: info.Expires, AddedBy: info.AddedBy, Name: info.Name,
	}
	d.Proof = k.signer.sign(d.SigningInput(user))
	if err := d.Verify(user); err != nil {
		return identity.Device{}, err
	}
	return d, nil
}
