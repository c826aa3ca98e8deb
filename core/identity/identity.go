// Package identity is the public half of an account: identity records, their
// hash chain, lists of devices, and handles. Servers and clients use it; it holds
// no secret, does no I/O and asks no clock.
//
// Read a record with [ParseRecord], check it alone with [Record.Verify] and
// against the one before with [Follows]. [NormalizeHandle] and [Skeleton] say
// which handles exist and which look alike.
//
// Signatures are Ed25519, RFC 8032; hashes SHA-256. What is signed or hashed is
// encoded in the TLS presentation language (package tlsenc). Times are
// milliseconds since 1970.
package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// Labels that keep signatures and hashes of different things apart.
const (
	labelRecord   = "Conclave 1.0 identity record"
	labelDevice   = "Conclave 1.0 device"
	labelDeviceID = "Conclave 1.0 device id"
)

// Limits of a record, and sizes in bytes.
const (
	// MaxDevices is the most devices of an account.
	MaxDevices = 32
	// MaxRemoved is how many removed devices a record remembers.
	MaxRemoved = 64
	// MaxRecord is the most bytes of an encoded record: a record with the most
	// devices, removals and the longest names has 16,017.
	MaxRecord = 16 << 10

	keySize       = 32
	signatureSize = 64
	idSize        = 16
)

// Errors of this package. Everything wrong in a record wraps ErrRecord, and
// everything wrong between two records wraps ErrChain.
var (
	// ErrRecord says that a record is malformed, breaks a rule or is not signed.
	ErrRecord = errors.New("identity: invalid record")
	// ErrChain says that a record does not follow the one before.
	ErrChain = errors.New("identity: record does not follow the one before")
	// ErrReset says that a record is a valid successor that replaces the identity
	// key: the owner lost everything, or somebody says so. Ask a person.
	ErrReset = errors.New("identity: the identity was reset")
	// ErrHandle says that a text cannot be a handle.
	ErrHandle = errors.New("identity: not a handle: use 2 to 32 letters or digits of one script, with . _ - between them")
	// ErrName says that a text cannot be a display name.
	ErrName = errors.New("identity: not a name: use 1 to 64 bytes that can be seen")
	// ErrID says that a text is not an identifier: 32 lower-case hexadecimal digits.
	ErrID = errors.New("identity: not an identifier: use 32 hexadecimal digits")
)

// A UserID names an account for ever. The server draws it at random.
type UserID [idSize]byte

// String returns 32 hexadecimal digits.
func (u UserID) String() string { return hex.EncodeToString(u[:]) }

// IsZero reports whether u names nobody.
func (u UserID) IsZero() bool { return u == UserID{} }

// ParseUserID is the inverse of String. It returns ErrID.
func ParseUserID(s string) (UserID, error) {
	id, err := parseID(s)
	return UserID(id), err
}

// A DeviceID names a device: see [NewDeviceID].
type DeviceID [idSize]byte

// String returns 32 hexadecimal digits.
func (d DeviceID) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether d names no device.
func (d DeviceID) IsZero() bool { return d == DeviceID{} }

// ParseDeviceID is the inverse of String. It returns ErrID.
func ParseDeviceID(s string) (DeviceID, error) {
	id, err := parseID(s)
	return DeviceID(id), err
}

// NewDeviceID returns the name of the device with a signature key: the first 16
// bytes of the SHA-256 of a label and the key.
func NewDeviceID(signatureKey [keySize]byte) DeviceID {
	h := sha256.Sum256(append([]byte(labelDeviceID), signatureKey[:]...))
	return DeviceID(h[:idSize])
}

// Hash returns the SHA-256 of an encoded record, its signature included: what
// the next record names as previous.
func Hash(encoded []byte) [32]byte { return sha256.Sum256(encoded) }

func parseID(s string) (id [idSize]byte, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != idSize || hex.EncodeToString(b) != s {
		return id, ErrID
	}
	return [idSize]byte(b), nil
}
