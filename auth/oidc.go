package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"conclave/api"
	"conclave/core/identity"
)

// oidcCallback is the path of the redirect URI.
const oidcCallback = "/api/v1/auth/oidc/callback"

const (
	oidcLifetime = 10 * 60 * 1000 // ms, of a sign-in at an organisation
	oidcTries    = 5              // to give the code that the browser got
)

// How a browser brings the code back.
const (
	returnPage = "page"
	returnCode = "code"
)

// An oidcFlow is a sign-in at an organisation's server that has begun. The client
// that began it has a verifier, and the browser that ends it gets a code: without
// both there is no session. So a link that somebody else sent, or a code that
// somebody saw, is worth nothing alone.
type oidcFlow struct {
	// Constant.
	provider     *oidcProvider
	verifierHash [32]byte
	page         bool
	pkce, nonce  string

	mu    sync.Mutex
	login *Login // who signed in; nil: nobody yet
	code  string
	tries int
}

// An OIDCReturn is the code that the browser gets at the end of a callback, for
// the web client or for its person to type elsewhere.
type OIDCReturn struct {
	Page bool // for the web client
	Code string
}

// OIDCBegin returns where a browser signs in.
func (s *Service) OIDCBegin(ctx context.Context, c Caller, req *api.OIDCBegin) (*api.OIDCFlow, error) {
	if err := s.limits.signIn(c.Address, s.cfg.Now()); err != nil {
		return nil, err
	}
	p := s.oidc[req.Provider]
	if p == nil {
		return nil, Refuse(api.CodeMethodOff, "this server has no such provider")
	}
	if len(req.VerifierHash) != sha256.Size || req.Return != returnPage && req.Return != returnCode {
		return nil, Refuse(api.CodeMalformed, `verifier_hash has 32 bytes, and return is "page" or "code"`)
	}
	config, _, err := p.discover(ctx)
	if err != nil {
		return nil, s.providerFailed(ctx, p.cfg.ID, err)
	}
	f := &oidcFlow{
		provider: p, verifierHash: [32]byte(req.VerifierHash), page: req.Return == returnPage,
		pkce: oauth2.GenerateVerifier(), nonce: randomText(16),
	}
	name, expires, err := s.oidcFlows.begin(f, s.now())
	if err != nil {
		return nil, err
	}
	state, _, err := s.oidcStates.begin(f, s.now())
	if err != nil {
		return nil, err
	}
	to := config.AuthCodeURL(state, oauth2.S256ChallengeOption(f.pkce), oidc.Nonce(f.nonce))
	return &api.OIDCFlow{Flow: name, URL: to, ExpiresMS: expires}, nil
}

// providerFailed refuses because of an organisation's server, and tells the
// administrator why if it could not be reached. What it said beyond that may name
// somebody, and is not logged.
func (s *Service) providerFailed(ctx context.Context, id string, err error) error {
	reason := slog.String("error", "it answered wrongly")
	if errors.Is(err, errUnreachable) {
		reason = slog.Any("error", err)
	}
	s.cfg.Log.WarnContext(ctx, "a sign-in server failed", slog.String("provider", id), reason)
	return Refuse(api.CodeProvider, "the organisation's sign-in server did not answer as it should: try again, or tell the administrator")
}

// OIDCCallback is where the provider sends the browser back to. A state works
// once, so an answer cannot be replayed.
func (s *Service) OIDCCallback(ctx context.Context, c Caller, q url.Values) (*OIDCReturn, error) {
	if err := s.limits.signIn(c.Address, s.cfg.Now()); err != nil {
		return nil, err
	}
	f, err := s.oidcStates.end(q.Get("state"), s.now())
	if err != nil {
		return nil, err
	}
	// RFC 9207, Section 2.4: an answer that says who gave it must say the right one.
	if iss, ok := q["iss"]; ok && (len(iss) != 1 || iss[0] != f.provider.cfg.Issuer) {
		return nil, s.providerFailed(ctx, f.provider.cfg.ID, errToken)
	}
	code := q.Get("code")
	if code == "" || q.Has("error") {
		return nil, Refuse(api.CodeSignInFailed, "the organisation's server did not sign you in: begin again")
	}
	subject, err := f.provider.exchange(ctx, code, f, s.cfg.Now)
	if err != nil {
		if errors.Is(err, errToken) {
			return nil, Refuse(api.CodeSignInFailed, "the organisation's server did not sign you in: begin again")
		}
		return nil, s.providerFailed(ctx, f.provider.cfg.ID, err)
	}
	cfg := &f.provider.cfg
	f.mu.Lock()
	defer f.mu.Unlock()
	f.login = &Login{Kind: OIDC, Key: cfg.Issuer + " " + subject, Provider: cfg.ID}
	if f.page {
		f.code = randomText(16)
		return &OIDCReturn{Page: true, Code: f.code}, nil
	}
	f.code = typedCode()
	return &OIDCReturn{Code: f.code[:4] + "-" + f.code[4:]}, nil
}

// typedCode returns 8 characters that are told apart easily: 40 random bits.
func typedCode() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return base32.NewEncoding("ABCDEFGHJKMNPQRSTVWXYZ0123456789").EncodeToString(b[:])
}

// OIDCFinish gives the session to the client that has the verifier and the code.
func (s *Service) OIDCFinish(ctx context.Context, c Caller, req *api.OIDCFinish) (*api.SignedIn, error) {
	if err := s.limits.signIn(c.Address, s.cfg.Now()); err != nil {
		return nil, err
	}
	if err := identity.CheckName(req.Name); err != nil {
		return nil, Refuse(api.CodeMalformed, "name this device: 1 to 64 bytes that can be seen")
	}
	f, err := s.oidcFlows.peek(req.Flow, s.now())
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(req.Verifier)
	if subtle.ConstantTimeCompare(sum[:], f.verifierHash[:]) != 1 {
		return nil, Refuse(api.CodeExpired, "this sign-in is over: begin again")
	}
	l, left := f.finish(req.Code)
	if l == nil && left > 0 {
		return nil, refuseTries(api.CodeCodeWrong, "this is not the code that the browser shows", left)
	}
	if _, err := s.oidcFlows.end(req.Flow, s.now()); err != nil {
		return nil, err // another request ended it
	}
	if l == nil {
		return nil, refuseTries(api.CodeCodeWrong, "too many wrong codes: begin again", 0)
	}
	return s.member(ctx, *l, req.Name)
}

// finish returns who signed in if code is right, or how many tries are left.
func (f *oidcFlow) finish(code string) (l *Login, left int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.page {
		code = strings.ToUpper(strings.ReplaceAll(code, "-", ""))
	}
	f.tries++
	if f.login != nil && f.tries <= oidcTries && subtle.ConstantTimeCompare([]byte(code), []byte(f.code)) == 1 {
		return f.login, 0
	}
	return nil, max(oidcTries-f.tries, 0)
}
