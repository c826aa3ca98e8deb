package remote_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"conclave/api"
	"conclave/client/remote"
)

// A fake answers every request with res or err, and keeps the last request.
type fake struct {
	res  remote.Response
	err  error
	last remote.Request
	then func()
}

func (f *fake) Do(_ context.Context, r remote.Request) (remote.Response, error) {
	f.last = r
	if f.then != nil {
		f.then()
	}
	return f.res, f.err
}

func answer(status int, kind, body string) remote.Response {
	return remote.Response{Status: status, Type: kind, Body: []byte(body)}
}

func TestJSON(t *testing.T) {
	f := &fake{res: answer(200, "application/json; charset=utf-8", `{"user":"u","endpoint":"e","new_field":1}`)}
	s := remote.New(f)
	if s.SignedIn() {
		t.Error("signed in without a token")
	}
	s.SetToken("tok")
	got, err := s.Bind(t.Context(), &api.Bind{Device: "d", Signature: []byte{1, 2}})
	if err != nil || got.User != "u" || got.Endpoint != "e" {
		t.Fatalf("Bind = %+v, %v", got, err)
	}
	r := f.last
	if r.Method != "POST" || r.Path != "/api/v1/account/bind" || string(r.Body) != `{"device":"d","signature":"AQI="}` {
		t.Errorf("request = %s %s %s", r.Method, r.Path, r.Body)
	}
	if r.Header["Authorization"] != "Bearer tok" || r.Header["Content-Type"] != "application/json" || r.Limit != remote.MaxAnswer {
		t.Errorf("header = %v, limit %d", r.Header, r.Limit)
	}
}

// TestPublicCalls checks that the directory is not told who asks.
func TestPublicCalls(t *testing.T) {
	f := &fake{res: answer(200, "application/octet-stream", "\x01\x02")}
	s := remote.New(f)
	s.SetToken("tok")
	b, err := s.Lookup(t.Context(), []byte("question"))
	if err != nil || !bytes.Equal(b, []byte{1, 2}) || string(f.last.Body) != "question" {
		t.Fatalf("Lookup = %x, %v", b, err)
	}
	if _, ok := f.last.Header["Authorization"]; ok || f.last.Header["Content-Type"] != "application/octet-stream" {
		t.Errorf("header = %v", f.last.Header)
	}
	if _, err := s.Consistency(t.Context(), 7, 12); err != nil || f.last.Path != "/api/v1/directory/consistency?from=7&to=12" {
		t.Errorf("Consistency asked %s: %v", f.last.Path, err)
	}
	if f.last.Body != nil || f.last.Header["Content-Type"] != "" {
		t.Errorf("a GET has a body: %v", f.last.Header)
	}
}

