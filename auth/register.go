package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"conclave/api"
	"conclave/core/identity"
)

// unclaimedLifetime is how long a handle is kept for an account that has not
// published its first record.
const unclaimedLifetime = 24 * time.Hour

// newUser returns the id of a new user. The server makes it, so that nobody
// chooses one that means something.
func newUser() (user [16]byte) {
	_, _ = rand.Read(user[:]) // never fails: crypto/rand
	return user
}

// mayRegister checks what can be known before an account is made.
func (s *Service) mayRegister(ctx context.Context, handle, invite string) error {
	switch s.cfg.Registration {
	case Open:
	case Invite:
		if _, err := s.checkInvite(invite); err != nil {
			return err
		}
	default:
		return Refuse(api.CodeRegistration, "this server takes no new accounts")
	}
	taken, err := s.cfg.Store.SkeletonTaken(ctx, identity.Skeleton(handle))
	if err != nil {
		return fmt.Errorf("looking for a handle: %w", err)
	}
	if taken {
		return Refuse(api.CodeHandleTaken, "the handle, or one that looks like it, is taken")
	}
	return nil
}

// register makes an account with its first login and uses up the invite, which is
// as good as before if no account was made.
func (s *Service) register(ctx context.Context, user [16]byte, handle, invite string, l Login) ([16]byte, error) {
	if s.cfg.Registration != Invite {
		return user, s.createAccount(ctx, user, handle, l)
	}
	key, err := s.useInvite(ctx, invite)
	if err != nil {
		return user, err
	}
	err = s.createAccount(ctx, user, handle, l)
	if err != nil {
		// Also if the client has gone by now.
		err = errors.Join(err, s.cfg.Store.ForgetTries(context.WithoutCancel(ctx), key))
	}
	return user, err
}

// createAccount stores an account; handle is empty for those of organisations,
// which choose one with their first record.
func (s *Service) createAccount(ctx context.Context, user [16]byte, handle string, l Login) error {
	a := Account{User: user, Handle: handle, Created: s.now()}
	if handle != "" {
		a.Skeleton = identity.Skeleton(handle)
	}
	l.User, l.Created, l.Used = user, a.Created, a.Created
	err := s.cfg.Store.CreateAccount(ctx, a, l)
	if errors.Is(err, ErrTaken) {
		return Refuse(api.CodeHandleTaken, "the handle, or one that looks like it, is taken")
	}
	if err != nil {
		return fmt.Errorf("making an account: %w", err)
	}
	return nil
}

// used notes that a login was used, with new data if that changed.
func (s *Service) used(ctx context.Context, l Login, old []byte) error {
	l.Used = s.now()
	return storing(s.cfg.Store.UpdateLogin(ctx, l, old))
}

// Invites: the time that one ends, 16 random bytes, and a MAC over both.
const (
	inviteLifetime = 7 * 24 * time.Hour
	inviteBody     = 8 + 16
)

func (s *Service) inviteMAC(body []byte) []byte {
	mac := hmac.New(sha256.New, s.cfg.Secret[:])
	_, _ = mac.Write([]byte("Conclave 1.0 account invite")) // never fails
	_, _ = mac.Write(body)                                  // never fails
	return mac.Sum(nil)[:16]
}

// Invite makes a code with which one person may register in the next 7 days.
func (s *Service) Invite() api.AccountInvite {
	expires := s.now() + ms(inviteLifetime)
	body := binary.BigEndian.AppendUint64(make([]byte, 0, inviteBody+16), expires)
	random := newUser()
	body = append(body, random[:]...)
	code := append(body, s.inviteMAC(body)...)
	return api.AccountInvite{Code: base64.RawURLEncoding.EncodeToString(code), ExpiresMS: expires}
}

// checkInvite returns the random part of an invite that is still good.
func (s *Service) checkInvite(code string) (random []byte, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(code)
	if err != nil || len(b) != inviteBody+16 || !hmac.Equal(b[inviteBody:], s.inviteMAC(b[:inviteBody])) ||
		binary.BigEndian.Uint64(b) <= s.now() {
		return nil, Refuse(api.CodeRegistration, "this server takes new accounts by invite: ask for a new one")
	}
	return b[8:inviteBody], nil
}

// useInvite uses an invite up and returns the key of tries that says so.
func (s *Service) useInvite(ctx context.Context, code string) (key string, err error) {
	random, err := s.checkInvite(code)
	if err != nil {
		return "", err
	}
	key = "invite:" + base64.RawURLEncoding.EncodeToString(random)
	count, _, err := s.cfg.Store.Try(ctx, key, s.now(), ms(inviteLifetime), 1)
	if err != nil {
		return "", fmt.Errorf("using an invite: %w", err)
	}
	if count > 1 {
		return "", Refuse(api.CodeRegistration, "this invite was used already: ask for a new one")
	}
	return key, nil
}

// NewInvite is [Service.Invite] for a device with keys.
func (s *Service) NewInvite(ctx context.Context, c Caller) (*api.AccountInvite, error) {
	if _, err := s.bound(ctx, c); err != nil {
		return nil, err
	}
	if s.cfg.Registration == Closed {
		return nil, Refuse(api.CodeRegistration, "this server takes no new accounts")
	}
	i := s.Invite()
	return &i, nil
}
