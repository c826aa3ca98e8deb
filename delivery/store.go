package delivery

import (
	"context"
	"errors"
	"fmt"
)

// What a [Store] answers. None of them says more than the server knows anyway.
var (
	// ErrGroupUnknown says that there is no such group, or that the device is not
	// in it any more or never was.
	ErrGroupUnknown = errors.New("this device is in no such group")
	// ErrGroupTaken says that another device made a group with this id.
	ErrGroupTaken = errors.New("a group with this id exists")
	// ErrStale says that the epoch is not the group's present one; see [StaleError].
	ErrStale = errors.New("not the present epoch of the group")
	// ErrGone says that rows were asked for that are deleted.
	ErrGone = errors.New("these rows are deleted")
	// ErrMany says that a bound on groups, devices or waiting items is reached.
	ErrMany = errors.New("too many")
)

// A StaleError is [ErrStale] with where the group is.
type StaleError struct{ Epoch, Head uint64 }

// Error implements error.
func (e *StaleError) Error() string {
	return fmt.Sprintf("the group is in epoch %d and its log ends with %d", e.Epoch, e.Head)
}

// Is reports whether target is [ErrStale].
func (e *StaleError) Is(target error) bool { return target == ErrStale }

// A Device is one device of an account.
type Device struct{ User, ID [16]byte }

// A Kind is what a row of a log is; its numbers are those of api.RowKind.
type Kind uint8

// The kinds.
const (
	KindMessage Kind = 1
	KindCommit  Kind = 2
)

// A Row is one message in the log of a group.
type Row struct {
	Seq    uint64 // from 1, without a gap
	Kind   Kind
	Sender [16]byte // device
	// ClientID is the client_message_id: with group and sender the name of the row,
	// for ever.
	ClientID [16]byte
	Epoch    uint64 // in which it was sealed
	Time     uint64 // when it was taken, milliseconds since 1970
	Message  []byte // MLSMessage; empty: deleted by retention
}

// A Sent is where a row is. Of a row that was there before, Seq is that of then;
// Epoch and Head are the group's now.
type Sent struct {
	Seq, Epoch, Head uint64
	Again            bool // it was there before: nothing was stored, nobody is told
}

// An Append is a message to be appended in the present epoch of a group.
type Append struct {
	Group    [16]byte
	Sender   [16]byte // device
	ClientID [16]byte
	Epoch    uint64
	Time     uint64
	Message  []byte
}

// An Added is a device that a commit adds, with its Welcome.
type Added struct {
	Device
	Welcome []byte
}

// A Commit ends an epoch.
type Commit struct {
	Append
	Added   []Added
	Removed [][16]byte // devices; one that is also in Added is added anew
	Tree    []byte     // ratchet_tree for those who are added
}

// A Membership is what a device knows of one of its groups.
type Membership struct {
	Group         [16]byte
	Epoch, Head   uint64
	First         uint64 // oldest row with a message; Head+1: none
	Joined, Acked uint64
	Left          uint64 // last row that the device may read; 0: it is in the group
	Devices       int    // that are in the group now
}

// An InboxKind is what an item of an inbox is.
type InboxKind uint8

// The kinds of items.
const (
	InboxWelcome InboxKind = 1
	InboxRejoin  InboxKind = 2
	InboxRemoved InboxKind = 3
)

// An InboxItem waits for one device.
type InboxItem struct {
	Seq    uint64 // rises, with gaps; set by the store
	Kind   InboxKind
	Device [16]byte // whose inbox
	Group  [16]byte
	Commit uint64 // InboxWelcome, InboxRemoved: row of the commit
	From   Device // InboxRejoin: who asks
	Data   []byte // Welcome, or payload of a Rejoin
	Tree   []byte // InboxWelcome
}

// StoreLimits bound what a store takes.
type StoreLimits struct {
	Devices int // in a group
	Groups  int // of a device
	Inbox   int // items of a device; what is over it is refused
}

// A Store keeps logs, cursors and inboxes. Its methods may be called concurrently,
// by several servers too if the database is shared; each is done as a whole or not at
// all, and durable when it returns. Times are milliseconds since 1970.
type Store interface {
	// CreateGroup makes a group in epoch 0 with head 0 and one device in it. That the
	// device made it before is no error. Errors: [ErrGroupTaken], [ErrMany].
	CreateGroup(ctx context.Context, group [16]byte, by Device, limits StoreLimits) error
	// AppendMessage appends a row. It looks for the row's name first, then at the
	// sender and the epoch. Errors: [ErrGroupUnknown], [StaleError].
	AppendMessage(ctx context.Context, a *Append) (Sent, error)
	// AppendCommit appends a row and moves the group to Epoch+1 in the same step, with
	// who comes and goes, their Welcomes and notes in inboxes. A device that is added
	// begins after the commit. Errors: [ErrGroupUnknown], [StaleError], [ErrMany].
	AppendCommit(ctx context.Context, c *Commit, limits StoreLimits) (Sent, error)

	// Memberships returns all groups that a device may read from, by id.
	Memberships(ctx context.Context, device [16]byte) ([]Membership, error)
	// Membership returns one, or [ErrGroupUnknown].
	Membership(ctx context.Context, group, device [16]byte) (Membership, error)
	// GroupDevices returns the devices that are in a group now, by id.
	GroupDevices(ctx context.Context, group [16]byte) ([]Device, error)
	// Rows returns rows after a number, in order, at least one if there is one, and
	// no more than the bounds. Whether the caller may read them was asked before.
	Rows(ctx context.Context, group [16]byte, after uint64, rows, bytes int) ([]Row, error)

	// Ack moves cursors forward, never back. One of a device that is not in a group is
	// left out, and one beyond the head counts as the head.
	Ack(ctx context.Context, acks []Ack) error
	// PutInbox adds items; one for an inbox that is full is left out.
	PutInbox(ctx context.Context, items []InboxItem, limits StoreLimits) error
	// Inbox returns items after a number, in order, at least one if there is one.
	Inbox(ctx context.Context, device [16]byte, after uint64, items, bytes int) ([]InboxItem, error)
	// AckInbox deletes items up to a number.
	AckInbox(ctx context.Context, device [16]byte, seq uint64) error

	// RemoveDevice takes a device out of all groups, and deletes its inbox. It returns
	// the groups.
	RemoveDevice(ctx context.Context, device [16]byte) ([][16]byte, error)
	// KeepDevices is RemoveDevice for all devices of a user but those.
	KeepDevices(ctx context.Context, user [16]byte, devices [][16]byte) error
	// Sweep empties up to most rows that every device in their group has acknowledged,
	// or that are from before a time, and returns how many. The rows' names stay.
	Sweep(ctx context.Context, before uint64, most int) (int, error)
}

// An Ack says up to where a device has stored the log of a group.
type Ack struct {
	Group, Device [16]byte
	Seq           uint64
}
