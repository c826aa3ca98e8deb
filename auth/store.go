package auth

import (
	"context"
	"errors"
)

// Errors that a Store returns, wrapped or not.
var (
	// ErrMissing says that there is no such row.
	ErrMissing = errors.New("no such entry")
	// ErrTaken says that a unique value is in use: a handle, its skeleton, or a login's key.
	ErrTaken = errors.New("already in use")
	// ErrOld says that a backup with a greater counter is stored.
	ErrOld = errors.New("a later one is stored")
)

// A Store keeps what must survive a restart. Each method is one transaction and
// durable when it returns. Methods may run at the same time. Times are
// milliseconds since 1970. Byte slices that are returned belong to the caller.
type Store interface {
	// CreateAccount stores an account with its first login, or ErrTaken (the
	// handle, the skeleton or the login's key) and nothing is stored. Empty
	// handles and skeletons are not unique.
	CreateAccount(ctx context.Context, a Account, l Login) error
	// Account returns an account, or ErrMissing.
	Account(ctx context.Context, user [16]byte) (Account, error)
	// SetHandle gives an account that has none its handle, and marks it as
	// claimed; an account with this very handle is only marked. Else, ErrTaken
	// (also if the account has another handle) or ErrMissing.
	SetHandle(ctx context.Context, user [16]byte, handle, skeleton string) error
	// SkeletonTaken reports whether an account has a handle with this skeleton.
	SkeletonTaken(ctx context.Context, skeleton string) (bool, error)
	// DeleteUnclaimed removes accounts that have a handle, are not claimed and were
	// made before a time, with all that belongs to them, and returns their number.
	DeleteUnclaimed(ctx context.Context, before uint64) (int, error)

	// AddLogin stores a further login of an account, or ErrTaken.
	AddLogin(ctx context.Context, l Login) error
	// Login finds a login by kind and key, or ErrMissing.
	Login(ctx context.Context, kind LoginKind, key string) (Login, error)
	// Logins returns the logins of an account, oldest first.
	Logins(ctx context.Context, user [16]byte) ([]Login, error)
	// UpdateLogin replaces Data and Used of a login if its Data is still old, and
	// returns ErrMissing otherwise. (A passkey's counter moves by this.)
	UpdateLogin(ctx context.Context, l Login, old []byte) error
	// DeleteLogin removes a login of an account by kind and key, or ErrMissing.
	DeleteLogin(ctx context.Context, user [16]byte, kind LoginKind, key string) error

	// CreateSession stores a session.
	CreateSession(ctx context.Context, s Session) error
	// Session finds a session by the hash of its token, or ErrMissing. It may
	// return one that has expired.
	Session(ctx context.Context, token [32]byte) (Session, error)
	// SessionAt finds a session by its endpoint, or ErrMissing.
	SessionAt(ctx context.Context, endpoint [16]byte) (Session, error)
	// Sessions returns the sessions of an account, oldest first.
	Sessions(ctx context.Context, user [16]byte) ([]Session, error)
	// TouchSession sets when a session was last used and when it ends.
	TouchSession(ctx context.Context, endpoint [16]byte, seen, expires uint64) error
	// BindSession sets the device of a session, or ErrMissing.
	BindSession(ctx context.Context, endpoint, device [16]byte) error
	// DeleteSession removes a session; none is no error.
	DeleteSession(ctx context.Context, endpoint [16]byte) error
	// DeleteExpired removes sessions that ended before now, and tries whose
	// window ended before now.
	DeleteExpired(ctx context.Context, now uint64) error

	// PutBackup stores the backup of an account in place of the one before, or
	// ErrOld if that has a greater counter.
	PutBackup(ctx context.Context, b Backup) error
	// Backup returns the backup of an account, or ErrMissing.
	Backup(ctx context.Context, user [16]byte) (Backup, error)

	// Try counts one try under a key, before it is made. A window begins with the
	// first try and lasts window ms; in it at most limit tries are counted. It
	// returns how often one was tried in this window including now (limit+1 if
	// this try was refused) and when the window ends.
	Try(ctx context.Context, key string, now, window uint64, limit int) (count int, until uint64, err error)
	// ForgetTries ends the window of a key.
	ForgetTries(ctx context.Context, key string) error
}

// An Account is one person at this server.
type Account struct {
	User     [16]byte // made at random by the server
	Handle   string   // normalised; "" until one is chosen
	Skeleton string   // of the handle
	Claimed  bool     // the directory has a record of this user: the handle is theirs for ever
	Created  uint64
}

// A LoginKind says how a login works.
type LoginKind uint8

// Kinds of logins, and what their key is.
const (
	Password LoginKind = 1 // key: the normalised handle
	Passkey  LoginKind = 2 // key: base64url of the credential id
	OIDC     LoginKind = 3 // key: issuer and subject
	LDAP     LoginKind = 4 // key: provider and the entry's unchanging id
)

// A Login is one way to sign in to an account. Kind and Key are unique together.
type Login struct {
	Kind     LoginKind
	Key      string
	User     [16]byte
	Provider string // of OIDC and LDAP
	Label    string // chosen by the user, or ""
	Data     []byte // the service's own, opaque to the store
	Created  uint64
	Used     uint64
}

// A Session is a signed-in client. The token itself is not stored.
type Session struct {
	Token    [32]byte // SHA-256 of the token; unique
	Endpoint [16]byte // public id; unique
	User     [16]byte
	Device   [16]byte // zero: not bound
	Name     string
	Method   string
	SignedIn uint64
	Seen     uint64
	Expires  uint64
}

// A Backup is the sealed backup of an account.
type Backup struct {
	User    [16]byte
	Counter uint64
	Blob    []byte
	Auths   [][32]byte // SHA-256 of what opens it
	Stored  uint64
}
