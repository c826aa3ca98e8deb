package account

import (
	"conclave/core/identity"
	"conclave/core/secret"
)

// MaxBackup is the most bytes of a backup.
const MaxBackup = 1 << 20

// A WrapKey opens a backup in one way.
type WrapKey struct{}

// RecoveryWrap returns the way in by the recovery code.
func RecoveryWrap(c RecoveryCode) WrapKey { panic("account: unfinished") }

// PasskeyWrap returns the way in by a passkey: its credential id, and the output
// of its PRF (32 bytes).
func PasskeyWrap(credential []byte, prf secret.Value) (WrapKey, error) { panic("account: unfinished") }

// PassphraseWrap returns the way in by a passphrase, stretched by Argon2id with
// cost, or ErrWeak.
func PassphraseWrap(passphrase string, cost Cost) (WrapKey, error) { panic("account: unfinished") }

// SealBackup seals a bundle as backup number counter of user, with the bundle's
// BackupKey, openable in each of ways. The hash is Record.BackupHash.
func SealBackup(user identity.UserID, counter uint64, b *Bundle, ways []WrapKey) (sealed []byte, hash [32]byte, err error) {
	panic("account: unfinished")
}

// A Backup is a sealed backup that was read but not opened.
type Backup struct {
	User    identity.UserID
	Counter uint64
}

// ParseBackup reads a sealed backup, or returns ErrMalformed.
func ParseBackup(b []byte) (*Backup, error) { panic("account: unfinished") }

// Check returns nil if the backup is the one that the record of its user names,
// or a newer one; else ErrBackupForeign, ErrBackupOld or ErrBackupChanged.
func (b *Backup) Check(r *identity.Record) error { panic("account: unfinished") }

// Open opens the backup: ErrNoWrap, ErrCode or ErrBackupChanged if it cannot.
func (b *Backup) Open(way WrapKey) (*Bundle, error) { panic("account: unfinished") }
