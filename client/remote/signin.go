package remote

import (
	"context"

	"conclave/api"
)

// AuthMethods asks how one can sign in.
func (s *Server) AuthMethods(ctx context.Context) (*api.AuthMethods, error) {
	return answer[api.AuthMethods](ctx, s, "GET", "/api/v1/auth/methods", false, nil)
}

// PasswordParams asks for the parameters of a handle's password.
func (s *Server) PasswordParams(ctx context.Context, handle string) (*api.PasswordParams, error) {
	return answer[api.PasswordParams](ctx, s, "POST", "/api/v1/auth/password/params", false, &api.PasswordParamsRequest{Handle: handle})
}

// PasswordRegister makes an account.
func (s *Server) PasswordRegister(ctx context.Context, in *api.PasswordRegister) (*api.SignedIn, error) {
	return s.signIn(ctx, "/api/v1/auth/password/register", in)
}

// PasswordLogin signs in.
func (s *Server) PasswordLogin(ctx context.Context, in *api.PasswordLogin) (*api.SignedIn, error) {
	return s.signIn(ctx, "/api/v1/auth/password/login", in)
}

// ChangePassword sets the password of the session's account.
func (s *Server) ChangePassword(ctx context.Context, in *api.PasswordChange) error {
	return s.json(ctx, "PUT", "/api/v1/account/password", true, in, new(api.Empty))
}

// PasskeyRegisterBegin begins to make an account with a passkey, or, with
// neither handle nor invite and with a session, to add one to the account.
func (s *Server) PasskeyRegisterBegin(ctx context.Context, in *api.PasskeyRegisterBegin) (*api.PasskeyOptions, error) {
	return answer[api.PasskeyOptions](ctx, s, "POST", "/api/v1/auth/passkey/register/begin", in.Handle == "", in)
}

// PasskeyRegisterFinish ends what made an account.
func (s *Server) PasskeyRegisterFinish(ctx context.Context, in *api.PasskeyFinish) (*api.SignedIn, error) {
	return s.signIn(ctx, "/api/v1/auth/passkey/register/finish", in)
}

// PasskeyAddFinish ends what added a passkey to the session's account.
func (s *Server) PasskeyAddFinish(ctx context.Context, in *api.PasskeyFinish) error {
	return s.json(ctx, "POST", "/api/v1/auth/passkey/register/finish", true, in, new(api.Empty))
}

// PasskeyLoginBegin begins to sign in with a passkey.
func (s *Server) PasskeyLoginBegin(ctx context.Context) (*api.PasskeyOptions, error) {
	return answer[api.PasskeyOptions](ctx, s, "POST", "/api/v1/auth/passkey/login/begin", false, &api.PasskeyLoginBegin{})
}

// PasskeyLoginFinish signs in.
func (s *Server) PasskeyLoginFinish(ctx context.Context, in *api.PasskeyFinish) (*api.SignedIn, error) {
	return s.signIn(ctx, "/api/v1/auth/passkey/login/finish", in)
}

// OIDCBegin asks where a browser goes to sign in.
func (s *Server) OIDCBegin(ctx context.Context, in *api.OIDCBegin) (*api.OIDCFlow, error) {
	return answer[api.OIDCFlow](ctx, s, "POST", "/api/v1/auth/oidc/begin", false, in)
}

// OIDCFinish signs in with the code that the browser got.
func (s *Server) OIDCFinish(ctx context.Context, in *api.OIDCFinish) (*api.SignedIn, error) {
	return s.signIn(ctx, "/api/v1/auth/oidc/finish", in)
}

// LDAPLogin signs in. The server sees this password.
func (s *Server) LDAPLogin(ctx context.Context, in *api.LDAPLogin) (*api.SignedIn, error) {
	return s.signIn(ctx, "/api/v1/auth/ldap/login", in)
}

// Session returns the session of the token.
func (s *Server) Session(ctx context.Context) (*api.Session, error) {
	return answer[api.Session](ctx, s, "GET", "/api/v1/auth/session", true, nil)
}

// SignOut ends the session of the token.
func (s *Server) SignOut(ctx context.Context) error {
	return s.json(ctx, "DELETE", "/api/v1/auth/session", true, nil, new(api.Empty))
}

func (s *Server) signIn(ctx context.Context, path string, in any) (*api.SignedIn, error) {
	return answer[api.SignedIn](ctx, s, "POST", path, false, in)
}
