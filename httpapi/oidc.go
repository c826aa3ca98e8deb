package httpapi

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
)

// oidcCallback ends a sign-in at an organisation's server in the browser: it goes
// on to the web client, or shows the code to type elsewhere.
func (a *API) oidcCallback(w http.ResponseWriter, r *http.Request) {
	if !a.ownOrigin(r) {
		a.showCallback(w, http.StatusForbidden, "")
		return
	}
	done, err := a.cfg.Accounts.OIDCCallback(r.Context(), a.caller(r), r.URL.Query())
	switch {
	case err != nil:
		a.showCallback(w, http.StatusForbidden, "")
	case done.Page:
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Location", "/sign-in#oidc="+url.QueryEscape(done.Code)) // not sent to servers: it is a fragment
		w.WriteHeader(http.StatusSeeOther)
	default:
		a.showCallback(w, http.StatusOK, done.Code)
	}
}

// ownOrigin reports whether a request comes from a page of this server, or, as a
// browser that is sent here by another, from none. A script elsewhere names its own.
func (a *API) ownOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && (u.Host == r.Host || slices.Contains(a.cfg.Origins, u.Host))
}

// callbackPage has no script and no style: what may run is in the web client.
var callbackPage = template.Must(template.New("callback").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Sign in to Conclave</title>
{{if .}}<h1>Signed in</h1>
<p>Type this code in the program where you began:</p>
<p><code id="code">{{.}}</code></p>
<p>Tell it to nobody. If you did not begin to sign in, close this page.</p>
{{else}}<h1>Not signed in</h1>
<p>This did not work, or took too long. Close this page, and begin again where you began.</p>
{{end}}`))

func (a *API) showCallback(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = callbackPage.Execute(w, code) // a client that left does not matter
}
