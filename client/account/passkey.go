package account

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"conclave/api"
	"conclave/core/account"
	"conclave/core/identity"
	"conclave/core/secret"
)

// A passkey is what the browser told of the last one used here. Its PRF stays in
// memory until it has opened or sealed a backup.
type passkey struct {
	credential []byte
	prf        secret.Value
}

func hashOf(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

// BeginPasskeySignUp returns the options for the browser's
// navigator.credentials.create.
func (a *Account) BeginPasskeySignUp(ctx context.Context, handle, name, invite string) (json.RawMessage, error) {
	handle, err := identity.NormalizeHandle(handle)
	if err != nil {
		return nil, err
	}
	if err := identity.CheckName(name); err != nil {
		return nil, err
	}
	if err := a.free(ctx, handle); err != nil {
		return nil, err
	}
	o, err := a.server.PasskeyRegisterBegin(ctx, &api.PasskeyRegisterBegin{Handle: handle, Invite: invite})
	if err != nil {
		return nil, err
	}
	return a.begun(ctx, o, func(s *state) {
		if s.Keys == nil && s.Fresh == nil {
			s.Handle, s.Name = handle, name
		}
	})
}

// FinishPasskeySignUp takes the browser's answer, without the results of the prf
// extension. These come as prf, with the credential's id; they never leave this
// device. Both are empty where the browser has none.
func (a *Account) FinishPasskeySignUp(ctx context.Context, answer json.RawMessage, credential, prf []byte) (Status, error) {
	return a.finishPasskey(ctx, answer, credential, prf, a.server.PasskeyRegisterFinish)
}

// BeginPasskeySignIn returns the options for navigator.credentials.get.
func (a *Account) BeginPasskeySignIn(ctx context.Context) (json.RawMessage, error) {
	o, err := a.server.PasskeyLoginBegin(ctx)
	if err != nil {
		return nil, err
	}
	return a.begun(ctx, o, func(*state) {})
}

// FinishPasskeySignIn takes the browser's answer, as FinishPasskeySignUp does.
func (a *Account) FinishPasskeySignIn(ctx context.Context, answer json.RawMessage, credential, prf []byte) (Status, error) {
	return a.finishPasskey(ctx, answer, credential, prf, a.server.PasskeyLoginFinish)
}

func (a *Account) begun(ctx context.Context, o *api.PasskeyOptions, change func(*state)) (json.RawMessage, error) {
	err := a.update(ctx, func(s *state) error {
		s.Flow = &flow{ID: o.Flow, Method: "passkey"}
		change(s)
		return nil
	})
	return json.RawMessage(o.Options), err
}

func (a *Account) finishPasskey(ctx context.Context, answer json.RawMessage, credential, prf []byte,
	finish func(context.Context, *api.PasskeyFinish) (*api.SignedIn, error),
) (Status, error) {
	s := a.read()
	if s.Flow == nil || s.Flow.Method != "passkey" {
		return a.status(), &api.HTTPError{Status: 403, Code: api.CodeExpired, Message: "no passkey was asked for here"}
	}
	in, err := finish(ctx, &api.PasskeyFinish{
		Flow: s.Flow.ID, Credential: api.RawJSON(answer), Name: a.cfg.DeviceName, Label: a.cfg.DeviceName,
	})
	if err != nil {
		return a.status(), tries(err, nil)
	}
	if len(prf) > 0 && len(credential) > 0 {
		a.mu.Lock()
		a.prf = &passkey{append([]byte(nil), credential...), secret.New(prf)}
		a.mu.Unlock()
	}
	return a.signedIn(ctx, in, s.Handle, s.Name)
}

// passkeyWrap returns the way into the backup by the passkey that was used here,
// and what the server asks for; ok is false if there is none.
func (a *Account) passkeyWrap(user identity.UserID) (way account.WrapKey, auth []byte, ok bool, err error) {
	a.mu.Lock()
	p := a.prf
	a.mu.Unlock()
	if p == nil {
		return account.WrapKey{}, nil, false, nil
	}
	way, err = account.PasskeyWrap(p.credential, p.prf)
	if err != nil {
		return account.WrapKey{}, nil, false, fmt.Errorf("passkey: %w", err)
	}
	return way, passkeyAuth(user, p.prf), true, nil
}

// passkeyAuth returns what the server asks for before it gives the backup to who
// has a passkey. It says nothing of what opens it.
func passkeyAuth(user identity.UserID, prf secret.Value) []byte {
	b, err := hkdf.Key(sha256.New, prf.Expose(), nil, "Conclave 1.0 passkey auth"+string(user[:]), sha256.Size)
	if err != nil {
		panic("account: internal error: " + err.Error()) // the sizes are constants
	}
	return b
}
