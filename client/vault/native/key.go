package native

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"filippo.io/age"
	"github.com/zalando/go-keyring"

	"conclave/client/vault"
	"conclave/core/secret"
)

// A Keyring keeps small secrets by a service and a user. Get returns an error
// where there is nothing.
type Keyring interface {
	Get(service, user string) (string, error)
	Set(service, user, value string) error
}

type systemKeyring struct{}

func (systemKeyring) Get(service, user string) (string, error) { return keyring.Get(service, user) }
func (systemKeyring) Set(service, user, value string) error    { return keyring.Set(service, user, value) }

const (
	keyringService = "Conclave"
	formatVersion  = 1
	keptInKeyring  = "keyring"
	keptPassphrase = "passphrase"
	maxFormat      = 4096  // bytes
	maxKeyFile     = 16384 // bytes
	minPassphrase  = 12    // characters
	maxWorkFactor  = 22    // of a key file that was written elsewhere: 4 times a new one's twice
)

// format is the file that says how the vault key is kept.
type format struct {
	Version int    `json:"version"`
	Key     string `json:"key"`          // keyring or passphrase
	ID      string `json:"id,omitempty"` // user of the keyring's entry
	Check   string `json:"check"`        // fingerprint of the vault key
}

// openKey returns the vault key, a new one for a new vault.
func openKey(dir string, o Options) (secret.Value, error) {
	if o.Keyring == nil {
		o.Keyring = systemKeyring{}
	}
	b, err := readSmall(filepath.Join(dir, formatName), maxFormat)
	if errors.Is(err, fs.ErrNotExist) {
		return newKey(dir, o)
	}
	if err != nil {
		return secret.Value{}, fmt.Errorf("vault: %w", err)
	}
	var f format
	if err := json.Unmarshal(b, &f); err != nil || f.Version != formatVersion {
		return secret.Value{}, fmt.Errorf("%w: its format file is not of this version", vault.ErrDamaged)
	}
	var key secret.Value
	switch f.Key {
	case keptInKeyring:
		key, err = keyFromKeyring(o.Keyring, f.ID)
	case keptPassphrase:
		key, err = keyFromFile(dir, o)
	default:
		err = fmt.Errorf("%w: its format file is not of this version", vault.ErrDamaged)
	}
	if err != nil {
		return secret.Value{}, err
	}
	if fingerprint(key) != f.Check {
		key.Erase()
		return secret.Value{}, fmt.Errorf("%w: this is the key of another vault", vault.ErrLocked)
	}
	return key, nil
}

// newKey makes a vault key and keeps it, unless there are values that another
// key sealed.
func newKey(dir string, o Options) (secret.Value, error) {
	values, err := os.ReadDir(filepath.Join(dir, valuesName))
	if err != nil {
		return secret.Value{}, fmt.Errorf("vault: %w", err)
	}
	if slices.ContainsFunc(values, func(f fs.DirEntry) bool { return len(f.Name()) == 2*nameSize }) {
		return secret.Value{}, fmt.Errorf("%w: its format file is gone; put it back, or begin with an empty folder", vault.ErrLocked)
	}
	b := make([]byte, keySize)
	_, _ = rand.Read(b) // never fails
	key := secret.Own(b)
	f := format{Version: formatVersion, Check: fingerprint(key)}
	if !o.PreferPassphrase {
		id := make([]byte, 8)
		_, _ = rand.Read(id)
		f.Key, f.ID = keptInKeyring, hex.EncodeToString(id)
		if err := o.Keyring.Set(keyringService, f.ID, base64.StdEncoding.EncodeToString(b)); err != nil {
			f.Key = "" // no keyring: by passphrase
		}
	}
	if f.Key == "" {
		f.Key, f.ID = keptPassphrase, ""
		if err := keyToFile(dir, key, o); err != nil {
			key.Erase()
			return secret.Value{}, err
		}
	}
	text, err := json.Marshal(f)
	if err != nil {
		return secret.Value{}, fmt.Errorf("vault: %w", err)
	}
	return key, writeFile(filepath.Join(dir, formatName), append(text, '\n'))
}

func keyFromKeyring(k Keyring, id string) (secret.Value, error) {
	text, err := k.Get(keyringService, id)
	if err != nil {
		return secret.Value{}, fmt.Errorf("%w: its key is not in the keyring (%v); unlock the keyring of the session in which the vault was made", vault.ErrLocked, err)
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != keySize {
		return secret.Value{}, fmt.Errorf("%w: the keyring's entry is not a vault key", vault.ErrLocked)
	}
	return secret.Own(b), nil
}

func keyFromFile(dir string, o Options) (secret.Value, error) {
	sealed, err := readSmall(filepath.Join(dir, keyName), maxKeyFile)
	if err != nil {
		return secret.Value{}, fmt.Errorf("%w: its key file cannot be read: %v", vault.ErrLocked, err)
	}
	if o.Passphrase == nil {
		return secret.Value{}, fmt.Errorf("%w: it opens with a passphrase", vault.ErrLocked)
	}
	phrase, err := o.Passphrase(false)
	if err != nil {
		return secret.Value{}, err
	}
	identity, err := age.NewScryptIdentity(phrase)
	if err != nil {
		return secret.Value{}, ErrPassphrase
	}
	identity.SetMaxWorkFactor(maxWorkFactor)
	r, err := age.Decrypt(bytes.NewReader(sealed), identity)
	if err != nil {
		return secret.Value{}, ErrPassphrase
	}
	b, err := io.ReadAll(io.LimitReader(r, keySize+1))
	if err != nil || len(b) != keySize {
		return secret.Value{}, fmt.Errorf("%w: its key file", vault.ErrDamaged)
	}
	return secret.Own(b), nil
}

func keyToFile(dir string, key secret.Value, o Options) error {
	if o.Passphrase == nil {
		return ErrNoKeyring
	}
	phrase, err := o.Passphrase(true)
	if err != nil {
		return err
	}
	if utf8.RuneCountInString(phrase) < minPassphrase {
		return ErrWeak
	}
	recipient, err := age.NewScryptRecipient(phrase)
	if err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	if o.WorkFactor > 0 {
		recipient.SetWorkFactor(o.WorkFactor)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipient)
	if err != nil {
		return fmt.Errorf("vault: sealing its key: %w", err)
	}
	if _, err := w.Write(key.Expose()); err != nil {
		return fmt.Errorf("vault: sealing its key: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("vault: sealing its key: %w", err)
	}
	return writeFile(filepath.Join(dir, keyName), sealed.Bytes())
}

// readSmall reads a file of at most most bytes.
func readSmall(path string, most int64) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the vault's own folder
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, errors.New("file is too long")
	}
	return b, nil
}
