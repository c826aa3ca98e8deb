package api

// Shapes of the account routes, as JSON. Byte strings are base64 with padding,
// ids are 32 hex digits, times milliseconds since 1970, durations milliseconds.
// Every body is one JSON object without fields that are not named here; an
// answer that refuses is an [HTTPError]. Requests with a session carry
// "Authorization: Bearer TOKEN".
//
// A session lets a client use these routes. It never yields keys: a device is
// one of the account only once the signed device list names it.

// Bounds of what clients send.
const (
	MaxAccountBody   = 64 << 10  // bytes of an account request, unless said otherwise
	MaxDeviceRequest = 8 << 10   // bytes of a device request
	MaxMailboxBody   = 4 << 10   // bytes of a message in the mailbox
	MaxBackup        = 256 << 10 // bytes of a backup
	MaxBackupAuths   = 8         // ways to open a backup
	MaxMailboxWaitMS = 25_000    // longest wait of GET /api/v1/mailbox
	SessionFreshMS   = 600_000   // how long a sign-in counts as fresh
)

// A Code says why a request was refused.
type Code string

// Codes of account and directory routes.
const (
	CodeAccountsOff      Code = "accounts-off"      // 404: this server has no accounts
	CodeMalformed        Code = "malformed"         // 400: the body or a parameter does not parse, or has an unknown field
	CodeTooLarge         Code = "too-large"         // 413: the body is over its bound
	CodeMediaType        Code = "media-type"        // 415: the body is of another content type
	CodeNoSession        Code = "no-session"        // 401: no token, or one that has ended
	CodeNotBound         Code = "not-bound"         // 403: needs a session that is bound to a device
	CodeNotFresh         Code = "not-fresh"         // 403: needs a sign-in younger than 10 minutes
	CodeForbidden        Code = "forbidden"         // 403: belongs to somebody else
	CodeNotFound         Code = "not-found"         // 404
	CodeSignInFailed     Code = "sign-in-failed"    // 403: wrong password, passkey or proof; the reason is not told
	CodeTooManyTries     Code = "too-many-tries"    // 403: with tries_left 0 and retry_ms
	CodeSlowDown         Code = "slow-down"         // 429: with retry_ms
	CodeMethodOff        Code = "method-off"        // 404: this way to sign in is not offered
	CodeRegistration     Code = "registration"      // 403: the server takes no new accounts, or only by invite
	CodeHandleTaken      Code = "handle-taken"      // 409: the handle, or one that looks like it, is taken
	CodeHandleInvalid    Code = "handle-invalid"    // 400: not a handle
	CodeExpired          Code = "expired"           // 403: the challenge or flow is over: begin again
	CodeRecordRefused    Code = "record-refused"    // 409: the record does not follow the one before, or is not valid
	CodeBindRefused      Code = "bind-refused"      // 403: no such device in the list, or its signature is wrong
	CodeCodeWrong        Code = "code-wrong"        // 403: with tries_left
	CodeBackupOld        Code = "backup-old"        // 409: the server has a later backup
	CodeMailboxFull      Code = "mailbox-full"      // 429
	CodeProvider         Code = "provider"          // 502: the organisation's sign-in server did not answer, or answered wrongly
	CodeLastLogin        Code = "last-login"        // 409: the only way to sign in cannot be removed
	CodeDirectoryRefused Code = "directory-refused" // 400: the directory cannot answer this request
	CodeBusy             Code = "busy"              // 503: try again
	CodeInternal         Code = "internal"          // 500
)

// An HTTPError is the body of every answer that refuses. Message is for
// developers; what people read is chosen by Code.
type HTTPError struct {
	Status    int    `json:"-"` // of the HTTP answer
	Code      Code   `json:"code"`
	Message   string `json:"message"`
	TriesLeft *int   `json:"tries_left,omitempty"`
	RetryMS   uint64 `json:"retry_ms,omitempty"`
}

// Error implements error.
func (e *HTTPError) Error() string { return string(e.Code) + ": " + e.Message }

// Is reports whether target is an HTTPError with the same code.
func (e *HTTPError) Is(target error) bool {
	t, ok := target.(*HTTPError)
	return ok && t.Code == e.Code
}

// AuthMethods says how one can sign in: GET /api/v1/auth/methods.
type AuthMethods struct {
	Registration string         `json:"registration"` // open, invite or closed
	Password     bool           `json:"password"`
	Passkey      bool           `json:"passkey"`
	OIDC         []AuthProvider `json:"oidc"`
	LDAP         []AuthProvider `json:"ldap"`
}

// An AuthProvider is an organisation's sign-in server.
type AuthProvider struct {
	ID   string `json:"id"`
	Name string `json:"name"` // for people
}

// PasswordParams are the client's Argon2id parameters.
type PasswordParams struct {
	Salt      []byte `json:"salt"` // 16 bytes
	MemoryKiB uint32 `json:"memory_kib"`
	Time      uint32 `json:"time"`
	Threads   uint8  `json:"threads"`
}

// PasswordParamsRequest is the body of POST /api/v1/auth/password/params, answered by
// [PasswordParams]. A handle without a password gets parameters too, always the same.
type PasswordParamsRequest struct {
	Handle string `json:"handle"`
}

// PasswordRegister makes an account: POST /api/v1/auth/password/register,
// answered by [SignedIn]. The client chose Params and made AuthKey (32 bytes)
// from the password.
type PasswordRegister struct {
	Handle  string         `json:"handle"`
	AuthKey []byte         `json:"auth_key"`
	Params  PasswordParams `json:"params"`
	Invite  string         `json:"invite,omitempty"`
	Name    string         `json:"name"` // of the session, "Firefox on Linux"
}

// PasswordLogin is the body of POST /api/v1/auth/password/login, answered by [SignedIn], or by
// code sign-in-failed with tries_left, or too-many-tries with retry_ms.
type PasswordLogin struct {
	Handle  string `json:"handle"`
	AuthKey []byte `json:"auth_key"`
	Name    string `json:"name"`
}

// PasswordChange sets the password of an account: PUT /api/v1/account/password,
// answered by [Empty]. It needs a bound session, or one of an account that has
// no devices yet.
type PasswordChange struct {
	AuthKey []byte         `json:"auth_key"`
	Params  PasswordParams `json:"params"`
}

// PasskeyRegisterBegin is the body of POST /api/v1/auth/passkey/register/begin, answered by
// [PasskeyOptions]. With a session it adds a passkey to the account, and Handle
// and Invite are empty; without one it makes an account.
type PasskeyRegisterBegin struct {
	Handle string `json:"handle,omitempty"`
	Invite string `json:"invite,omitempty"`
}

// PasskeyLoginBegin is the body of POST /api/v1/auth/passkey/login/begin, answered by
// [PasskeyOptions]. The authenticator knows who signs in.
type PasskeyLoginBegin struct{}

// PasskeyOptions go to navigator.credentials as they are:
// PublicKeyCredential.parseCreationOptionsFromJSON or parseRequestOptionsFromJSON
// of options.publicKey. The PRF extension is asked for; its results must not be
// sent back.
type PasskeyOptions struct {
	Flow    string  `json:"flow"` // names the ceremony at its finish
	Options RawJSON `json:"options"`
}

// PasskeyFinish ends a ceremony: POST /api/v1/auth/passkey/{register,login}/finish,
// answered by [SignedIn]; when a passkey was added to an account, Token is empty.
type PasskeyFinish struct {
	Flow       string  `json:"flow"`
	Credential RawJSON `json:"credential"` // PublicKeyCredential.toJSON(), without clientExtensionResults.prf.results
	Label      string  `json:"label,omitempty"`
	Name       string  `json:"name"`
}

// OIDCBegin is the body of POST /api/v1/auth/oidc/begin, answered by [OIDCFlow]. The client
// keeps a random verifier (32 bytes) and sends its SHA-256. Return says how the
// browser brings the code: "page" sends it on to /sign-in#oidc=CODE, "code"
// shows it to the person, who types it.
type OIDCBegin struct {
	Provider     string `json:"provider"`
	VerifierHash []byte `json:"verifier_hash"`
	Return       string `json:"return"`
}

// An OIDCFlow is what a browser goes to.
type OIDCFlow struct {
	Flow      string `json:"flow"`
	URL       string `json:"url"`
	ExpiresMS uint64 `json:"expires_ms"`
}

// OIDCFinish is the body of POST /api/v1/auth/oidc/finish, answered by [SignedIn]. It needs the
// code that the browser got, so that nobody can make another sign in for them by
// sending a link; a wrong one gives code-wrong with tries_left.
type OIDCFinish struct {
	Flow     string `json:"flow"`
	Verifier []byte `json:"verifier"`
	Code     string `json:"code"`
	Name     string `json:"name"`
}

// LDAPLogin is the body of POST /api/v1/auth/ldap/login, answered by [SignedIn]. The server
// sees this password.
type LDAPLogin struct {
	Provider string `json:"provider"`
	Username string `json:"username"`
	Password string `json:"password"`
	Name     string `json:"name"`
}

// SignedIn is a new session.
type SignedIn struct {
	Token   string  `json:"token"` // for Authorization; 43 characters
	Session Session `json:"session"`
}

// A Session as GET /api/v1/auth/session and /api/v1/account/sessions tell it.
type Session struct {
	User       string `json:"user"`
	Endpoint   string `json:"endpoint"`         // public id of the session
	Device     string `json:"device,omitempty"` // empty: no keys, it can read nothing
	Name       string `json:"name"`
	Method     string `json:"method"` // password, passkey, oidc:ID or ldap:ID
	SignedInMS uint64 `json:"signed_in_ms"`
	LastSeenMS uint64 `json:"last_seen_ms"` // to the hour
	ExpiresMS  uint64 `json:"expires_ms"`
	Handle     string `json:"handle,omitempty"` // of the account; empty until one is claimed
	Current    bool   `json:"current,omitempty"`
}

// Sessions of the account: GET /api/v1/account/sessions.
type Sessions struct {
	Sessions []Session `json:"sessions"`
}

