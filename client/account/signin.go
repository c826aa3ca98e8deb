package account

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"conclave/api"
	"conclave/client/directory"
	"conclave/core/account"
	"conclave/core/identity"
)

// saltSize is the size of the salt of a new password, in bytes.
const saltSize = 16

// SignUpPassword makes an account under a password; the session is kept. invite
// is the code that a server with registration by invite asks for. Called again
// with the same handle and password after a crash it goes on with that account.
func (a *Account) SignUpPassword(ctx context.Context, handle, name, password, invite string) (Status, error) {
	handle, err := identity.NormalizeHandle(handle)
	if err != nil {
		return a.status(), err
	}
	if err := identity.CheckName(name); err != nil {
		return a.status(), err
	}
	if err := a.free(ctx, handle); err != nil {
		return a.status(), err
	}
	params := account.PasswordParams{Salt: make([]byte, saltSize), Cost: account.PasswordCost}
	_, _ = rand.Read(params.Salt) // never fails
	split, err := a.split(password, handle, params)
	if err != nil {
		return a.status(), err
	}
	defer split.Erase()
	in, err := a.server.PasswordRegister(ctx, &api.PasswordRegister{
		Handle: handle, AuthKey: split.Auth.Expose(), Invite: invite, Name: a.cfg.DeviceName,
		Params: api.PasswordParams{
			Salt: params.Salt, MemoryKiB: params.Cost.Memory, Time: params.Cost.Time, Threads: params.Cost.Threads,
		},
	})
	if errors.Is(err, &api.HTTPError{Code: api.CodeHandleTaken}) {
		// It may be ours, from before a crash: then the password opens it.
		again, loginErr := a.passwordLogin(ctx, handle, password)
		if loginErr != nil {
			return a.status(), err
		}
		in, err = again, nil
	}
	if err != nil {
		return a.status(), tries(err, nil)
	}
	return a.signedIn(ctx, in, handle, name)
}

// split stretches a password for the account of a handle at the pinned server.
func (a *Account) split(password, handle string, p account.PasswordParams) (*account.PasswordKeys, error) {
	least := account.PasswordCost
	if a.cfg.TestOnlyCheap {
		least = account.Cost{Time: 1, Memory: 64, Threads: 1}
		p.Cost = least
	}
	return account.SplitPassword(password, a.dir.Status().Origin, handle, p, least)
}

// free returns an error if the directory proves that somebody has a handle. It
// also pins who the server is, at first use.
func (a *Account) free(ctx context.Context, handle string) error {
	c, err := a.dir.Lookup(ctx, handle)
	switch {
	case errors.Is(err, directory.ErrUnknown):
		return nil
	case err != nil:
		return err
	case c.User.String() == a.read().User:
		return nil
	default:
		return &api.HTTPError{Status: 409, Code: api.CodeHandleTaken, Message: "the handle is taken"}
	}
}

// SignInPassword signs in to an account with its password.
func (a *Account) SignInPassword(ctx context.Context, handle, password string) (Status, error) {
	handle, err := identity.NormalizeHandle(handle)
	if err != nil {
		return a.status(), err
	}
	if a.dir.Status().Origin == "" {
		// The first answer pins who the server is, which the password is bound to.
		if _, err := a.dir.Lookup(ctx, handle); err != nil && !errors.Is(err, directory.ErrUnknown) {
			return a.status(), err
		}
	}
	in, err := a.passwordLogin(ctx, handle, password)
	if err != nil {
		return a.status(), tries(err, nil)
	}
	return a.signedIn(ctx, in, handle, "")
}

func (a *Account) passwordLogin(ctx context.Context, handle, password string) (*api.SignedIn, error) {
	p, err := a.server.PasswordParams(ctx, handle)
	if err != nil {
		return nil, err
	}
	params := account.PasswordParams{Salt: p.Salt, Cost: account.Cost{Time: p.Time, Memory: p.MemoryKiB, Threads: p.Threads}}
	split, err := a.split(password, handle, params)
	if err != nil {
		return nil, err
	}
	defer split.Erase()
	return a.server.PasswordLogin(ctx, &api.PasswordLogin{Handle: handle, AuthKey: split.Auth.Expose(), Name: a.cfg.DeviceName})
}

// SignInLDAP signs in with a name and password of an organisation, which its
// server and this one see. The first sign-in makes the account.
func (a *Account) SignInLDAP(ctx context.Context, provider, username, password string) (Status, error) {
	in, err := a.server.LDAPLogin(ctx, &api.LDAPLogin{
		Provider: provider, Username: username, Password: password, Name: a.cfg.DeviceName,
	})
	if err != nil {
		return a.status(), tries(err, nil)
	}
	return a.signedIn(ctx, in, "", "")
}

// BeginOIDC returns the address that the person opens in a browser to sign in at
// an identity provider. back says how the browser brings the code: page or code,
// see [api.OIDCBegin].
func (a *Account) BeginOIDC(ctx context.Context, provider, back string) (url string, err error) {
	verifier := make([]byte, 32)
	_, _ = rand.Read(verifier) // never fails
	f, err := a.server.OIDCBegin(ctx, &api.OIDCBegin{Provider: provider, VerifierHash: hashOf(verifier), Return: back})
	if err != nil {
		return "", err
	}
	err = a.update(ctx, func(s *state) error {
		s.Flow = &flow{ID: f.Flow, Method: "oidc", Verifier: verifier}
		return nil
	})
	return f.URL, err
}

