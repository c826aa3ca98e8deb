package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"conclave/api"
	"conclave/core/identity"
)

const (
	methodPasskey    = "passkey"
	ceremonyLifetime = 5 * 60 * 1000 // ms
	maxPasskeys      = 16            // of an account
	maxLabel         = 64
)

// prfInput is what authenticators are asked to evaluate their PRF at. It is the
// same for all: which key comes out depends on the passkey.
var prfInput = []byte("Conclave 1.0 passkey backup key")

// A ceremony is a registration (Add or a new account) or a login that has begun.
type ceremony struct {
	data     webauthn.SessionData
	register bool
	user     [16]byte
	handle   string   // of a new account
	invite   string   // of a new account
	endpoint [16]byte // of the session that adds a passkey; zero: a new account
}

// passkeyUser is an account as the library wants it.
type passkeyUser struct {
	id          [16]byte
	handle      string
	credentials []webauthn.Credential
}

func (u *passkeyUser) WebAuthnID() []byte                         { return u.id[:] }
func (u *passkeyUser) WebAuthnName() string                       { return u.handle }
func (u *passkeyUser) WebAuthnDisplayName() string                { return u.handle }
func (u *passkeyUser) WebAuthnCredentials() []webauthn.Credential { return u.credentials }

// mayHavePasskeys reports whether browsers make passkeys for a server: it has a
// name, and is reached by TLS or on the same machine.
func mayHavePasskeys(public *url.URL) bool {
	_, err := netip.ParseAddr(public.Hostname())
	return err != nil && (public.Scheme == "https" || public.Hostname() == "localhost")
}

// newPasskeys returns the relying party of a server, bound to its one origin.
func newPasskeys(public *url.URL) (*webauthn.WebAuthn, error) {
	return webauthn.New(&webauthn.Config{
		RPID:                  public.Hostname(),
		RPDisplayName:         "Conclave",
		RPOrigins:             []string{public.Scheme + "://" + public.Host},
		AttestationPreference: protocol.PreferNoAttestation, // which make it is does not matter, and would tell something
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
	})
}

// passkeys returns the relying party, or a refusal if there is none.
func (s *Service) relyingParty() (*webauthn.WebAuthn, error) {
	if s.passkeys == nil {
		return nil, Refuse(api.CodeMethodOff, "this server takes no passkeys")
	}
	return s.passkeys, nil
}

// PasskeyRegisterBegin begins a new account, or a further passkey of the caller's.
func (s *Service) PasskeyRegisterBegin(ctx context.Context, c Caller, req *api.PasskeyRegisterBegin) (*api.PasskeyOptions, error) {
	rp, err := s.relyingParty()
	if err != nil {
		return nil, err
	}
	flow, user, err := s.registrant(ctx, c, req)
	if err != nil {
		return nil, err
	}
	exclude := make([]protocol.CredentialDescriptor, 0, len(user.credentials))
	for i := range user.credentials {
		exclude = append(exclude, user.credentials[i].Descriptor())
	}
	options, data, err := rp.BeginRegistration(user, webauthn.WithExclusions(exclude),
		webauthn.WithExtensions(webauthn.WithExtensionPRF(protocol.PRFValues{First: prfInput})))
	if err != nil {
		return nil, fmt.Errorf("beginning a passkey: %w", err)
	}
	flow.data = *data
	return s.beginCeremony(flow, options)
}

