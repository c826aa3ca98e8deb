// Package native carries a client's requests to a server with net/http.
package native

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"conclave/client/remote"
)

// Timeouts of a connection. A whole request ends with its context; an answer may
// take as long as the longest wait for mail.
const (
	dialTimeout      = 15 * time.Second
	handshakeTimeout = 15 * time.Second
	answerTimeout    = 60 * time.Second
	idleTimeout      = 90 * time.Second
	maxHeaderBytes   = 64 << 10
	maxIdle          = 4
)

// ErrAddress says that an address is not one of a server. Use
// https://host or, on this machine only, http://localhost:port.
var ErrAddress = errors.New("native: not the address of a server: use https://HOST")

// A Doer carries requests to one server.
type Doer struct {
	base   string // scheme://host
	client *http.Client
}

var _ remote.Doer = (*Doer)(nil)

// Config is what a Doer needs.
type Config struct {
	// Server is the address, https://host[:port]. Plain HTTP is taken for a
	// loopback address only: sessions and passwords travel over it.
	Server string
	// TLS is cloned if it is not nil: roots of a private authority. The version is
	// TLS 1.3 in any case.
	TLS *tls.Config
}

// New returns a Doer. Errors wrap [ErrAddress].
func New(c Config) (*Doer, error) {
	base, err := parse(c.Server)
	if err != nil {
		return nil, err
	}
	conf := c.TLS.Clone()
	if conf == nil {
		conf = new(tls.Config)
	}
	conf.MinVersion = tls.VersionTLS13
	dialer := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    handshakeTimeout,
		ResponseHeaderTimeout:  answerTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    maxIdle,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ForceAttemptHTTP2:      true,
	}
	return &Doer{base: base, client: &http.Client{
		Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the token is for this server alone
		},
	}}, nil
}

// Base returns the address of the server: scheme, host and port.
func (d *Doer) Base() string { return d.base }

// Close ends the idle connections.
func (d *Doer) Close() { d.client.CloseIdleConnections() }

func parse(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return "", ErrAddress
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && loopback(u.Hostname()):
	default:
		return "", ErrAddress
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Do implements [remote.Doer].
func (d *Doer) Do(ctx context.Context, r remote.Request) (remote.Response, error) {
	if !strings.HasPrefix(r.Path, "/") || strings.HasPrefix(r.Path, "//") {
		return remote.Response{}, ErrAddress
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, d.base+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return remote.Response{}, ErrAddress
	}
	for k, v := range r.Header {
		req.Header.Set(k, v)
	}
	res, err := d.client.Do(req)
	if err != nil {
		return remote.Response{}, unreachable(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, int64(r.Limit)+1))
	if err != nil {
		return remote.Response{}, unreachable(ctx, err)
	}
	if len(body) > r.Limit {
		return remote.Response{}, remote.ErrTooLarge
	}
	return remote.Response{Status: res.StatusCode, Type: res.Header.Get("Content-Type"), Body: body}, nil
}

// unreachable names why there was no answer without naming the address: errors
// are logged and shown.
func unreachable(ctx context.Context, err error) error {
	var unknown *tls.CertificateVerificationError
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: its certificate is not trusted", remote.ErrUnreachable)
	case errors.As(err, &dns):
		return fmt.Errorf("%w: its name is not known", remote.ErrUnreachable)
	default:
		return fmt.Errorf("%w: no connection, or it broke", remote.ErrUnreachable)
	}
}
