package account

import (
	"errors"
	"fmt"
)

var (
	// ErrSignedOut says that there is no session, or that it has ended.
	ErrSignedOut = errors.New("account: nobody is signed in here: sign in first")
	// ErrNoKeys says that this device has no keys of the account.
	ErrNoKeys = errors.New("account: this device has no keys yet: add it from another device, use the recovery code, or reset")
	// ErrHasIdentity says that the account has an identity already.
	ErrHasIdentity = errors.New("account: the account has an identity: add this device from another one, or use the recovery code")
	// ErrConfirm says that the two words are not those of the code.
	ErrConfirm = errors.New("account: these are not the words: look at what you wrote down and type them again")
	// ErrOtherAccount says that this device belongs to another account.
	ErrOtherAccount = errors.New("account: this device belongs to another account: use another folder or browser profile")
	// ErrRemoved says that the person removed this device.
	ErrRemoved = errors.New("account: this device was removed from the account: sign in again to add it anew")
	// ErrOtherIdentity says that the directory shows another identity of the account
	// than this device holds the key of: it was reset, by the person on another
	// device or by somebody else. The keys here are kept; see Forget.
	ErrOtherIdentity = errors.New("account: the account has another identity now: if you did not reset it yourself, tell your contacts; if you did, forget the old one on this device and sign in again")
	// ErrRequest says that there is no such request, or no longer.
	ErrRequest = errors.New("account: no such request: list them again; they last ten minutes")
	// ErrCheck says that there is no such comparison, or that it is over.
	ErrCheck = errors.New("account: no such comparison: begin again; they last ten minutes")
	// ErrPaused says that three comparisons with a person failed.
	ErrPaused = errors.New("account: paused for ten minutes after three failed comparisons: meet in person")
	// ErrDiffer says that what two people compared was not the same.
	ErrDiffer = errors.New("account: what you compared was not the same: someone may stand between you")
	// ErrWithheld says that the server refuses the backup to the right code.
	ErrWithheld = errors.New("account: these words are right, and the server does not give out the backup: tell the administrator")
	// ErrSelf says that a handle is one's own.
	ErrSelf = errors.New("account: this is your own handle")
	// ErrInvite says that an invite does not fit the server or who invited.
	ErrInvite = errors.New("account: this invite belongs to another server or person: ask for the link again")
	// ErrProof says that who has a session claims to hold keys that it does not.
	ErrProof = errors.New("account: the proof does not hold: begin again, and tell the administrator if it stays")
)

// A TriesError says that a code, or a password, was wrong, and how often it may
// still be tried. It wraps the cause.
type TriesError struct {
	Left    int    // tries
	RetryMS uint64 // milliseconds until there is another one, if Left is 0
	cause   error
	answer  error
}

// Error implements error.
func (e *TriesError) Error() string {
	if e.Left > 0 {
		return fmt.Sprintf("%v (%d tries left)", e.cause, e.Left)
	}
	return fmt.Sprintf("%v (no tries left; the next one in %d minutes)", e.cause, (e.RetryMS+59_999)/60_000)
}

// Unwrap returns the cause, and the server's answer.
func (e *TriesError) Unwrap() []error { return []error{e.cause, e.answer} }
