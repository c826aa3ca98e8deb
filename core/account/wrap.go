package account

import (
	"errors"
	"fmt"

	"conclave/core/identity"
	"conclave/core/secret"
	"conclave/core/tlsenc"
)

// What a way into a backup is made of.
type wrapKind uint8

const (
	wrapBackupKey  wrapKind = 0 // never stored: who holds the backup key needs no wrap
	wrapRecovery   wrapKind = 1
	wrapPasskey    wrapKind = 2
	wrapPassphrase wrapKind = 3
)

const (
	labelWrap  = "Conclave 1.0 backup wrap"
	maxWrapID  = 1023 // a credential id, Web Authentication Level 3, Section 4
	maxWraps   = 16
	wrapSalt   = 32
	wrapSealed = sealOverhead + keySize
	maxWrap    = 1 + 2 + maxWrapID + wrapSalt + 4 + 4 + 1 + wrapSealed
)

// A WrapKey is one way into a backup: the recovery code, a passkey, a passphrase,
// or the backup key itself. Erase it after use. The password of a sign-in is none:
// a hostile server could guess it at leisure with what it is sent at sign-in, and
// would then hold the identity key.
type WrapKey struct {
	kind   wrapKind
	id     []byte
	secret secret.Value
	cost   Cost // of a passphrase
}

// RecoveryWrap returns the way in by the recovery code.
func RecoveryWrap(c RecoveryCode) WrapKey {
	return WrapKey{kind: wrapRecovery, secret: secret.New(c.entropy.Expose())}
}

// PasskeyWrap returns the way in by a passkey: its credential id, and the 32
// bytes of its PRF (Web Authentication Level 3, Section 10.1.4).
func PasskeyWrap(credential []byte, prf secret.Value) (WrapKey, error) {
	if prf.Len() != keySize || len(credential) == 0 || len(credential) > maxWrapID {
		return WrapKey{}, fmt.Errorf("%w: result of a passkey", ErrMalformed)
	}
	return WrapKey{kind: wrapPasskey, id: append([]byte(nil), credential...), secret: secret.New(prf.Expose())}, nil
}

// PassphraseWrap returns the way in by a passphrase, stretched by Argon2id with
// cost (in earnest: PassphraseCost) when a backup is sealed; to open one the cost
// is what the backup says. Ask CheckPassphrase first when sealing.
func PassphraseWrap(passphrase string, cost Cost) (WrapKey, error) {
	if !cost.valid() {
		return WrapKey{}, ErrCost
	}
	normal, err := normalPassword(passphrase)
	if err != nil {
		return WrapKey{}, err
	}
	return WrapKey{kind: wrapPassphrase, secret: normal, cost: cost}, nil
}

// BackupKeyWrap returns the way in for a device that holds the backup key.
func BackupKeyWrap(key secret.Value) (WrapKey, error) {
	if key.Len() != keySize {
		return WrapKey{}, ErrKey
	}
	return WrapKey{kind: wrapBackupKey, secret: secret.New(key.Expose())}, nil
}

// Erase overwrites the key.
func (k WrapKey) Erase() { k.secret.Erase() }

// sealer returns the sealer for a wrap of user's backup with a salt that is used
// once.
func (k WrapKey) sealer(user identity.UserID, salt []byte, cost Cost) sealer {
	ikm := k.secret
	if k.kind == wrapPassphrase {
		ikm = cost.stretch(k.secret.Expose(), salt)
		defer ikm.Erase()
	}
	return newSealer(ikm, labelWrap, []byte{byte(k.kind)}, user[:], k.id, salt)
}

// A wrap is the backup key sealed for one WrapKey.
type wrap struct {
	kind   wrapKind
	id     []byte
	salt   [wrapSalt]byte
	cost   Cost // zero but for a passphrase
	sealed [wrapSealed]byte
}

func (k WrapKey) wrap(user identity.UserID, backupKey secret.Value) wrap {
	w := wrap{kind: k.kind, id: k.id, salt: [wrapSalt]byte(random(wrapSalt)), cost: k.cost}
	s := k.sealer(user, w.salt[:], w.cost)
	defer s.erase()
	w.sealed = [wrapSealed]byte(s.seal(backupKey.Expose(), nil))
	return w
}

// unwrap returns the backup key, or ErrCode or ErrBackupChanged.
func (k WrapKey) unwrap(user identity.UserID, w *wrap) (secret.Value, error) {
	s := k.sealer(user, w.salt[:], w.cost)
	defer s.erase()
	key, err := s.open(w.sealed[:], nil)
	switch {
	case errors.Is(err, errWrongKey):
		return secret.Value{}, ErrCode
	case err != nil:
		return secret.Value{}, ErrBackupChanged
	default:
		return key, nil
	}
}

func (w *wrap) encode(out *tlsenc.Writer) {
	out.Uint8(uint8(w.kind))
	out.Vector(w.id)
	out.Fixed(w.salt[:])
	out.Uint32(w.cost.Time)
	out.Uint32(w.cost.Memory)
	out.Uint8(w.cost.Threads)
	out.Fixed(w.sealed[:])
}

// decode reads a wrap and checks what the opener must compute for it.
func (w *wrap) decode(r *tlsenc.Reader) error {
	w.kind = wrapKind(r.Uint8())
	w.id = append([]byte(nil), r.Vector(maxWrapID)...)
	copy(w.salt[:], r.Fixed(wrapSalt))
	w.cost = Cost{Time: r.Uint32(), Memory: r.Uint32(), Threads: r.Uint8()}
	copy(w.sealed[:], r.Fixed(wrapSealed))
	if err := r.Err(); err != nil {
		return err
	}
	if w.kind < wrapRecovery || w.kind > wrapPassphrase || (w.kind == wrapPasskey) != (len(w.id) > 0) {
		return errUnknownWrap
	}
	if w.kind == wrapPassphrase != (w.cost != Cost{}) || w.kind == wrapPassphrase && !w.cost.valid() {
		return ErrCost
	}
	return nil
}

var errUnknownWrap = errors.New("unknown way in")