func TestRefusals(t *testing.T) {
	three := 3
	for _, c := range []struct {
		name string
		res  remote.Response
		want error
	}{
		{"code", answer(403, "application/json", `{"code":"code-wrong","message":"no","tries_left":3}`), &api.HTTPError{Code: api.CodeCodeWrong}},
		{"proxy is busy", answer(503, "text/html", "<html>"), &api.HTTPError{Code: api.CodeBusy}},
		{"proxy is busy, no type", answer(502, "", ""), &api.HTTPError{Code: api.CodeBusy}},
		{"too many", answer(429, "text/plain", "slow"), &api.HTTPError{Code: api.CodeSlowDown}},
		{"not ours", answer(404, "text/html", "<html>"), remote.ErrAnswer},
		{"redirect", answer(302, "", ""), remote.ErrAnswer},
		{"code is no code", answer(400, "application/json", `{"code":"\u001b[31m","message":"no"}`), remote.ErrAnswer},
		{"no code", answer(400, "application/json", `{"message":"no"}`), remote.ErrAnswer},
		{"long refusal", answer(400, "application/json", `{"code":"x","message":"`+strings.Repeat("m", remote.MaxRefusal)+`"}`), remote.ErrAnswer},
		{"bad JSON", answer(200, "application/json", `{"counter":"x"}`), remote.ErrAnswer},
		{"two values", answer(200, "application/json", `{} {}`), remote.ErrAnswer},
		{"empty", answer(200, "application/json", ``), remote.ErrAnswer},
		{"wrong type", answer(200, "text/html", `{}`), remote.ErrAnswer},
		{"no type", answer(200, "", `{}`), remote.ErrAnswer},
		{"too long", answer(200, "application/json", strings.Repeat(" ", remote.MaxAnswer)+`{}`), remote.ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := remote.New(&fake{res: c.res}).OpenBackup(t.Context(), []byte{1})
			if !errors.Is(err, c.want) || out != nil {
				t.Fatalf("OpenBackup = %v, %v, want %v", out, err, c.want)
			}
			e, ok := errors.AsType[*api.HTTPError](err)
			if ok && e.Status != c.res.Status {
				t.Errorf("status %d, want %d", e.Status, c.res.Status)
			}
			if c.name == "code" && (e.TriesLeft == nil || *e.TriesLeft != three) {
				t.Errorf("tries left %v, want 3", e.TriesLeft)
			}
		})
	}
}

// TestMessages checks that a server cannot write to the terminal of who logs an
// error.
func TestMessages(t *testing.T) {
	f := &fake{res: answer(400, "application/json", `{"code":"malformed","message":"a\u001b[2Jb\nc`+strings.Repeat("x", 1000)+`"}`)}
	err := remote.New(f).SignOut(t.Context())
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 600 {
		t.Errorf("SignOut = %q", err)
	}
}

func TestDoerErrors(t *testing.T) {
	want := errors.New("wires cut")
	if _, err := remote.New(&fake{err: want}).Checkpoint(t.Context()); !errors.Is(err, want) {
		t.Errorf("Checkpoint = %v, want %v", err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f := &fake{res: answer(200, "text/plain; charset=utf-8", "note"), then: cancel}
	if _, err := remote.New(f).Checkpoint(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Checkpoint of a call that was given up = %v", err)
	}
}

func TestPaths(t *testing.T) {
	f := &fake{res: answer(200, "application/json", "{}")}
	s := remote.New(f)
	if err := s.EndSession(t.Context(), "a/../b?c#d"); err != nil || f.last.Path != "/api/v1/account/sessions/a%2F..%2Fb%3Fc%23d" {
		t.Errorf("EndSession asked %s: %v", f.last.Path, err)
	}
	if _, err := s.Mail(t.Context(), 4, time.Hour); err != nil || f.last.Path != "/api/v1/mailbox?after=4&wait_ms=25000" {
		t.Errorf("Mail asked %s: %v", f.last.Path, err)
	}
	if _, err := s.Mail(t.Context(), 0, -time.Second); err != nil || f.last.Path != "/api/v1/mailbox?after=0&wait_ms=0" {
		t.Errorf("Mail asked %s: %v", f.last.Path, err)
	}
}

// TestLists checks that lists come back, as fields that are read after the call.
func TestLists(t *testing.T) {
	f := &fake{res: answer(200, "application/json", `{"sessions":[{"user":"u"}],"logins":[{"id":"i"}],"requests":[{"endpoint":"e"}]}`)}
	s := remote.New(f)
	if l, err := s.Sessions(t.Context()); err != nil || len(l) != 1 || l[0].User != "u" {
		t.Errorf("Sessions = %v, %v", l, err)
	}
	if l, err := s.Logins(t.Context()); err != nil || len(l) != 1 || l[0].ID != "i" {
		t.Errorf("Logins = %v, %v", l, err)
	}
	if l, err := s.DeviceRequests(t.Context()); err != nil || len(l) != 1 || l[0].Endpoint != "e" {
		t.Errorf("DeviceRequests = %v, %v", l, err)
	}
}
