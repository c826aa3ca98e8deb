package auth

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"conclave/api"
	"conclave/core/identity"
)

const (
	ldapTimeout  = 10 * time.Second // of connecting, and of one operation
	ldapUsername = 128              // bytes
	ldapPassword = 1024             // bytes
)

// errCredentials says that a directory server does not know a name or its password.
var errCredentials = errors.New("wrong name or password")

// An ldapServer is an organisation's LDAP server.
type ldapServer struct {
	cfg  LDAPConfig
	host string // for the certificate
	tls  bool   // from the first byte
}

func newLDAPServer(cfg LDAPConfig) (*ldapServer, error) {
	u, err := url.Parse(cfg.URL)
	switch {
	case cfg.ID == "" || cfg.BaseDN == "" || err != nil || u.Host == "":
		return nil, errors.New("an LDAP server needs an id, a URL and a base DN")
	case u.Scheme != "ldap" && u.Scheme != "ldaps":
		return nil, fmt.Errorf("LDAP server %q: its URL begins with ldap:// or ldaps://", cfg.ID)
	}
	if cfg.Filter == "" {
		cfg.Filter = "(uid=%s)"
	}
	if strings.Count(cfg.Filter, "%s") != 1 || strings.Count(cfg.Filter, "%") != 1 {
		return nil, fmt.Errorf("LDAP server %q: its filter has %%s once, for the name", cfg.ID)
	}
	if cfg.IDAttribute == "" {
		cfg.IDAttribute = "entryUUID"
	}
	return &ldapServer{cfg: cfg, host: u.Hostname(), tls: u.Scheme == "ldaps"}, nil
}

// LDAPLogin signs in with an organisation's name and password.
func (s *Service) LDAPLogin(ctx context.Context, c Caller, req *api.LDAPLogin) (*api.SignedIn, error) {
	if err := s.limits.signIn(c.Address, s.cfg.Now()); err != nil {
		return nil, err
	}
	p := s.ldap[req.Provider]
	if p == nil {
		return nil, Refuse(api.CodeMethodOff, "this server has no such provider")
	}
	if err := identity.CheckName(req.Name); err != nil {
		return nil, Refuse(api.CodeMalformed, "name this device: 1 to 64 bytes that can be seen")
	}
	if err := checkLDAP(req); err != nil {
		return nil, err
	}
	// The name as it was typed: a server may take several forms of it, and counts
	// wrong passwords itself too.
	key := "ldap:" + hex.EncodeToString(keyOf(req.Provider, strings.ToLower(req.Username)))
	left, err := s.try(ctx, key, passwordTries)
	if err != nil {
		return nil, err
	}
	id, err := p.authenticate(ctx, req.Username, req.Password)
	if errors.Is(err, errCredentials) {
		return nil, refuseTries(api.CodeSignInFailed, "the name or the password is wrong", left)
	}
	if err != nil {
		return nil, s.providerFailed(ctx, p.cfg.ID, err)
	}
	if err := s.cfg.Store.ForgetTries(ctx, key); err != nil {
		return nil, fmt.Errorf("forgetting tries: %w", err)
	}
	return s.member(ctx, Login{Kind: LDAP, Key: p.cfg.ID + " " + id, Provider: p.cfg.ID}, req.Name)
}

// checkLDAP refuses what must not reach a server: above all an empty password,
// with which a bind succeeds for anybody (RFC 4513, Section 5.1.2).
func checkLDAP(req *api.LDAPLogin) error {
	switch {
	case req.Username == "" || len(req.Username) > ldapUsername || !utf8.ValidString(req.Username):
		return Refuse(api.CodeMalformed, "username has 1 to 128 bytes")
	case req.Password == "" || len(req.Password) > ldapPassword || strings.ContainsRune(req.Password, 0):
		return Refuse(api.CodeMalformed, "password has 1 to 1024 bytes, none of them zero")
	}
	return nil
}

// authenticate returns the unchanging id of the entry that a name and its
// password belong to. The password is sent over TLS only.
func (p *ldapServer) authenticate(ctx context.Context, name, password string) (string, error) {
	conn, err := p.dial()
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()                         // nothing of ours is lost
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends what it is waiting for
	defer stop()
	entry, err := p.find(conn, name)
	if err != nil {
		return "", err
	}
	id := entry.GetRawAttributeValue(p.cfg.IDAttribute)
	if len(id) == 0 || len(id) > 255 {
		return "", fmt.Errorf("the entry has no %s of 1 to 255 bytes", p.cfg.IDAttribute)
	}
	if err := conn.Bind(entry.DN, password); err != nil {
		if ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
			return "", errCredentials
		}
		return "", fmt.Errorf("binding as the entry: %w", err)
	}
	return hex.EncodeToString(id), nil
}

// dial connects by TLS, or by StartTLS before anything else is said.
func (p *ldapServer) dial() (*ldap.Conn, error) {
	config := &tls.Config{RootCAs: p.cfg.Roots, ServerName: p.host, MinVersion: tls.VersionTLS12}
	options := []ldap.DialOpt{ldap.DialWithDialer(&net.Dialer{Timeout: ldapTimeout})}
	if p.tls {
		options = append(options, ldap.DialWithTLSConfig(config))
	}
	conn, err := ldap.DialURL(p.cfg.URL, options...)
	if err != nil {
		return nil, fmt.Errorf("%w: connecting: %v", errUnreachable, err)
	}
	conn.SetTimeout(ldapTimeout)
	if !p.tls {
		if err := conn.StartTLS(config); err != nil {
			return nil, errors.Join(fmt.Errorf("%w: starting TLS: %v", errUnreachable, err), conn.Close())
		}
	}
	return conn, nil
}

// find searches the one entry that a name means.
func (p *ldapServer) find(conn *ldap.Conn, name string) (*ldap.Entry, error) {
	if p.cfg.BindDN != "" {
		if err := conn.Bind(p.cfg.BindDN, p.cfg.BindPassword); err != nil {
			return nil, fmt.Errorf("binding for the search: %w", err)
		}
	}
	filter := strings.Replace(p.cfg.Filter, "%s", ldap.EscapeFilter(name), 1)
	found, err := conn.Search(ldap.NewSearchRequest(p.cfg.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases,
		2, int(ldapTimeout/time.Second), false, filter, []string{p.cfg.IDAttribute}, nil))
	if ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
		return nil, errCredentials // several people have this name: none of them is meant
	}
	if err != nil {
		return nil, fmt.Errorf("searching: %w", err)
	}
	if len(found.Entries) != 1 {
		return nil, errCredentials
	}
	return found.Entries[0], nil
}
