package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"conclave/api"
	"conclave/auth"
)

// Accounts is what the account routes call, one method each; *auth.Service is one.
// Errors that are no *api.HTTPError are logged and answered with code internal.
type Accounts interface {
	Methods(ctx context.Context, c auth.Caller) (*api.AuthMethods, error)
	PasswordParams(ctx context.Context, c auth.Caller, req *api.PasswordParamsRequest) (*api.PasswordParams, error)
	PasswordRegister(ctx context.Context, c auth.Caller, req *api.PasswordRegister) (*api.SignedIn, error)
	PasswordLogin(ctx context.Context, c auth.Caller, req *api.PasswordLogin) (*api.SignedIn, error)
	PasswordChange(ctx context.Context, c auth.Caller, req *api.PasswordChange) (*api.Empty, error)
	PasskeyRegisterBegin(ctx context.Context, c auth.Caller, req *api.PasskeyRegisterBegin) (*api.PasskeyOptions, error)
	PasskeyRegisterFinish(ctx context.Context, c auth.Caller, req *api.PasskeyFinish) (*api.SignedIn, error)
	PasskeyLoginBegin(ctx context.Context, c auth.Caller, req *api.PasskeyLoginBegin) (*api.PasskeyOptions, error)
	PasskeyLoginFinish(ctx context.Context, c auth.Caller, req *api.PasskeyFinish) (*api.SignedIn, error)
	OIDCBegin(ctx context.Context, c auth.Caller, req *api.OIDCBegin) (*api.OIDCFlow, error)
	OIDCCallback(ctx context.Context, c auth.Caller, q url.Values) (*auth.OIDCReturn, error)
	OIDCFinish(ctx context.Context, c auth.Caller, req *api.OIDCFinish) (*api.SignedIn, error)
	LDAPLogin(ctx context.Context, c auth.Caller, req *api.LDAPLogin) (*api.SignedIn, error)

	SessionInfo(ctx context.Context, c auth.Caller) (*api.Session, error)
	SignOut(ctx context.Context, c auth.Caller) (*api.Empty, error)
	Sessions(ctx context.Context, c auth.Caller) (*api.Sessions, error)
	EndSession(ctx context.Context, c auth.Caller, endpoint string) (*api.Empty, error)
	Bind(ctx context.Context, c auth.Caller, req *api.Bind) (*api.Session, error)
	Logins(ctx context.Context, c auth.Caller) (*api.Logins, error)
	DeleteLogin(ctx context.Context, c auth.Caller, id string) (*api.Empty, error)
	NewInvite(ctx context.Context, c auth.Caller) (*api.AccountInvite, error)

	Publish(ctx context.Context, c auth.Caller, record []byte) (*api.RecordAccepted, error)
	PostRequest(ctx context.Context, c auth.Caller, req *api.DeviceRequestPost) (*api.Empty, error)
	Requests(ctx context.Context, c auth.Caller) (*api.DeviceRequests, error)
	DeleteRequest(ctx context.Context, c auth.Caller, endpoint string) (*api.Empty, error)
	PutBackup(ctx context.Context, c auth.Caller, req *api.BackupPut) (*api.Empty, error)
	Backup(ctx context.Context, c auth.Caller) (*api.Backup, error)
	OpenBackup(ctx context.Context, c auth.Caller, req *api.BackupOpen) (*api.Backup, error)
	Post(ctx context.Context, c auth.Caller, to string, req *api.MailboxPost) (*api.Empty, error)
	Mailbox(ctx context.Context, c auth.Caller, after uint64, wait time.Duration) (*api.Mailbox, error)

	// Device returns whose session it is, if it is bound to a device.
	Device(ctx context.Context, c auth.Caller) (user, device [16]byte, err error)
	// MayLookUp counts a request to the directory, which needs no session.
	MayLookUp(c auth.Caller) error
}

var _ Accounts = (*auth.Service)(nil)

// maxBackupBody is the JSON of the largest backup: base64, and its keys.
const maxBackupBody = (api.MaxBackup+2)/3*4 + 8<<10

