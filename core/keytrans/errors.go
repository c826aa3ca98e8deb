package keytrans

import "fmt"

// An Error says that the directory's answer was refused, and why.
type Error struct {
	// ID names the message that a person reads.
	ID string
	// Attack names the attack of the list of malicious servers, as "MS-05".
	Attack string
	// Detail is for the curious and for logs; it holds no secret.
	Detail string
	// Have and Want are the numbers of the message: for rollback the sizes of the
	// log told and known; for witness how many witnesses confirm and how many there
	// are; for frozen and clock the time told and the clock's.
	Have, Want uint64
	// Evidence is what proves the server's fault, if anything does.
	Evidence *Evidence
}

// Sentinels for errors.Is: an Error is one of them if the ID is the same.
var (
	ErrProof          = &Error{ID: "proof"}
	ErrStale          = &Error{ID: "stale"}
	ErrFrozen         = &Error{ID: "frozen"}
	ErrRollback       = &Error{ID: "rollback"}
	ErrWitness        = &Error{ID: "witness"}
	ErrSplit          = &Error{ID: "split"}
	ErrFlipFlop       = &Error{ID: "flipflop"}
	ErrServerIdentity = &Error{ID: "server-identity"}
	ErrHandleMoved    = &Error{ID: "handle-moved"}
	ErrClock          = &Error{ID: "clock"}
	ErrReset          = &Error{ID: "reset"}
	ErrGhostDevice    = &Error{ID: "ghost-device"}
)

// Error returns the id, the attack and the detail.
func (e *Error) Error() string {
	return fmt.Sprintf("keytrans: %s (%s): %s", e.ID, e.Attack, e.Detail)
}

// Is reports whether target is an Error with the same ID.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.ID == e.ID
}

// refuse returns an Error.
func refuse(id *Error, attack, format string, args ...any) *Error {
	return &Error{ID: id.ID, Attack: attack, Detail: fmt.Sprintf(format, args...)}
}
