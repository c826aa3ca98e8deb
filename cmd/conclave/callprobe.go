package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"conclave/client/conn"
	"conclave/client/meeting"
	"conclave/core/session"
)

const probeTimeout = 5 * time.Second

// reach finds out early and exactly why the server of a link cannot be reached;
// the meeting itself would only say, later, that the connection is lost. A link
// that must not be followed is an error here too, and nothing is asked.
func reach(ctx context.Context, link string, roots *x509.CertPool) error {
	if _, err := session.ParseLink(link); err != nil {
		return meeting.ErrLink
	}
	u, err := url.Parse(link)
	if err != nil {
		return meeting.ErrLink // err would quote the secret
	}
	if u.Scheme == "http" && u.Hostname() != "localhost" {
		if ip, err := netip.ParseAddr(u.Hostname()); err != nil || !ip.IsLoopback() {
			return conn.ErrPlain
		}
	}
	base := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path[:max(strings.LastIndex(u.Path, "/m/"), 0)]}
	return probe(ctx, base.String(), roots)
}

// probe asks a server whether it is there. Its error says what to do next.
func probe(ctx context.Context, base string, roots *x509.CertPool) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("asking the server: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13},
		DisableKeepAlives: true,
	}}
	response, err := client.Do(request)
	if err != nil {
		return &exitError{exitUnreachable, errors.New(unreachable(request.URL.Host, err))}
	}
	defer func() { _ = response.Body.Close() }() // nothing was read from it
	if response.StatusCode != http.StatusOK {
		return &exitError{exitUnreachable, fmt.Errorf("%s answers, but not as a Conclave server (%s); check the link", request.URL.Host, response.Status)}
	}
	return nil
}

// unreachable says why a server cannot be reached and what to do.
func unreachable(host string, err error) string {
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		expired   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("%s is not known to this network; check the link, or the name service", host)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing answers at %s; is the server running?", host)
	case errors.As(err, &authority):
		return fmt.Sprintf("the certificate of %s is not signed by anyone this system trusts; give its issuer with --roots FILE", host)
	case errors.As(err, &hostname), errors.As(err, &expired):
		return fmt.Sprintf("the certificate of %s does not fit or has expired; tell whoever runs the server", host)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("%s did not answer within %v; check the network and try again", host, probeTimeout)
	}
	return fmt.Sprintf("%s cannot be reached; check the network and try again", host)
}
