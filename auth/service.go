package auth

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"conclave/core/identity"
	"conclave/directory"
)

// A Directory is the key directory as accounts need it; *directory.Directory is one.
type Directory interface {
	// Latest returns the last record accepted for a user, or directory.ErrNotFound.
	Latest(ctx context.Context, user [16]byte) ([]byte, error)
	// Update publishes a record of a user who is signed in.
	Update(ctx context.Context, user [16]byte, record []byte, o directory.Options) (directory.Accepted, error)
}

var _ Directory = (*directory.Directory)(nil)

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
	// Published is called with each record that the directory took, before its
	// publisher is answered; nil: nobody. It may be called with one record again.
	Published func(ctx context.Context, r *identity.Record) error
	Now       func() time.Time
	Log       *slog.Logger
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
	LookupsPerMinute int // directory requests of an address prefix; 1200
	RecordsAtOnce    int // new records of a user, after which RecordsPerHour counts; 60
	RecordsPerHour   int // new records of a user; 20
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
	// Constant after New.
	cfg      Config
	limits   *limits
	slots    chan struct{}      // one token for each password that is being hashed
	hashing  atomic.Int32       // passwords that are, or wait for it
	passkeys *webauthn.WebAuthn // nil: not offered
	oidc     map[string]*oidcProvider
	ldap     map[string]*ldapServer

	// Each guards itself.
	ceremonies *flows[*ceremony]
	oidcFlows  *flows[*oidcFlow] // by the name that the client knows
	oidcStates *flows[*oidcFlow] // by the state that the browser brings
	requests   requests
	mail       *mail
}

// New returns the service, or an error that says what is missing in cfg. The
// caller runs [Service.Run] beside it, and calls [Service.Close] before the HTTP
// server shuts down.
func New(cfg Config) (*Service, error) {
	cfg, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	s := &Service{
		cfg: cfg, limits: newLimits(cfg.Limits), slots: make(chan struct{}, slots),
		oidc: make(map[string]*oidcProvider), ldap: make(map[string]*ldapServer),
		ceremonies: newFlows[*ceremony](ceremonyLifetime),
		oidcFlows:  newFlows[*oidcFlow](oidcLifetime), oidcStates: newFlows[*oidcFlow](oidcLifetime),
		mail: newMail(millis(cfg.Now())),
	}
	if cfg.Public != nil && !cfg.NoPasskey && mayHavePasskeys(cfg.Public) {
		if s.passkeys, err = newPasskeys(cfg.Public); err != nil {
			return nil, fmt.Errorf("passkeys for %s: %w", cfg.Public.Host, err)
		}
	}
	for _, c := range cfg.OIDC {
		if s.oidc[c.ID], err = newOIDCProvider(c, cfg.Public); err != nil {
			return nil, err
		}
	}
	for _, c := range cfg.LDAP {
		if s.ldap[c.ID], err = newLDAPServer(c); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// validate checks cfg and fills in defaults.
func (cfg Config) validate() (Config, error) {
	switch {
	case cfg.Store == nil || cfg.Directory == nil || cfg.Log == nil:
		return cfg, errors.New("store, directory and log are required")
	case cfg.Secret == ([32]byte{}):
		return cfg, errors.New("the secret of accounts is missing: 32 random bytes that stay the same")
	case len(cfg.OIDC) > 0 && cfg.Public == nil:
		return cfg, errors.New("an OpenID provider needs to know where browsers find this server")
	}
	switch cfg.Registration {
	case "":
		cfg.Registration = Open
	case Open, Invite, Closed:
	default:
		return cfg, fmt.Errorf("registration %q: use open, invite or closed", cfg.Registration)
	}
	if cfg.Cost == (Cost{}) {
		cfg.Cost = Cost{MemoryKiB: 19 << 10, Time: 2}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg, nil
}

// sweepInterval is how often what has expired is removed.
const sweepInterval = time.Minute

// Run removes what has expired until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	t := time.NewTicker(sweepInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.WarnContext(ctx, "removing what has expired", slog.Any("error", err))
		}
	}
}

// sweep removes what has expired by now.
func (s *Service) sweep(ctx context.Context) error {
	now := s.now()
	s.ceremonies.expire(now)
	s.oidcFlows.expire(now)
	s.oidcStates.expire(now)
	s.mail.expireAll(now)
	_, err := s.cfg.Store.DeleteUnclaimed(ctx, now-min(now, ms(unclaimedLifetime)))
	return errors.Join(err, s.cfg.Store.DeleteExpired(ctx, now))
}

// Close ends all waiting polls at once, and those that come later.
func (s *Service) Close() { s.mail.close() }
