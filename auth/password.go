package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"conclave/api"
	"conclave/core/identity"
)

const methodPassword = "password"

// PasswordParams returns the parameters of a handle's password. One without a
// password gets some too, always the same, so that nobody learns which it is.
func (s *Service) PasswordParams(ctx context.Context, c Caller, req *api.PasswordParamsRequest) (*api.PasswordParams, error) {
	handle, err := s.passwordHandle(c, req.Handle)
	if err != nil {
		return nil, err
	}
	l, err := s.cfg.Store.Login(ctx, Password, handle)
	if errors.Is(err, ErrMissing) {
		mac := hmac.New(sha256.New, s.cfg.Secret[:])
		_, _ = mac.Write([]byte("Conclave 1.0 salt " + handle)) // never fails
		return &api.PasswordParams{Salt: mac.Sum(nil)[:saltSize], MemoryKiB: minMemoryKiB, Time: minTime, Threads: 1}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a login: %w", err)
	}
	var v verifier
	if err := json.Unmarshal(l.Data, &v); err != nil {
		return nil, fmt.Errorf("reading a verifier: %w", err)
	}
	return &v.Params, nil
}

// passwordHandle counts a request about a password and returns its handle.
func (s *Service) passwordHandle(c Caller, text string) (string, error) {
	if s.cfg.NoPassword {
		return "", Refuse(api.CodeMethodOff, "this server takes no passwords")
	}
	if err := s.limits.signIn(c.Address, s.cfg.Now()); err != nil {
		return "", err
	}
	return normalize(text)
}

func normalize(text string) (string, error) {
	handle, err := identity.NormalizeHandle(text)
	if err != nil {
		return "", Refuse(api.CodeHandleInvalid, "a handle has 2 to 32 letters or digits of one script, with . _ - between them")
	}
	return handle, nil
}

// PasswordRegister makes an account with a password, and signs it in.
func (s *Service) PasswordRegister(ctx context.Context, c Caller, req *api.PasswordRegister) (*api.SignedIn, error) {
	handle, err := s.passwordHandle(c, req.Handle)
	if err != nil {
		return nil, err
	}
	if err := identity.CheckName(req.Name); err != nil {
		return nil, Refuse(api.CodeMalformed, "name this device: 1 to 64 bytes that can be seen")
	}
	if err := s.mayRegister(ctx, handle, req.Invite); err != nil {
		return nil, err
	}
	data, err := s.newVerifier(ctx, req.AuthKey, req.Params)
	if err != nil {
		return nil, err
	}
	user, err := s.register(ctx, newUser(), handle, req.Invite, Login{Kind: Password, Key: handle, Data: data})
	if err != nil {
		return nil, err
	}
	return s.signIn(ctx, user, methodPassword, req.Name)
}

// PasswordLogin signs in with a password. Tries are counted by handle, whether it
// exists or not: whoever guesses can keep its owner from signing in by password
// for as long as they go on, and not from sessions or other ways to sign in.
func (s *Service) PasswordLogin(ctx context.Context, c Caller, req *api.PasswordLogin) (*api.SignedIn, error) {
	handle, err := s.passwordHandle(c, req.Handle)
	if err != nil {
		return nil, err
	}
	if len(req.AuthKey) != authKeySize {
		return nil, Refuse(api.CodeMalformed, "auth_key has 32 bytes")
	}
	key := "password:" + hex.EncodeToString(keyOf(handle))
	left, err := s.try(ctx, key, passwordTries)
	if err != nil {
		return nil, err
	}
	l, err := s.cfg.Store.Login(ctx, Password, handle)
	if err != nil && !errors.Is(err, ErrMissing) {
		return nil, fmt.Errorf("reading a login: %w", err)
	}
	right, err := s.verify(ctx, l.Data, req.AuthKey)
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, refuseTries(api.CodeSignInFailed, "the handle or the password is wrong", left)
	}
	if err := s.cfg.Store.ForgetTries(ctx, key); err != nil {
		return nil, fmt.Errorf("forgetting tries: %w", err)
	}
	if err := s.used(ctx, l, l.Data); err != nil {
		return nil, err
	}
	return s.signIn(ctx, l.User, methodPassword, req.Name)
}

// PasswordChange sets the password of the caller's account, which has a handle. Where
// there was one before, the account's other sessions without keys end.
func (s *Service) PasswordChange(ctx context.Context, c Caller, req *api.PasswordChange) (*api.Empty, error) {
	row, err := s.owner(ctx, c)
	if err != nil {
		return nil, err
	}
	if s.cfg.NoPassword {
		return nil, Refuse(api.CodeMethodOff, "this server takes no passwords")
	}
	a, err := s.cfg.Store.Account(ctx, row.User)
	if err != nil {
		return nil, fmt.Errorf("reading the account: %w", err)
	}
	if a.Handle == "" {
		return nil, Refuse(api.CodeHandleInvalid, "publish a record first: a password belongs to a handle")
	}
	data, err := s.newVerifier(ctx, req.AuthKey, req.Params)
	if err != nil {
		return nil, err
	}
	l, err := s.cfg.Store.Login(ctx, Password, a.Handle)
	switch {
	case errors.Is(err, ErrMissing):
		l = Login{Kind: Password, Key: a.Handle, User: row.User, Data: data, Created: s.now(), Used: s.now()}
		return &api.Empty{}, storing(s.cfg.Store.AddLogin(ctx, l))
	case err != nil:
		return nil, fmt.Errorf("reading a login: %w", err)
	case l.User != row.User:
		return nil, Refuse(api.CodeForbidden, "this handle's password is another account's")
	}
	old := l.Data
	l.Data, l.Used = data, s.now()
	if err := storing(s.cfg.Store.UpdateLogin(ctx, l, old)); err != nil {
		return nil, err
	}
	return &api.Empty{}, s.endUnbound(ctx, row)
}

// keyOf returns what stands for words in a key of tries: always of one size, and
// not to be read.
func keyOf(words ...string) []byte {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return sum[:16]
}

// storing says what failed in a store. Another change at the same time is one to
// try again.
func storing(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrMissing), errors.Is(err, ErrTaken):
		return Refuse(api.CodeBusy, "this was changed at the same time: try again")
	default:
		return fmt.Errorf("storing a login: %w", err)
	}
}