// registrant returns who makes a passkey.
func (s *Service) registrant(ctx context.Context, c Caller, req *api.PasskeyRegisterBegin) (*ceremony, *passkeyUser, error) {
	if c.Token == "" {
		if err := s.limits.signIn(c.Address, s.cfg.Now()); err != nil {
			return nil, nil, err
		}
		handle, err := normalize(req.Handle)
		if err != nil {
			return nil, nil, err
		}
		if err := s.mayRegister(ctx, handle, req.Invite); err != nil {
			return nil, nil, err
		}
		flow := &ceremony{register: true, user: newUser(), handle: handle, invite: req.Invite}
		return flow, &passkeyUser{id: flow.user, handle: handle}, nil
	}
	row, err := s.owner(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	if req.Handle != "" || req.Invite != "" {
		return nil, nil, Refuse(api.CodeMalformed, "a passkey of an account takes no handle and no invite")
	}
	user, err := s.passkeyUser(ctx, row.User)
	if err != nil {
		return nil, nil, err
	}
	if len(user.credentials) >= maxPasskeys {
		return nil, nil, Refuse(api.CodeForbidden, "this account has 16 passkeys: remove one first")
	}
	return &ceremony{register: true, user: row.User, endpoint: row.Endpoint}, user, nil
}

// passkeyUser reads an account with its passkeys.
func (s *Service) passkeyUser(ctx context.Context, id [16]byte) (*passkeyUser, error) {
	a, err := s.cfg.Store.Account(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading the account: %w", err)
	}
	logins, err := s.cfg.Store.Logins(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading logins: %w", err)
	}
	user := &passkeyUser{id: id, handle: a.Handle}
	if user.handle == "" {
		user.handle = hexID(id)
	}
	for _, l := range logins {
		if l.Kind != Passkey {
			continue
		}
		var cred webauthn.Credential
		if err := json.Unmarshal(l.Data, &cred); err != nil {
			return nil, fmt.Errorf("reading a passkey: %w", err)
		}
		user.credentials = append(user.credentials, cred)
	}
	return user, nil
}

func (s *Service) beginCeremony(flow *ceremony, options any) (*api.PasskeyOptions, error) {
	flow.data.Expires = flow.data.Expires.UTC()
	name, _, err := s.ceremonies.begin(flow, s.now())
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("encoding passkey options: %w", err)
	}
	return &api.PasskeyOptions{Flow: name, Options: b}, nil
}

// endCeremony ends a ceremony of one kind.
func (s *Service) endCeremony(req *api.PasskeyFinish, register bool) (*ceremony, error) {
	if err := identity.CheckName(req.Name); err != nil {
		return nil, Refuse(api.CodeMalformed, "name this device: 1 to 64 bytes that can be seen")
	}
	if len(req.Label) > maxLabel || req.Label != "" && identity.CheckName(req.Label) != nil {
		return nil, Refuse(api.CodeMalformed, "a label has at most 64 bytes that can be seen")
	}
	flow, err := s.ceremonies.end(req.Flow, s.now())
	if err != nil {
		return nil, err
	}
	if flow.register != register {
		return nil, Refuse(api.CodeExpired, "this sign-in is over: begin again")
	}
	return flow, nil
}

// PasskeyRegisterFinish stores the passkey that a ceremony made.
func (s *Service) PasskeyRegisterFinish(ctx context.Context, c Caller, req *api.PasskeyFinish) (*api.SignedIn, error) {
	rp, err := s.relyingParty()
	if err != nil {
		return nil, err
	}
	if flow, err := s.ceremonies.peek(req.Flow, s.now()); err != nil || flow.endpoint == ([16]byte{}) {
		// It is no session's, whatever token comes with it.
		if err := s.limits.signIn(c.Address, s.cfg.Now()); err != nil {
			return nil, err
		}
	}
	flow, err := s.endCeremony(req, true)
	if err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(req.Credential)
	if err != nil {
		return nil, Refuse(api.CodeMalformed, "this is not a new passkey")
	}
	if hasPRFResults(parsed.ClientExtensionResults.PRF) {
		return nil, prfSent()
	}
	cred, err := rp.CreateCredential(&passkeyUser{id: flow.user}, flow.data, parsed)
	if err != nil {
		return nil, Refuse(api.CodeSignInFailed, "the passkey was not accepted")
	}
	data, err := json.Marshal(cred)
	if err != nil {
		return nil, fmt.Errorf("encoding a passkey: %w", err)
	}
	l := Login{Kind: Passkey, Key: passkeyKey(cred.ID), User: flow.user, Label: req.Label, Data: data, Created: s.now(), Used: s.now()}
	if flow.endpoint != ([16]byte{}) {
		return s.addPasskey(ctx, c, flow, l)
	}
	if _, err := s.register(ctx, flow.user, flow.handle, flow.invite, l); err != nil {
		return nil, err
	}
	return s.signIn(ctx, flow.user, methodPasskey, req.Name)
}

