// Package account is the secret half of an account: the identity key, the keys of
// devices, and what two people do to be sure of each other. Clients use it;
// servers never import it. It does no I/O and asks no clock: times are arguments,
// in milliseconds since 1970.
//
//   - Keys: [IdentityKey], [DeviceKey]. Records: [FirstRecord], [NextRecord],
//     [ResetRecord].
//   - People: [SAS] (seven symbols), [QR], [SafetyNumber], and the signed
//     [Statement] that says what was found.
//   - A new device: a [Request], and sealed to it a [Bundle] by [HandOver].
//   - Recovery: [RecoveryCode], [Backup], [PasswordKeys].
//   - [Invite] carries the keys of a server and of the one who invites.
//
// Secrets are [secret.Value]. Every key is derived by HKDF-SHA256 (RFC 5869) with
// an info that begins with "Conclave 1.0 ", so that no two uses share a key.
package account

import (
	"crypto/sha256"
	"errors"

	"conclave/core/identity"
)

// FingerprintSize is the size of a fingerprint in bytes.
const FingerprintSize = 32

// A Fingerprint is what people compare in one form or another: a hash that stands
// for an identity key and its user, or for a device's request.
type Fingerprint [FingerprintSize]byte

// IdentityFingerprint returns the SHA-256 of a label, the user and the identity
// key.
func IdentityFingerprint(user identity.UserID, identityKey [32]byte) Fingerprint {
	h := sha256.New()
	h.Write([]byte("Conclave 1.0 identity fingerprint"))
	h.Write(user[:])
	h.Write(identityKey[:])
	return Fingerprint(h.Sum(nil))
}

// Errors of this package. Where a message of the user interface has the same
// meaning, its id is named.
var (
	// ErrMalformed says that bytes or a text are not what they should be.
	ErrMalformed = errors.New("account: malformed")
	// ErrKey says that a private key cannot be used.
	ErrKey = errors.New("account: invalid private key")
	// ErrSignature says that a signature does not match.
	ErrSignature = errors.New("account: signature does not match")
	// ErrWords says that words are no recovery code: see WordError.
	ErrWords = errors.New("account: not a recovery code: type its 12 words in order")
	// ErrCode says that a code, passphrase or key does not open a backup (code-wrong).
	ErrCode = errors.New("account: this does not open the backup: check the words and try again")
	// ErrBackupOld says that a backup is older than the record says (backup-old).
	ErrBackupOld = errors.New("account: the backup is older than the account: restore from another device")
	// ErrBackupForeign says that a backup is of another user.
	ErrBackupForeign = errors.New("account: the backup is of another account")
	// ErrBackupChanged says that a backup is not the one that the record names, or
	// was changed after it was made.
	ErrBackupChanged = errors.New("account: the backup was changed: do not use it; restore from another device")
	// ErrNoWrap says that a backup has no way in of the kind asked for.
	ErrNoWrap = errors.New("account: the backup cannot be opened this way: use the recovery code")
	// ErrWeak says that a passphrase is too easy to guess (weak-phrase).
	ErrWeak = errors.New("account: too easy to guess: use a generated code")
	// ErrSplit says that two devices of one server are shown different directories
	// (split).
	ErrSplit = errors.New("account: you are shown different directories: save the evidence and do not go on")
	// ErrCost says that a server asks for a password hash that is too cheap, or too
	// dear to compute.
	ErrCost = errors.New("account: the server asks for an unsafe password hash: do not sign in here")
)
