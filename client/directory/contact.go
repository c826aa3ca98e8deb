package directory

import (
	"context"

	"conclave/core/identity"
)

// A Level says how a contact's identity key was verified.
type Level string

// The levels, weakest first.
const (
	LevelNone    Level = "none"    // the directory says so; nobody has confirmed it yet
	LevelContact Level = "contact" // and said the same in a later distinguished epoch
	LevelEmoji   Level = "emoji"   // people compared symbols
	LevelQR      Level = "qr"      // one scanned the other's code
	LevelNumber  Level = "number"  // people compared the safety number
)

// A ContactState says whether one may write to a contact.
type ContactState string

// The states.
const (
	StateOK    ContactState = "ok"
	StateReset ContactState = "reset" // blocked until AcceptReset, or until verified again
)

// A Contact is a user as this device knows them, all of it verified. It is a
// copy.
type Contact struct {
	User     identity.UserID
	Handle   string
	Name     string
	Record   *identity.Record
	Encoded  []byte // of Record
	Version  uint32
	Verified Level
	State    ContactState
	// FirstSeen and Seen are when the contact was pinned and last confirmed,
	// milliseconds since 1970 by this device's clock.
	FirstSeen, Seen uint64
	// Changes are what happened to the device list since MarkSeen, oldest first.
	Changes []Change
}

// A Change is one that a contact's newer records made, for a line in the
// conversation.
type Change struct {
	Kind    string          // added, removed, reset or name
	Version uint32          // that made it
	Device  identity.Device // of added and removed; in removed only ID, SignatureKey and Name
	Name    string          // of name: the new one
}

// Contact returns what is known of a user, or nil. It asks nobody.
func (c *Client) Contact(user identity.UserID) *Contact { return nil }

// ContactByHandle returns what is known of a handle, in any writing, or nil.
func (c *Client) ContactByHandle(handle string) *Contact { return nil }

// Contacts returns all contacts but oneself, by handle.
func (c *Client) Contacts() []*Contact { return nil }

// MarkSeen forgets a contact's changes: the person saw them.
func (c *Client) MarkSeen(ctx context.Context, user identity.UserID) error { return ErrState }

// SetVerified records that people verified the identity key of a contact in some
// way, or with LevelNone that they no longer hold it for verified. It unblocks a
// contact that was reset. If the contact has another key by now it is ErrBlocked.
func (c *Client) SetVerified(ctx context.Context, user identity.UserID, level Level, identityKey [32]byte) error {
	return ErrState
}

// AcceptReset lets conversations with a contact go on with the new identity key,
// not verified. If the contact has another key by now it is ErrBlocked.
func (c *Client) AcceptReset(ctx context.Context, user identity.UserID, identityKey [32]byte) error {
	return ErrState
}
