package auth

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	providerTimeout = 10 * time.Second // of one request to a provider
	maxProviderBody = 1 << 20          // bytes of one answer of a provider
)

var (
	// errToken says that a provider answered, and that what it says is not a sign-in.
	errToken = errors.New("the provider's answer is no sign-in")
	// errUnreachable says that a server was not reached, or not by TLS.
	errUnreachable = errors.New("not reached")
)

// An oidcProvider is an organisation's OpenID provider. What it publishes about
// itself is read at its first use, so that the server starts without it.
type oidcProvider struct {
	cfg      OIDCConfig
	redirect string
	client   *http.Client

	mu       sync.Mutex
	config   *oauth2.Config
	provider *oidc.Provider
}

func newOIDCProvider(cfg OIDCConfig, public *url.URL) (*oidcProvider, error) {
	issuer, err := url.Parse(cfg.Issuer)
	switch {
	case cfg.ID == "" || cfg.ClientID == "" || err != nil:
		return nil, errors.New("an OpenID provider needs an id, an issuer and a client id")
	case issuer.Scheme != "https" && !isLoopback(issuer.Hostname()):
		return nil, fmt.Errorf("provider %q: its issuer must be reached by https", cfg.ID)
	}
	return &oidcProvider{
		cfg: cfg, redirect: public.Scheme + "://" + public.Host + oidcCallback,
		client: &http.Client{
			Timeout: providerTimeout,
			Transport: boundedTransport{&http.Transport{
				Proxy:           http.ProxyFromEnvironment,
				TLSClientConfig: &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12},
			}},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// boundedTransport cuts answers off that are too long.
type boundedTransport struct{ http.RoundTripper }

func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxProviderBody), resp.Body}
	return resp, nil
}

// discover reads what the provider publishes about itself, once. The issuer there
// must be exactly the one that was configured.
func (p *oidcProvider) discover(ctx context.Context) (*oauth2.Config, *oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.config != nil {
		return p.config, p.provider, nil
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.cfg.Issuer)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: reading what it publishes about itself: %v", errUnreachable, err)
	}
	p.provider = provider
	p.config = &oauth2.Config{
		ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret, RedirectURL: p.redirect,
		Endpoint: provider.Endpoint(), Scopes: append([]string{oidc.ScopeOpenID}, p.cfg.Scopes...),
	}
	return p.config, p.provider, nil
}

// signingAlgs are those of ID tokens: signatures that only the provider can make.
var signingAlgs = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

// exchange turns a code into who signed in: the subject of an ID token for us
// (OpenID Connect Core 1.0, Section 3.1.3.7). Errors about what the provider says
// wrap errToken.
func (p *oidcProvider) exchange(ctx context.Context, code string, f *oidcFlow, now func() time.Time) (string, error) {
	config, provider, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(f.pkce))
	if err != nil {
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError {
			return "", fmt.Errorf("%w: the code was refused", errToken)
		}
		if failed, ok := errors.AsType[*url.Error](err); ok {
			return "", fmt.Errorf("%w: asking for a token: %v", errUnreachable, failed)
		}
		return "", errors.New("asking for a token failed")
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return "", fmt.Errorf("%w: there is no ID token", errToken)
	}
	return p.subject(ctx, provider, raw, f.nonce, now)
}

// subject checks an ID token.
func (p *oidcProvider) subject(ctx context.Context, provider *oidc.Provider, raw, nonce string, now func() time.Time) (string, error) {
	v := provider.VerifierContext(ctx, &oidc.Config{ClientID: p.cfg.ClientID, SupportedSigningAlgs: signingAlgs, Now: now})
	id, err := v.Verify(ctx, raw)
	if err != nil {
		return "", fmt.Errorf("%w: %v", errToken, err)
	}
	var claims struct {
		AuthorizedParty string `json:"azp"`
	}
	if err := id.Claims(&claims); err != nil {
		return "", fmt.Errorf("%w: %v", errToken, err)
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1:
		return "", fmt.Errorf("%w: its nonce is another", errToken)
	case id.Subject == "" || len(id.Subject) > 255:
		return "", fmt.Errorf("%w: it names nobody", errToken)
	case claims.AuthorizedParty != "" && claims.AuthorizedParty != p.cfg.ClientID,
		claims.AuthorizedParty == "" && len(id.Audience) > 1:
		return "", fmt.Errorf("%w: it is for another party", errToken)
	}
	return id.Subject, nil
}