// accountRoutes adds the routes of api/account.go. Without accounts, they say so.
func (a *API) accountRoutes() {
	s := a.cfg.Accounts
	if s == nil {
		for _, prefix := range []string{"/api/v1/auth/", "/api/v1/account/", "/api/v1/mailbox", "/api/v1/mailbox/", "/api/v1/directory/"} {
			for _, method := range []string{"GET ", "POST ", "PUT ", "DELETE "} {
				a.mux.HandleFunc(method+prefix, a.accountsOff)
			}
		}
		return
	}
	a.signInRoutes(s)
	a.mux.HandleFunc("GET /api/v1/auth/session", handle(a, s.SessionInfo))
	a.mux.HandleFunc("DELETE /api/v1/auth/session", handle(a, s.SignOut))
	a.mux.HandleFunc("GET /api/v1/account/sessions", handle(a, s.Sessions))
	a.mux.HandleFunc("DELETE /api/v1/account/sessions/{id}", handleID(a, s.EndSession))
	a.mux.HandleFunc("POST /api/v1/account/bind", serve(a, api.MaxAccountBody, s.Bind))
	a.mux.HandleFunc("PUT /api/v1/account/password", serve(a, api.MaxAccountBody, s.PasswordChange))
	a.mux.HandleFunc("GET /api/v1/account/logins", handle(a, s.Logins))
	a.mux.HandleFunc("DELETE /api/v1/account/logins/{id}", handleID(a, s.DeleteLogin))
	a.mux.HandleFunc("POST /api/v1/account/invites", serve(a, api.MaxAccountBody,
		func(ctx context.Context, c auth.Caller, _ *api.Empty) (*api.AccountInvite, error) {
			return s.NewInvite(ctx, c)
		}))
	a.mux.HandleFunc("POST /api/v1/account/record", a.publish)
	a.mux.HandleFunc("POST /api/v1/account/requests", serve(a, api.MaxAccountBody, s.PostRequest))
	a.mux.HandleFunc("GET /api/v1/account/requests", handle(a, s.Requests))
	a.mux.HandleFunc("DELETE /api/v1/account/requests/{id}", handleID(a, s.DeleteRequest))
	a.mux.HandleFunc("PUT /api/v1/account/backup", serve(a, maxBackupBody, s.PutBackup))
	a.mux.HandleFunc("GET /api/v1/account/backup", handle(a, s.Backup))
	a.mux.HandleFunc("POST /api/v1/account/backup/open", serve(a, api.MaxAccountBody, s.OpenBackup))
	a.mux.HandleFunc("POST /api/v1/mailbox/{to}", a.postMail)
	a.mux.HandleFunc("GET /api/v1/mailbox", a.readMail)
}

// signInRoutes adds the routes that need no session.
func (a *API) signInRoutes(s Accounts) {
	a.mux.HandleFunc("GET /api/v1/auth/methods", handle(a, s.Methods))
	a.mux.HandleFunc("POST /api/v1/auth/password/params", serve(a, api.MaxAccountBody, s.PasswordParams))
	a.mux.HandleFunc("POST /api/v1/auth/password/register", serve(a, api.MaxAccountBody, s.PasswordRegister))
	a.mux.HandleFunc("POST /api/v1/auth/password/login", serve(a, api.MaxAccountBody, s.PasswordLogin))
	a.mux.HandleFunc("POST /api/v1/auth/passkey/register/begin", serve(a, api.MaxAccountBody, s.PasskeyRegisterBegin))
	a.mux.HandleFunc("POST /api/v1/auth/passkey/register/finish", serve(a, api.MaxAccountBody, s.PasskeyRegisterFinish))
	a.mux.HandleFunc("POST /api/v1/auth/passkey/login/begin", serve(a, api.MaxAccountBody, s.PasskeyLoginBegin))
	a.mux.HandleFunc("POST /api/v1/auth/passkey/login/finish", serve(a, api.MaxAccountBody, s.PasskeyLoginFinish))
	a.mux.HandleFunc("POST /api/v1/auth/oidc/begin", serve(a, api.MaxAccountBody, s.OIDCBegin))
	a.mux.HandleFunc("GET /api/v1/auth/oidc/callback", a.oidcCallback)
	a.mux.HandleFunc("POST /api/v1/auth/oidc/finish", serve(a, api.MaxAccountBody, s.OIDCFinish))
	a.mux.HandleFunc("POST /api/v1/auth/ldap/login", serve(a, api.MaxAccountBody, s.LDAPLogin))
}

func (a *API) accountsOff(w http.ResponseWriter, r *http.Request) {
	a.refuse(w, r, auth.Refuse(api.CodeAccountsOff, "this server has no accounts: join meetings as a guest"))
}

// publish takes an identity record as it is.
func (a *API) publish(w http.ResponseWriter, r *http.Request) {
	b, err := readBytes(w, r, api.MaxAccountBody)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	accepted, err := a.cfg.Accounts.Publish(r.Context(), a.caller(r), b)
	a.reply(w, r, accepted, err)
}

func (a *API) postMail(w http.ResponseWriter, r *http.Request) {
	req := new(api.MailboxPost)
	if err := readJSON(w, r, api.MaxAccountBody, req); err != nil {
		a.refuse(w, r, err)
		return
	}
	done, err := a.cfg.Accounts.Post(r.Context(), a.caller(r), r.PathValue("to"), req)
	a.reply(w, r, done, err)
}

func (a *API) readMail(w http.ResponseWriter, r *http.Request) {
	after, err := queryNumber(r, "after")
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	wait, err := queryNumber(r, "wait_ms")
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	d := time.Duration(min(wait, api.MaxMailboxWaitMS)) * time.Millisecond
	box, err := a.cfg.Accounts.Mailbox(r.Context(), a.caller(r), after, d)
	a.reply(w, r, box, err)
}

// queryNumber reads a number of the query; 0 if it is not there.
func queryNumber(r *http.Request, name string) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, auth.Refuse(api.CodeMalformed, name+" is a number")
	}
	return n, nil
}