// Bind makes the session one of a device: POST /api/v1/account/bind, answered by
// [Session]. Signature is by the device's key over "Conclave 1.0 bind" || endpoint
// (16 bytes), and the user's record must list the device.
type Bind struct {
	Device    string `json:"device"`
	Signature []byte `json:"signature"`
}

// A Login is a way to sign in to the account.
type Login struct {
	ID        string `json:"id"`
	Method    string `json:"method"` // as in Session
	Label     string `json:"label,omitempty"`
	CreatedMS uint64 `json:"created_ms"`
	UsedMS    uint64 `json:"used_ms"`
}

// Logins of the account: GET /api/v1/account/logins. DELETE
// /api/v1/account/logins/{id} removes one; bound sessions only.
type Logins struct {
	Logins []Login `json:"logins"`
}

// AccountInvite lets somebody register once: POST /api/v1/account/invites with an
// [Empty] body; bound sessions only.
type AccountInvite struct {
	Code      string `json:"code"`
	ExpiresMS uint64 `json:"expires_ms"`
}

// RecordAccepted answers POST /api/v1/account/record, whose body is the encoded
// identity record as application/octet-stream.
type RecordAccepted struct {
	Version uint32 `json:"version"`
	Epoch   uint64 `json:"epoch"`
	Size    uint64 `json:"size"` // of the log that has it
	// Published says that a checkpoint covers it already. If not, look it up later.
	Published bool `json:"published"`
}

// DeviceRequestPost is what a device without keys asks the others:
// POST /api/v1/account/requests, answered by [Empty]. The server cannot read it.
// One a session; a later one replaces it. It goes away after 10 minutes.
type DeviceRequestPost struct {
	Body []byte `json:"body"`
}

// A DeviceRequest as the user's devices see it. A session without keys sees its own.
type DeviceRequest struct {
	Endpoint  string `json:"endpoint"` // of the session that asks
	Name      string `json:"name"`     // of that session
	Method    string `json:"method"`
	Body      []byte `json:"body"`
	CreatedMS uint64 `json:"created_ms"`
	ExpiresMS uint64 `json:"expires_ms"`
}

// DeviceRequests answers GET /api/v1/account/requests. DELETE
// /api/v1/account/requests/{endpoint} takes one away.
type DeviceRequests struct {
	Requests []DeviceRequest `json:"requests"`
}

// BackupPut is the body of PUT /api/v1/account/backup, answered by [Empty]; bound sessions only,
// and Counter must not fall. Each of Auths (32 bytes) opens it.
type BackupPut struct {
	Counter uint64   `json:"counter"`
	Blob    []byte   `json:"blob"`
	Auths   [][]byte `json:"auths"`
}

// A Backup answers GET /api/v1/account/backup (bound sessions only) and
// POST /api/v1/account/backup/open.
type Backup struct {
	Counter uint64 `json:"counter"`
	Blob    []byte `json:"blob"`
}

// BackupOpen is the body of POST /api/v1/account/backup/open. A wrong Auth gives code-wrong with
// tries_left; after five in 15 minutes too-many-tries with retry_ms.
type BackupOpen struct {
	Auth []byte `json:"auth"`
}

// MailboxPost is the body of POST /api/v1/mailbox/{to}, answered by [Empty]. To is a user (each of
// its devices gets it) or an endpoint. A session without keys may write to
// endpoints of its own user only.
type MailboxPost struct {
	Body []byte `json:"body"`
}

// A MailboxMessage is opaque to the server. Kind is "message"; the server itself
// says "request" when a device request came and "sign-in" when a session was made
// for the user, with the new session as the sender and no body.
type MailboxMessage struct {
	Seq          uint64 `json:"seq"`
	Kind         string `json:"kind"`
	FromUser     string `json:"from_user"`
	FromEndpoint string `json:"from_endpoint"`
	ToEndpoint   bool   `json:"to_endpoint"` // else to the user
	Body         []byte `json:"body,omitempty"`
	TimeMS       uint64 `json:"time_ms"`
}

// Mailbox answers GET /api/v1/mailbox?after=SEQ&wait_ms=N: messages later than
// after, oldest first, waited for up to wait_ms. Next is what after should be in the
// next call. Messages to the user are for bound sessions only. A message goes away
// after 10 minutes.
type Mailbox struct {
	Messages []MailboxMessage `json:"messages"`
	Next     uint64           `json:"next"`
}

// Empty is an object without fields.
type Empty struct{}

// DirectoryConfig answers GET /api/v1/directory/config. A client that has pinned
// a server's keys must not take them from here.
type DirectoryConfig struct {
	Origin string `json:"origin"`
	LogKey string `json:"log_key"` // note verifier key
	VRFKey []byte `json:"vrf_key"` // 32 bytes
}

// RawJSON is JSON that passes through as it is.
type RawJSON []byte

// MarshalJSON implements json.Marshaler.
func (r RawJSON) MarshalJSON() ([]byte, error) {
	if r == nil {
		return []byte("null"), nil
	}
	return r, nil
}

// UnmarshalJSON implements json.Unmarshaler; it copies b.
func (r *RawJSON) UnmarshalJSON(b []byte) error {
	*r = append(RawJSON(nil), b...)
	return nil
}
