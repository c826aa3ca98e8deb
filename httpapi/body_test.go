package httpapi

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestBodyDeadline holds that a long answer is not cut off by the deadline of the
// body before it.
func TestBodyDeadline(t *testing.T) {
	a := newAccountsAPI(t, Config{Accounts: &fakeAccounts{}})
	var set []time.Time
	w := &deadlines{ResponseRecorder: httptest.NewRecorder(), set: &set}
	r := httptest.NewRequest("POST", "/api/v1/auth/password/login", strings.NewReader(`{"name":"x"}`))
	r.Header.Set("Content-Type", "application/json")
	a.ServeHTTP(w, r)
	if w.Code != 200 || len(set) != 2 || set[0].IsZero() || !set[1].IsZero() {
		t.Errorf("%d, deadlines %v: want one while the body is read, and none then", w.Code, set)
	}
}

type deadlines struct {
	*httptest.ResponseRecorder
	set *[]time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	*d.set = append(*d.set, at)
	return nil
}

// TestSlowBody has clients that announce a body and do not send it: no route lets
// them hold their connection for longer than a body may take.
func TestSlowBody(t *testing.T) {
	for _, tt := range []struct{ name, head string }{
		{"no body", "POST /api/v1/auth/password/login HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"},
		{"another type", "POST /api/v1/auth/password/login HTTP/1.1\r\nContent-Type: x\r\nContent-Length: 1000\r\n"},
		{"GET", "GET /api/v1/auth/session HTTP/1.1\r\nContent-Length: 1000\r\n"},
		{"chunks", "GET /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"},
		{"no route", "PUT /nothing HTTP/1.1\r\nContent-Length: 1000\r\n"},
		{"page", "GET / HTTP/1.1\r\nContent-Length: 1000\r\n"},
		{"witness", "POST /witness/add-checkpoint HTTP/1.1\r\nContent-Length: 1000\r\n"},
		{"no WebSocket", "GET /api/v1/connect HTTP/1.1\r\nContent-Length: 1000\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				witness := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
				l := &oneConn{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
				server := &http.Server{Handler: newAccountsAPI(t, Config{Accounts: &fakeAccounts{}, Witness: witness})}
				ended := make(chan error, 1)
				go func() { ended <- server.Serve(l) }()
				client, conn := net.Pipe()
				l.conn <- conn
				begin := time.Now()
				go func() { _, _ = io.WriteString(client, tt.head+"Host: conclave.example\r\n\r\n") }()
				giveUp := time.AfterFunc(time.Hour, func() { _ = client.Close() })
				defer giveUp.Stop()
				_, _ = io.Copy(io.Discard, bufio.NewReader(client))
				if d := time.Since(begin); d > bodyTimeout+time.Second {
					t.Errorf("the connection was held for %v", d)
				}
				_, _ = client.Close(), server.Close()
				if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
					t.Errorf("Serve: %v", err)
				}
			})
		})
	}
}

// oneConn is a listener that one client comes to.
type oneConn struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error   { close(l.closed); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }
