// Package session makes and agrees on the keys of a meeting: the first scheme
// of docs/protocol.md, Sections 1, 2, 3 and 5.
//
// A meeting starts with [GenerateLink]; others come with [ParseLink]. Each
// device makes a [Device] for each time it joins, announces it, and enters with
// [Create] (the first) or [Join]. A [Group] is the state of one epoch. It never
// changes: [Group.Commit] and [Group.Process] return the next one, and a message
// that is refused leaves everything as it was. Media takes its keys through
// [Keys]; chat and state go through [Group.SealData] and [Group.OpenData].
//
// The package does no I/O, has no clock and starts no goroutine. A Group may be
// used concurrently.
package session

import (
	"errors"

	"conclave/core/sframe"
)

type (
	// A SenderIndex numbers a member of a meeting, 0 to 1023.
	SenderIndex = sframe.SenderIndex
	// An Epoch numbers the session keys of a meeting; the first is 1.
	Epoch = sframe.Epoch
)

// version is the protocol version in announcements and epoch headers. It stands
// for all algorithms at once; there is nothing to negotiate.
const version = 1

// MaxMembers is the most members of a meeting: a key id has 10 bits for them.
const MaxMembers = int(sframe.MaxSenderIndex) + 1

var (
	// ErrLinkIncomplete says that a link has no secret or is damaged.
	ErrLinkIncomplete = errors.New("session: link is incomplete")
	// ErrLinkMismatch says that a link's meeting does not follow from its secret.
	ErrLinkMismatch = errors.New("session: link does not fit its secret")

	// ErrMalformed says that a message does not parse or breaks a limit.
	ErrMalformed = errors.New("session: malformed message")
	// ErrVersion says that a message is of another protocol version.
	ErrVersion = errors.New("session: unknown protocol version")
	// ErrMeeting says that a message belongs to another meeting.
	ErrMeeting = errors.New("session: message of another meeting")
	// ErrProof says that the maker of a message did not hold the link, or that
	// the message was changed on its way.
	ErrProof = errors.New("session: proof of the link is wrong")
	// ErrSignature says that a signature is not that of the device named.
	ErrSignature = errors.New("session: signature is wrong")
	// ErrName says that a display name is empty, too long or deceptive.
	ErrName = errors.New("session: unusable name")

	// ErrEpoch says that a message is not for the epoch that comes next.
	ErrEpoch = errors.New("session: message of another epoch")
	// ErrFork says that an authentic epoch continues another history than ours.
	ErrFork = errors.New("session: epoch continues another history")
	// ErrCommitter says that an epoch was made by someone who may not.
	ErrCommitter = errors.New("session: committer is not a member")
	// ErrOwnCommit says that an epoch is one that this device made: it has the
	// Group in its Pending.
	ErrOwnCommit = errors.New("session: own commit")
	// ErrRoster says that a roster is not the one before with members removed
	// and members added, or that it breaks a limit.
	ErrRoster = errors.New("session: invalid roster")
	// ErrGhost says that a device which has left is to be added again. Devices
	// make new keys when they come back, so somebody else is trying.
	ErrGhost = errors.New("session: device has left before")
	// ErrRemoved says that an authentic epoch goes on without this device.
	ErrRemoved = errors.New("session: removed from the meeting")
	// ErrNotMember says that a roster does not hold this device, or that an
	// index is not in the roster.
	ErrNotMember = errors.New("session: not a member")
	// ErrUnknownDevice says that no verified announcement is known for a member.
	// The caller may get it and try again.
	ErrUnknownDevice = errors.New("session: announcement is not known")
	// ErrSealedKey says that the sealed session key does not open.
	ErrSealedKey = errors.New("session: session key does not open")
	// ErrConfirmation says that the session key is not the one that the
	// committer confirmed to everybody.
	ErrConfirmation = errors.New("session: session key is not the confirmed one")
	// ErrFull says that there is no free sender index.
	ErrFull = errors.New("session: meeting is full")
	// ErrSelf says that a device tried to remove itself; it leaves instead.
	ErrSelf = errors.New("session: a committer cannot remove itself")
	// ErrErased says that the secrets of an epoch or of a device were erased.
	ErrErased = errors.New("session: keys were erased")
	// ErrDeviceUsed says that a Device has joined before; make a new one.
	ErrDeviceUsed = errors.New("session: device has joined before")

	// ErrReplay says that a sealed message was delivered before.
	ErrReplay = errors.New("session: message was delivered before")
	// ErrOpen says that a sealed message is not authentic, whatever the cause.
	ErrOpen = errors.New("session: message does not open")
	// ErrMessage says that a message cannot be sealed: its kind is unknown, its
	// text is empty, too long or not text.
	ErrMessage = errors.New("session: unusable message")
)
