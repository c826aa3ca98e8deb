// Package native keeps a vault in a folder of this machine: one file for each
// key, sealed under a vault key that lies in the keyring of the operating system
// or, where there is none, in a file that a passphrase opens. Nothing is ever
// written that is not sealed.
package native

import (
	"errors"

	"conclave/client/vault"
)

// Store is a vault in a folder. It implements [vault.Store] and may be used
// concurrently; one process at a time has it open.
type Store struct{ vault.Store }

// ErrPassphrase says that the passphrase does not open the vault.
var ErrPassphrase = errors.New("vault: the passphrase does not open it")