// FinishOIDC signs in with the code that the browser got.
func (a *Account) FinishOIDC(ctx context.Context, code string) (Status, error) {
	f := a.read().Flow
	if f == nil || f.Method != "oidc" {
		return a.status(), &api.HTTPError{Status: 403, Code: api.CodeExpired, Message: "no sign-in was begun here"}
	}
	in, err := a.server.OIDCFinish(ctx, &api.OIDCFinish{Flow: f.ID, Verifier: f.Verifier, Code: code, Name: a.cfg.DeviceName})
	if err != nil {
		return a.status(), tries(err, nil)
	}
	return a.signedIn(ctx, in, "", "")
}

// signedIn keeps a new session and finds out what the account has. handle and
// name are what the person typed, where they did.
func (a *Account) signedIn(ctx context.Context, in *api.SignedIn, handle, name string) (Status, error) {
	user, err := identity.ParseUserID(in.Session.User)
	if err != nil {
		return a.status(), err
	}
	if s := a.read(); s.User != "" && s.User != user.String() && (s.Keys != nil || s.Fresh != nil || s.Join != nil) {
		a.server.SetToken(in.Token)
		err := a.server.SignOut(ctx) // a session that nobody will use
		a.server.SetToken(s.Session.Token)
		return a.status(), errors.Join(ErrOtherAccount, err)
	}
	err = a.update(ctx, func(s *state) error {
		if s.User != user.String() {
			*s = state{User: user.String()}
		}
		s.Session = session{Token: in.Token, Endpoint: in.Session.Endpoint, Method: in.Session.Method}
		s.Flow, s.Removed, s.Asked = nil, false, nil
		if handle == "" {
			handle = in.Session.Handle
		}
		if s.Handle == "" {
			s.Handle = handle
		}
		if s.Name == "" {
			s.Name = name
		}
		return nil
	})
	if err != nil {
		return a.status(), err
	}
	if err := a.resume(ctx); err != nil && !errors.Is(err, ErrRemoved) {
		return a.status(), fmt.Errorf("signed in, but the account could not be looked up: %w", err)
	}
	return a.status(), nil
}

// SignOut ends the session. The keys of this device stay in the vault, and a
// later sign-in to the same account goes on with them.
func (a *Account) SignOut(ctx context.Context) error {
	var ended error
	if a.server.SignedIn() {
		ended = a.server.SignOut(ctx)
		if errors.Is(ended, &api.HTTPError{Code: api.CodeNoSession}) {
			ended = nil
		}
	}
	err := a.update(ctx, func(s *state) error {
		s.Session, s.Asked, s.Flow = session{}, nil, nil
		return nil
	})
	return errors.Join(err, ended)
}

// Forget makes this device forget the account: its keys, session and contacts. It
// cannot be undone; another device or the recovery code brings the account back.
func (a *Account) Forget(ctx context.Context) error {
	ended := a.SignOut(ctx)
	user := a.read().User
	keys, err := a.cfg.Vault.Keys(ctx, checkPrefix)
	for _, k := range keys {
		err = errors.Join(err, a.cfg.Vault.Delete(ctx, k))
	}
	err = errors.Join(err, a.update(ctx, func(s *state) error {
		*s = state{}
		return nil
	}))
	if id, parseErr := identity.ParseUserID(user); parseErr == nil {
		if own := a.dir.Own(); own != nil {
			err = errors.Join(err, a.dir.AcceptReset(ctx, id, own.Record.IdentityKey))
		}
	}
	a.mu.Lock()
	a.checks = make(map[string]*Check)
	a.mu.Unlock()
	return errors.Join(err, offlineIsFine(ended))
}

// Sessions lists the account's sign-ins.
func (a *Account) Sessions(ctx context.Context) ([]Session, error) {
	list, err := a.server.Sessions(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Session, len(list))
	for i, s := range list {
		out[i] = Session{
			ID: s.Endpoint, Name: s.Name, Device: s.Device, Method: s.Method,
			Created: s.SignedInMS, Used: s.LastSeenMS, This: s.Current,
		}
	}
	return out, nil
}

// EndSession ends another sign-in of the account.
func (a *Account) EndSession(ctx context.Context, id string) error {
	return a.server.EndSession(ctx, id)
}

// tries makes of a refusal that counts tries a TriesError; cause says it in the
// words of this package, nil: in the server's.
func tries(err, cause error) error {
	e := new(api.HTTPError)
	if !errors.As(err, &e) || e.TriesLeft == nil && e.Code != api.CodeTooManyTries {
		return err
	}
	if cause == nil {
		cause = e
	}
	t := &TriesError{RetryMS: e.RetryMS, cause: cause, answer: e}
	if e.TriesLeft != nil {
		t.Left = *e.TriesLeft
	}
	return t
}
