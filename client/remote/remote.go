// Package remote is a client's view of a server's HTTP routes: typed calls over a
// [Doer] that carries requests. It has no socket of its own, so it also runs in
// WebAssembly; package conclave/client/remote/native carries requests with
// net/http, the web client with fetch.
//
// Nothing that a server answers here is believed because it came: identity keys
// and device lists are verified by package conclave/client/directory.
package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"sync/atomic"

	"conclave/api"
)

// Bounds of what a client takes from a server, in bytes.
const (
	MaxAnswer     = 1 << 20  // a JSON answer
	MaxRefusal    = 64 << 10 // the body of an answer that refuses
	MaxCheckpoint = 16 << 10
	MaxProof      = 64 << 10 // a consistency proof
	MaxDirectory  = 20 << 20 // a lookup or monitoring answer: up to 1024 records of 16 KiB, and proofs
	MaxMutations  = 16 << 20
)

var (
	// ErrAnswer says that an answer is not what the protocol allows: a wrong
	// content type, JSON that does not parse, or a status without its code. Ask
	// whether the address is that of a Conclave server, and try again.
	ErrAnswer = errors.New("remote: this is not an answer of a Conclave server")
	// ErrTooLarge says that an answer is longer than the request allows.
	ErrTooLarge = errors.New("remote: the server's answer is too long")
	// ErrUnreachable says that there was no answer at all. A Doer wraps it when
	// the connection failed. Try again later.
	ErrUnreachable = errors.New("remote: the server cannot be reached")
)

// A Request is one HTTP request to the server that a [Doer] knows.
type Request struct {
	Method string            // GET, POST, PUT or DELETE
	Path   string            // begins with "/", escaped, with the query if there is one
	Header map[string]string // canonical names
	Body   []byte
	Limit  int // most bytes of the answer's body
}

// A Response is the answer to a [Request], whatever its status.
type Response struct {
	Status int
	Type   string // value of the Content-Type header
	Body   []byte
}

// A Doer carries requests to one server. It follows no redirects and keeps no
// cookies. It returns an error wrapping [ErrTooLarge] instead of a body over the
// request's Limit, the context's error if that ended, and [ErrUnreachable] if
// there was no answer. Implementations may be used concurrently.
type Doer interface {
	Do(ctx context.Context, r Request) (Response, error)
}

// A Server calls the routes of one server. It may be used concurrently.
//
// Every method returns an *[api.HTTPError] if the server refused, [ErrAnswer] or
// [ErrTooLarge] if it answered wrongly, and otherwise the error of the Doer.
type Server struct {
	doer  Doer
	token atomic.Pointer[string]
}

// New returns a Server without a session.
func New(d Doer) *Server { return &Server{doer: d} }

// SetToken sets the session token that later calls carry; empty: none. Only
// routes that need a session are sent it.
func (s *Server) SetToken(token string) { s.token.Store(&token) }

// SignedIn reports whether there is a token.
func (s *Server) SignedIn() bool {
	t := s.token.Load()
	return t != nil && *t != ""
}

const (
	typeJSON   = "application/json"
	typeBinary = "application/octet-stream"
	typeText   = "text/plain"
)

// call is one request with a body that is JSON or bytes.
type call struct {
	method, path string
	auth         bool   // carries the session token
	kind         string // content type of body
	body         []byte
	want         string // content type of the answer
	limit        int
}

// do sends a call and returns the body of an answer that agrees.
func (s *Server) do(ctx context.Context, c *call) ([]byte, error) {
	header := map[string]string{"Accept": c.want}
	if c.body != nil {
		header["Content-Type"] = c.kind
	}
	if t := s.token.Load(); c.auth && t != nil && *t != "" {
		header["Authorization"] = "Bearer " + *t
	}
	res, err := s.doer.Do(ctx, Request{Method: c.method, Path: c.path, Header: header, Body: c.body, Limit: c.limit})
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if res.Status < 200 || res.Status > 299 {
		return nil, refusal(&res)
	}
	if len(res.Body) > c.limit {
		return nil, ErrTooLarge
	}
	if !isType(res.Type, c.want) {
		return nil, fmt.Errorf("%w: its content type is not %s", ErrAnswer, c.want)
	}
	return res.Body, nil
}

// refusal is the error in an answer that does not agree. A status that comes
// without a code, as from a proxy in between, is [ErrAnswer] or, where it says
// so, busy.
func refusal(res *Response) error {
	e := new(api.HTTPError)
	if len(res.Body) <= MaxRefusal && isType(res.Type, typeJSON) && json.Unmarshal(res.Body, e) == nil && plainCode(e.Code) {
		e.Status = res.Status
		e.Message = printable(e.Message)
		return e
	}
	switch res.Status {
	case 429:
		return &api.HTTPError{Status: res.Status, Code: api.CodeSlowDown, Message: "too many requests"}
	case 502, 503, 504:
		return &api.HTTPError{Status: res.Status, Code: api.CodeBusy, Message: "the server is not ready"}
	default:
		return fmt.Errorf("%w: status %d", ErrAnswer, res.Status)
	}
}

// maxCode and maxMessage are the most bytes of a refusal's texts.
const (
	maxCode    = 64
	maxMessage = 512
)

// plainCode reports whether a code is one that programs may show and log.
func plainCode(c api.Code) bool {
	if c == "" || len(c) > maxCode {
		return false
	}
	for _, b := range []byte(c) {
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '-' {
			return false
		}
	}
	return true
}

// printable drops what could steer a terminal.
func printable(s string) string {
	if len(s) > maxMessage {
		s = s[:maxMessage]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f {
			return -1
		}
		return r
	}, s)
}

func isType(have, want string) bool {
	t, _, err := mime.ParseMediaType(have)
	return err == nil && t == want
}

// json sends in as JSON, nothing if it is nil, and reads the answer into out.
func (s *Server) json(ctx context.Context, method, path string, auth bool, in, out any) error {
	c := &call{method: method, path: path, auth: auth, kind: typeJSON, want: typeJSON, limit: MaxAnswer}
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		c.body = b
	}
	b, err := s.do(ctx, c)
	if err != nil {
		return err
	}
	return decode(b, out)
}

// answer is json with an answer of its own.
func answer[T any](ctx context.Context, s *Server, method, path string, auth bool, in any) (*T, error) {
	out := new(T)
	if err := s.json(ctx, method, path, auth, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

func decode(b []byte, out any) error {
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%w: its JSON does not parse", ErrAnswer)
	}
	return nil
}
