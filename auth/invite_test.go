package auth_test

import (
	"context"
	"sync/atomic"
	"testing"

	"conclave/api"
	"conclave/auth"
)

// takenOnce is a store in which somebody else was faster, once.
type takenOnce struct {
	auth.Store
	did atomic.Bool
}

func (s *takenOnce) CreateAccount(ctx context.Context, a auth.Account, l auth.Login) error {
	if !s.did.Swap(true) {
		return auth.ErrTaken
	}
	return s.Store.CreateAccount(ctx, a, l)
}

// TestInviteSurvives holds that an invite is not used up by a registration that
// made no account.
func TestInviteSurvives(t *testing.T) {
	h := newHarness(t, func(c *auth.Config) {
		c.Registration = auth.Invite
		c.Store = &takenOnce{Store: c.Store}
	})
	r := &api.PasswordRegister{Handle: "ada", AuthKey: authKey("x"), Params: clientParams, Name: "x", Invite: h.service.Invite().Code}
	h.refused(api.CodeHandleTaken, "POST", "/api/v1/auth/password/register", "", r)
	r.Handle = "grace"
	call[api.SignedIn](h, "POST", "/api/v1/auth/password/register", "", r)
	r.Handle = "kofi"
	h.refused(api.CodeRegistration, "POST", "/api/v1/auth/password/register", "", r)
}
