// Package directory is a client's view of a key directory that it does not
// trust.
//
// A [Client] pins who the server is, asks it for people, and believes an answer
// only with proof (package conclave/core/keytrans). What it accepted it keeps, and
// checks later that the directory still says the same: [Client.Monitor] looks at
// every distinguished epoch for the owner and once for each pinned version of a
// contact, [Client.Gossip] compares checkpoints with other people. What the server
// must not do becomes an [Alarm] that is stored before anything else happens, with
// evidence where there is some.
//
// The package opens no socket and asks no clock but the one it is given; it runs
// in WebAssembly too.
package directory

import (
	"errors"
	"time"

	"conclave/client/remote"
	"conclave/client/vault"
)

var (
	// ErrUnknown says that nobody has the handle or the user, which the directory
	// proved.
	ErrUnknown = errors.New("directory: nobody has this handle here: ask how it is written")
	// ErrPaused says that new contacts are paused: the directory was caught lying.
	// Look at the alarms, and dismiss them to go on.
	ErrPaused = errors.New("directory: new contacts are paused: look at the alarms first")
	// ErrPin says that a pin cannot be used or is of another server than the one that
	// is pinned.
	ErrPin = errors.New("directory: these are not the keys of this server: ask its administrator for a new invite")
	// ErrNotPinned says that nothing is known of a user here. Look them up first.
	ErrNotPinned = errors.New("directory: this person is not among the contacts: look them up first")
	// ErrBlocked says that a contact's identity was reset and not accepted yet.
	ErrBlocked = errors.New("directory: the identity was reset: verify or accept it first")
	// ErrNoOwner says that the client does not know whose device it is.
	ErrNoOwner = errors.New("directory: no own account is set: sign in first")
	// ErrConflict says that another own device published this version first. Read the
	// account again, and publish the change as the next version.
	ErrConflict = errors.New("directory: another of your devices was faster: try again")
	// ErrState says that what the vault holds does not parse. Sign in again on this
	// device.
	ErrState = errors.New("directory: what is stored of the directory is damaged")
	// ErrBusy says that the state changed under each of several tries.
	ErrBusy = errors.New("directory: too many things at once: try again")
)

// A Config is what a [Client] works with.
type Config struct {
	Server *remote.Server
	Store  vault.Store
	// Name keeps the state of several servers in one Store apart: part of a vault
	// key. Empty: "default".
	Name string
	// Pin is what an invite says of the server. With nil, and nothing stored, the
	// server is believed at its first answer.
	Pin *Pin
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}
