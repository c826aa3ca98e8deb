package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/netip"
	"strings"

	"conclave/api"
	"conclave/auth"
)

// serve answers a request that has a JSON body of at most limit bytes.
func serve[Req, Resp any](a *API, limit int64, f func(context.Context, auth.Caller, *Req) (*Resp, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		req := new(Req)
		if err := readJSON(w, r, limit, req); err != nil {
			a.refuse(w, r, err)
			return
		}
		resp, err := f(r.Context(), a.caller(r), req)
		a.reply(w, r, resp, err)
	}
}

// handle answers a request that has no body.
func handle[Resp any](a *API, f func(context.Context, auth.Caller) (*Resp, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		resp, err := f(r.Context(), a.caller(r))
		a.reply(w, r, resp, err)
	}
}

// handleID answers a request about the {id} of its path.
func handleID[Resp any](a *API, f func(context.Context, auth.Caller, string) (*Resp, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		resp, err := f(r.Context(), a.caller(r), r.PathValue("id"))
		a.reply(w, r, resp, err)
	}
}

// caller returns who asks.
func (a *API) caller(r *http.Request) auth.Caller {
	c := auth.Caller{Address: a.cfg.ClientAddress(r)}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		c.Token = token
	}
	return c
}

// remoteAddress returns the address of the connection.
func remoteAddress(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr()
}

// readJSON reads a body that is one JSON object of the fields of req.
func readJSON(w http.ResponseWriter, r *http.Request, limit int64, req any) error {
	b, err := readBody(w, r, limit, "application/json")
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(req); err != nil {
		return auth.Refuse(api.CodeMalformed, "the body is not the JSON object that this route takes")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return auth.Refuse(api.CodeMalformed, "something follows the JSON object")
	}
	return nil
}

// readBytes reads a binary body.
func readBytes(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	return readBody(w, r, limit, "application/octet-stream")
}

// readBody reads a body of one content type and at most limit bytes.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, contentType string) ([]byte, error) {
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != contentType {
		return nil, auth.Refuse(api.CodeMediaType, "send the body as "+contentType)
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, auth.Refuse(api.CodeTooLarge, "the body is too large")
	case err != nil:
		return nil, auth.Refuse(api.CodeMalformed, "the body did not arrive")
	}
	return b, nil
}

// reply sends what a method returned.
func (a *API) reply(w http.ResponseWriter, r *http.Request, resp any, err error) {
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	a.writeJSON(w, r, http.StatusOK, resp)
}

// refuse sends an error. What is not meant for clients is logged instead, with the
// pattern of the route, which names nobody.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var e *api.HTTPError
	if !errors.As(err, &e) {
		if r.Context().Err() == nil {
			a.cfg.Log.ErrorContext(r.Context(), "request failed", slog.String("route", r.Pattern), slog.Any("error", err))
		}
		e = auth.Refuse(api.CodeInternal, "the server could not do this: try again")
	}
	if e.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	a.writeJSON(w, r, e.Status, e)
}

func (a *API) writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		a.cfg.Log.ErrorContext(r.Context(), "encoding an answer", slog.String("route", r.Pattern), slog.Any("error", err))
		status, b = http.StatusInternalServerError, []byte(`{"code":"internal","message":"the server could not do this: try again"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that left does not matter
}
