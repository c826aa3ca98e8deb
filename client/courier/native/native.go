// Package native connects a courier to a server with coder/websocket.
package native

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/coder/websocket"

	"conclave/client/courier"
)

// path is where a server takes messages.
const path = "/api/v1/messages"

// ErrAddress says that an address is not one of a server. Use https://host or, on this
// machine only, http://localhost:port.
var ErrAddress = errors.New("courier: not the address of a server: use https://HOST")

// Dial returns a function for courier.Config. server is https://host[:port]; plain HTTP
// is taken for a loopback address only, since the session's token travels over it. conf
// is cloned if it is not nil: roots of a private authority. The version is TLS 1.3 in
// any case.
func Dial(server string, conf *tls.Config) (func(ctx context.Context) (courier.Socket, error), error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" {
		return nil, ErrAddress
	}
	switch {
	case u.Scheme == "https":
		u.Scheme = "wss"
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		u.Scheme = "ws"
	default:
		return nil, ErrAddress
	}
	if conf = conf.Clone(); conf == nil {
		conf = new(tls.Config)
	}
	conf.MinVersion = tls.VersionTLS13
	target := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: path}).String()
	client := &http.Client{
		Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("the server redirects: use its own address")
		},
	}
	return func(ctx context.Context) (courier.Socket, error) { return dial(ctx, target, client) }, nil
}

// isLoopback reports whether host is this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func dial(ctx context.Context, target string, client *http.Client) (courier.Socket, error) {
	ws, _, err := websocket.Dial(ctx, target, &websocket.DialOptions{ //nolint:bodyclose // Dial closes it
		HTTPClient:      client,
		CompressionMode: websocket.CompressionDisabled, // what is sent is ciphertext
	})
	if err != nil {
		return nil, fmt.Errorf("connecting to the server's messages: %w", err)
	}
	ws.SetReadLimit(courier.MaxFrame)
	return &socket{ws}, nil
}

// A socket is a WebSocket.
type socket struct{ ws *websocket.Conn }

// Read implements courier.Socket.
func (s *socket) Read(ctx context.Context) ([]byte, error) {
	kind, b, err := s.ws.Read(ctx)
	if err == nil && kind != websocket.MessageBinary {
		err = errors.New("the server sent text")
	}
	return b, err
}

// Write implements courier.Socket.
func (s *socket) Write(ctx context.Context, b []byte) error {
	return s.ws.Write(ctx, websocket.MessageBinary, b)
}

// Close implements courier.Socket. It does not wait for the other side.
func (s *socket) Close() error { return s.ws.CloseNow() }
