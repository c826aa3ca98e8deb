package directory

import "errors"

// Secrets are the keys of a directory. They are made once: clients pin the public
// halves, and a directory with other keys is another server to them. Lose the file
// and every client must be told by hand; so back it up.
type Secrets struct {
	_ [0]func() // not comparable
}

// ErrSecrets says that a file of secrets cannot be used.
var ErrSecrets = errors.New("directory: the key file cannot be used")

// LoadSecrets reads the keys of the directory with this origin from a file, which
// it makes, mode 0600, if it is missing.
func LoadSecrets(path, origin string) (*Secrets, error) { return nil, ErrSecrets }

// WitnessKey returns the signing key (C2SP signed-note, type 0x04) with which this
// server cosigns the logs of others.
func (s *Secrets) WitnessKey() string { return "" }
