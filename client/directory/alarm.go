package directory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"conclave/core/identity"
)

// Message ids of alarms: what a person reads is chosen by them.
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
	Key    string          // names this alarm
	ID     string          // message id
	Attack string          // of the list of malicious servers, as "MS-05"
	User   identity.UserID // concerned; zero: none
	Handle string          // of the user, or that was asked for
	Name   string          // of the user
	Device string          // name of the device, for own-device
	// DeviceID is the device of own-device, to remove it by.
	DeviceID identity.DeviceID
	Time     uint64 // first seen, milliseconds since 1970 by this device's clock
	Last     uint64 // last seen
	Count    int
	// Have and Want are the numbers of the message: see keytrans.Error. For
	// refused-one Have is since when.
	Have, Want uint64
	Detail     string
	// Evidence says that there is a document to export.
	Evidence bool
	// Ended is when a passing trouble was over; 0: it is not, or does not pass.
	Ended     uint64
	Dismissed bool
}

// An AlarmError is the error of a call that raised an alarm. errors.As finds the
// *keytrans.Error beneath it, where there is one, and what the store said if it
// could not keep the alarm.
type AlarmError struct {
	Alarm Alarm
	cause error
	store error
}

// Error returns the message id, the attack and what happened.
func (e *AlarmError) Error() string {
	return fmt.Sprintf("directory: %s (%s): %s", e.Alarm.ID, e.Alarm.Attack, e.Alarm.Detail)
}

// Unwrap returns what was found, and the error of the store.
func (e *AlarmError) Unwrap() []error {
	var out []error
	for _, err := range []error{e.cause, e.store} {
		if err != nil {
			out = append(out, err)
		}
	}
	return out
}

// Alarms returns all alarms, oldest first, those that are over or dismissed too.
func (c *Client) Alarms() []Alarm {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Alarm, 0, len(c.alarms))
	for _, a := range c.alarms {
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b Alarm) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Key, b.Key))
	})
	return out
}

// Dismiss says that a person saw an alarm. It stays, with its evidence. If it was
// a proven lie that kept new contacts paused, they no longer are. A key that names
// nothing is an error wrapping vault.ErrMissing.
func (c *Client) Dismiss(ctx context.Context, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dismissLocked(ctx, key)
}

// Raise stores an alarm that somebody else found, such as an old backup. Subject
// tells it from others of the same ID and user; evidence is a document that
// [Client.Evidence] returns as it is, or nil.
func (c *Client) Raise(ctx context.Context, a Alarm, subject string, evidence []byte) (Alarm, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.storeAlarm(ctx, a, subject, evidence)
}
