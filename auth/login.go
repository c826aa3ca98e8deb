package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"conclave/api"
)

// Methods says how one can sign in here.
func (s *Service) Methods(context.Context, Caller) (*api.AuthMethods, error) {
	m := &api.AuthMethods{
		Registration: string(s.cfg.Registration), Password: !s.cfg.NoPassword, Passkey: s.passkeys != nil,
		OIDC: []api.AuthProvider{}, LDAP: []api.AuthProvider{},
	}
	for _, p := range s.cfg.OIDC {
		m.OIDC = append(m.OIDC, api.AuthProvider{ID: p.ID, Name: p.Name})
	}
	for _, p := range s.cfg.LDAP {
		m.LDAP = append(m.LDAP, api.AuthProvider{ID: p.ID, Name: p.Name})
	}
	return m, nil
}

// loginID names a login towards its owner.
func loginID(l *Login) string {
	sum := sha256.Sum256(append([]byte{byte(l.Kind)}, l.Key...))
	return hex.EncodeToString(sum[:16])
}

// method names how a login signs in, as sessions show it.
func (l *Login) method() string {
	switch l.Kind {
	case Password:
		return methodPassword
	case Passkey:
		return methodPasskey
	case OIDC:
		return "oidc:" + l.Provider
	default:
		return "ldap:" + l.Provider
	}
}

// Logins lists how one can sign in to the caller's account.
func (s *Service) Logins(ctx context.Context, c Caller) (*api.Logins, error) {
	row, err := s.session(ctx, c)
	if err != nil {
		return nil, err
	}
	logins, err := s.cfg.Store.Logins(ctx, row.User)
	if err != nil {
		return nil, fmt.Errorf("reading logins: %w", err)
	}
	list := &api.Logins{Logins: []api.Login{}}
	for i := range logins {
		l := &logins[i]
		list.Logins = append(list.Logins, api.Login{
			ID: loginID(l), Method: l.method(), Label: l.Label, CreatedMS: l.Created, UsedMS: l.Used,
		})
	}
	return list, nil
}

// DeleteLogin removes a way to sign in to the caller's account, but not the last.
// The account's other sessions without keys end.
func (s *Service) DeleteLogin(ctx context.Context, c Caller, id string) (*api.Empty, error) {
	row, err := s.owner(ctx, c)
	if err != nil {
		return nil, err
	}
	logins, err := s.cfg.Store.Logins(ctx, row.User)
	if err != nil {
		return nil, fmt.Errorf("reading logins: %w", err)
	}
	for i := range logins {
		l := &logins[i]
		if loginID(l) != id {
			continue
		}
		if len(logins) == 1 {
			return nil, Refuse(api.CodeLastLogin, "this is the only way to sign in: add another first")
		}
		err := s.cfg.Store.DeleteLogin(ctx, row.User, l.Kind, l.Key)
		if err != nil && !errors.Is(err, ErrMissing) {
			return nil, fmt.Errorf("removing a login: %w", err)
		}
		return &api.Empty{}, s.endUnbound(ctx, row)
	}
	return nil, Refuse(api.CodeNotFound, "the account has no such way to sign in")
}

// member signs in somebody whom an organisation's server named, and makes their
// account the first time.
func (s *Service) member(ctx context.Context, l Login, name string) (*api.SignedIn, error) {
	known, err := s.cfg.Store.Login(ctx, l.Kind, l.Key)
	switch {
	case err == nil:
		if err := s.used(ctx, known, known.Data); err != nil {
			return nil, err
		}
		return s.signIn(ctx, known.User, l.method(), name)
	case !errors.Is(err, ErrMissing):
		return nil, fmt.Errorf("reading a login: %w", err)
	case s.cfg.Registration == Closed:
		return nil, Refuse(api.CodeRegistration, "this server takes no new accounts")
	}
	user := newUser()
	if err := s.createAccount(ctx, user, "", l); err != nil {
		return nil, err
	}
	return s.signIn(ctx, user, l.method(), name)
}