// addPasskey stores a further passkey. The session that began must still be there.
func (s *Service) addPasskey(ctx context.Context, c Caller, flow *ceremony, l Login) (*api.SignedIn, error) {
	row, err := s.owner(ctx, c)
	if err != nil {
		return nil, err
	}
	if row.Endpoint != flow.endpoint {
		return nil, Refuse(api.CodeForbidden, "another session began this")
	}
	err = s.cfg.Store.AddLogin(ctx, l)
	if errors.Is(err, ErrTaken) {
		return nil, Refuse(api.CodeSignInFailed, "the passkey is known already")
	}
	if err != nil {
		return nil, fmt.Errorf("storing a passkey: %w", err)
	}
	shown, err := s.show(ctx, row)
	if err != nil {
		return nil, err
	}
	return &api.SignedIn{Session: *shown}, nil
}

func passkeyKey(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }

// hasPRFResults reports whether a client sent what its passkey's PRF gave: it
// opens the backup, and the server must not have it.
func hasPRFResults(prf *protocol.PRFOutputs) bool { return prf != nil && prf.Results != nil }

func prfSent() error {
	return Refuse(api.CodeMalformed, "leave out clientExtensionResults.prf.results: it is a secret of the client")
}

// PasskeyLoginBegin begins a sign-in. It does not say for whom.
func (s *Service) PasskeyLoginBegin(_ context.Context, c Caller, _ *api.PasskeyLoginBegin) (*api.PasskeyOptions, error) {
	rp, err := s.relyingParty()
	if err != nil {
		return nil, err
	}
	if err := s.limits.signIn(c.Address, s.cfg.Now()); err != nil {
		return nil, err
	}
	options, data, err := rp.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired),
		webauthn.WithAssertionExtensions(webauthn.WithExtensionPRF(protocol.PRFValues{First: prfInput})))
	if err != nil {
		return nil, fmt.Errorf("beginning a passkey: %w", err)
	}
	return s.beginCeremony(&ceremony{data: *data}, options)
}

// PasskeyLoginFinish checks a passkey and signs its account in. A passkey whose
// counter did not rise was copied: it is refused, and stays refused.
func (s *Service) PasskeyLoginFinish(ctx context.Context, c Caller, req *api.PasskeyFinish) (*api.SignedIn, error) {
	rp, err := s.relyingParty()
	if err != nil {
		return nil, err
	}
	if err := s.limits.signIn(c.Address, s.cfg.Now()); err != nil {
		return nil, err
	}
	flow, err := s.endCeremony(req, false)
	if err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(req.Credential)
	if err != nil {
		return nil, Refuse(api.CodeMalformed, "this is not an answer of a passkey")
	}
	if hasPRFResults(parsed.ClientExtensionResults.PRF) {
		return nil, prfSent()
	}
	l, err := s.cfg.Store.Login(ctx, Passkey, passkeyKey(parsed.RawID))
	if errors.Is(err, ErrMissing) {
		return nil, passkeyRefused()
	}
	if err != nil {
		return nil, fmt.Errorf("reading a login: %w", err)
	}
	cred, err := assert(rp, flow, parsed, &l)
	if err != nil {
		return nil, err
	}
	old := l.Data
	if l.Data, err = json.Marshal(cred); err != nil {
		return nil, fmt.Errorf("encoding a passkey: %w", err)
	}
	if err := s.used(ctx, l, old); err != nil {
		return nil, err // two at the same time with one counter: one of them is a copy
	}
	if cred.Authenticator.CloneWarning { // now, or once before
		return nil, passkeyRefused()
	}
	return s.signIn(ctx, l.User, methodPasskey, req.Name)
}

func passkeyRefused() error {
	return Refuse(api.CodeSignInFailed, "the passkey was not accepted: use another, or another way to sign in")
}

// assert checks an assertion against the one passkey it names.
func assert(rp *webauthn.WebAuthn, flow *ceremony, parsed *protocol.ParsedCredentialAssertionData, l *Login) (*webauthn.Credential, error) {
	var stored webauthn.Credential
	if err := json.Unmarshal(l.Data, &stored); err != nil {
		return nil, fmt.Errorf("reading a passkey: %w", err)
	}
	owner := func(_, _ []byte) (webauthn.User, error) { // the library compares the user
		return &passkeyUser{id: l.User, credentials: []webauthn.Credential{stored}}, nil
	}
	_, cred, err := rp.ValidatePasskeyLogin(owner, flow.data, parsed)
	if err != nil {
		return nil, passkeyRefused()
	}
	return cred, nil
}
