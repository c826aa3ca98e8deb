package directory

import "errors"

// Errors of a [Directory]. Requests that do not parse are ErrRequest.
var (
	// ErrRequest says that a request is not well formed: 400.
	ErrRequest = errors.New("directory: malformed request")
	// ErrRecord says that a record is not valid by itself: 400.
	ErrRecord = errors.New("directory: invalid identity record")
	// ErrOutdated says that a record does not follow the newest one of its user:
	// look it up, and sign again: 409.
	ErrOutdated = errors.New("directory: the record does not follow the newest one")
	// ErrReset says that a record resets the identity, which needs
	// [Options.AllowReset]: 403.
	ErrReset = errors.New("directory: the record resets the identity")
	// ErrHandle says that the handle, or one that looks like it, is taken: 409.
	ErrHandle = errors.New("directory: the handle is taken")
	// ErrBusy says that too many updates are waiting: 503, try again.
	ErrBusy = errors.New("directory: too many updates are waiting")
	// ErrUnavailable says that the store or the log cannot be written, or that the
	// directory is not running (yet): 503. It is not known whether the update was
	// taken; sending the same record again is right in either case.
	ErrUnavailable = errors.New("directory: cannot be written now")
)

// Errors of [New]: what there is on the disk cannot be served. They say what to do.
var (
	// ErrAhead says that the log has more than the database: the database was
	// restored from a backup. What the log showed must not be taken back.
	ErrAhead = errors.New("directory: the log has what the database lacks: was it restored from a backup? Restore a newer one; what clients and witnesses have seen cannot be taken back")
	// ErrFork says that the log and the database hold different leaves.
	ErrFork = errors.New("directory: the log and the database differ: one of them is another server's or was restored; put back what belongs together")
	// ErrDamaged says that the database contradicts itself.
	ErrDamaged = errors.New("directory: the database is damaged: restore it from a backup that is newer than the log")

	// errBroken says that the files of the log are damaged. They are made again
	// from the database.
	errBroken = errors.New("directory: the log's files are damaged")
)
