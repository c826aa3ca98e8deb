package directory

import (
	"context"
	"fmt"

	"conclave/core/identity"
)

// Message ids of alarms: UI.md section 8 has the words.
const (
	IDOwnIdentity    = "own-identity"
	IDOwnDevice      = "own-device"
	IDServerIdentity = "server-identity"
	IDRefusedOne     = "refused-one"
	IDReset          = "reset"
	IDSplit          = "split"
	IDFlipFlop       = "flipflop"
	IDHandleMoved    = "handle-moved"
	IDRollback       = "rollback"
	IDProof          = "proof"
	IDStale          = "stale"
	IDFrozen         = "frozen"
	IDWitness        = "witness"
	IDClock          = "clock"
	IDGhostDevice    = "ghost-device"
)

// An Alarm is something that a person must know: what the server did and must not
// do, or what happened to an identity.
type Alarm struct {
	Key    string          `json:"key"`    // names this alarm
	ID     string          `json:"id"`     // message id
	Attack string          `json:"attack"` // as "MS-05"
	User   identity.UserID `json:"user"`   // concerned, zero: none
	Handle string          `json:"handle,omitempty"`
	Name   string          `json:"name,omitempty"`   // of the user
	Device string          `json:"device,omitempty"` // name of the device, for own-device
	Time   uint64          `json:"time"`             // first seen, milliseconds since 1970
	Last   uint64          `json:"last"`             // last seen
	Count  int             `json:"count"`
	// Have and Want are the numbers of the message: see keytrans.Error.
	Have   uint64 `json:"have,omitempty"`
	Want   uint64 `json:"want,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Evidence says that there is a document to export.
	Evidence bool `json:"evidence"`
	// Ended is when a passing trouble was over; 0: it is not, or does not pass.
	Ended     uint64 `json:"ended,omitempty"`
	Dismissed bool   `json:"dismissed,omitempty"`
}

// An AlarmError is the error of a call that raised an alarm. errors.As finds the
// *keytrans.Error beneath it, where there is one.
type AlarmError struct {
	Alarm Alarm
	cause error
}

// Error returns the message id and what happened.
func (e *AlarmError) Error() string {
	return fmt.Sprintf("directory: %s (%s): %s", e.Alarm.ID, e.Alarm.Attack, e.Alarm.Detail)
}

// Unwrap returns what was found.
func (e *AlarmError) Unwrap() error { return e.cause }

// Alarms returns all alarms, oldest first, those that are over or dismissed too.
func (c *Client) Alarms() []Alarm { return nil }

// Dismiss says that a person saw an alarm. It stays, with its evidence.
func (c *Client) Dismiss(ctx context.Context, key string) error { return ErrState }

// Raise stores an alarm that somebody else found, such as an old backup; subject
// tells it from others of the same ID and user. Evidence may be nil.
func (c *Client) Raise(ctx context.Context, a Alarm, subject string, evidence []byte) (Alarm, error) {
	return a, ErrState
}

// Evidence returns the document of an alarm, or an error wrapping
// vault.ErrMissing: for conclave audit --evidence.
func (c *Client) Evidence(ctx context.Context, key string) ([]byte, error) { return nil, ErrState }
