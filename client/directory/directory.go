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
	"context"
	"errors"
	"time"

	"conclave/client/remote"
	"conclave/client/vault"
	"conclave/core/identity"
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

// Open returns a Client with the state that the store holds. It asks the server
// nothing. A Pin that differs from the stored one gives [ErrPin] in an *AlarmError
// with the message server-identity.
func Open(ctx context.Context, cfg Config) (*Client, error) { return nil, ErrState }

// A Client is what one device knows of one server's directory. It may be used
// concurrently.
type Client struct{}

// A Status says how things stand with the directory.
type Status struct {
	Origin    string // of the log; empty before anything is pinned
	Invited   bool   // the pin comes from an invite, not from first use
	Head      GossipHead
	Time      uint64 // of the newest epoch seen, milliseconds since 1970
	Witnesses int    // that confirm Head
	Policy    int    // independent witnesses that the pin names
	// Trouble is the message id of what keeps new contacts paused, or empty; Since
	// is since when, Have and Want its numbers, as in [Alarm].
	Trouble    string
	Since      uint64
	Have, Want uint64
	// Behind says that there are epochs not looked at yet: call Monitor again.
	Behind bool
	Open   int // alarms that are neither dismissed nor over
}

// Status returns how things stand.
func (c *Client) Status() Status { return Status{} }

// Lookup asks the directory for a handle, in any writing, and returns who has it
// once everything is verified. Errors: [ErrUnknown] with proof, [ErrPaused], an
// *[AlarmError] if the answer was refused or the contact's state is now reset, and
// errors of package remote.
func (c *Client) Lookup(ctx context.Context, handle string) (*Contact, error) { return nil, ErrState }

// LookupUser is Lookup by user id.
func (c *Client) LookupUser(ctx context.Context, user identity.UserID) (*Contact, error) {
	return nil, ErrState
}

// SetOwn says whose device this is. Monitoring watches that user as its owner
// from then on.
func (c *Client) SetOwn(ctx context.Context, user identity.UserID) error { return ErrState }

// Own returns the own account as the directory has it, nil if there is none.
func (c *Client) Own() *Contact { return nil }

// Publish gives the server the next identity record of the own account and
// verifies that the directory shows exactly that one. If it shows another one,
// the error is an *AlarmError own-identity. After any error Publish may be called
// again with the same record.
func (c *Client) Publish(ctx context.Context, record []byte) (*Contact, error) {
	return nil, ErrState
}

// Monitor checks what the directory said since the last time: of the own account
// in every distinguished epoch, of each contact once after its newest version. It
// returns the alarms that are new. It makes at most a few hundred requests; if
// Status.Behind is set afterwards, there is more to do.
func (c *Client) Monitor(ctx context.Context) ([]Alarm, error) { return nil, ErrState }
