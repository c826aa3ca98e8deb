package auth_test

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
	"time"

	"conclave/api"
	"conclave/auth"
)

func (h *harness) params(handle string) *api.PasswordParams {
	h.Helper()
	return call[api.PasswordParams](h, "POST", "/api/v1/auth/password/params", "", &api.PasswordParamsRequest{Handle: handle})
}

func TestMethods(t *testing.T) {
	h := newHarness(t, func(c *auth.Config) {
		c.LDAP = []auth.LDAPConfig{{ID: "org", Name: "Organisation", URL: "ldaps://ldap.example", BaseDN: "dc=example"}}
		c.Registration = auth.Invite
	})
	m := call[api.AuthMethods](h, "GET", "/api/v1/auth/methods", "", nil)
	if m.Registration != "invite" || !m.Password || !m.Passkey || len(m.OIDC) != 0 || len(m.LDAP) != 1 || m.LDAP[0].Name != "Organisation" {
		t.Errorf("methods %+v", m)
	}
	for at, want := range map[string]bool{
		"http://localhost:8080": true, "https://conclave.example:8443": true,
		"http://conclave.example": false, "https://192.0.2.1": false, "https://[2001:db8::1]": false,
	} {
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		h := newHarness(t, func(c *auth.Config) { c.Public = u })
		if m := call[api.AuthMethods](h, "GET", "/api/v1/auth/methods", "", nil); m.Passkey != want {
			t.Errorf("passkeys at %s: %v, want %v", at, m.Passkey, want)
		}
	}
	h = newHarness(t, func(c *auth.Config) { c.NoPassword, c.NoPasskey = true, true })
	h.refused(api.CodeMethodOff, "POST", "/api/v1/auth/password/params", "", &api.PasswordParamsRequest{Handle: "ada"})
	h.refused(api.CodeMethodOff, "POST", "/api/v1/auth/passkey/login/begin", "", &api.Empty{})
	h.refused(api.CodeMethodOff, "POST", "/api/v1/auth/oidc/begin", "", &api.OIDCBegin{Provider: "org"})
	h.refused(api.CodeMethodOff, "POST", "/api/v1/auth/ldap/login", "", &api.LDAPLogin{Provider: "org"})
}

// TestParamsTellNobody holds that nobody learns from parameters which handles have
// a password.
func TestParamsTellNobody(t *testing.T) {
	h := newHarness(t, nil)
	unknown := h.params("grace")
	if again := h.params("GRACE"); !bytes.Equal(unknown.Salt, again.Salt) || len(unknown.Salt) != 16 {
		t.Errorf("parameters of an unknown handle: %+v, then %+v", unknown, again)
	}
	if other := h.params("kofi"); bytes.Equal(unknown.Salt, other.Salt) || other.MemoryKiB != unknown.MemoryKiB || other.Time != unknown.Time {
		t.Errorf("parameters of two unknown handles: %+v and %+v", unknown, other)
	}
	h.register("ada")
	if got := h.params("Ada"); !bytes.Equal(got.Salt, clientParams.Salt) || got.MemoryKiB != clientParams.MemoryKiB {
		t.Errorf("parameters %+v, want those of the registration", got)
	}
	h.refused(api.CodeHandleInvalid, "POST", "/api/v1/auth/password/params", "", &api.PasswordParamsRequest{Handle: "a da"})
}

func TestRegisterRefuses(t *testing.T) {
	h := newHarness(t, nil)
	h.register("ada.lovelace")
	good := api.PasswordRegister{Handle: "grace", AuthKey: authKey("x"), Params: clientParams, Name: "phone"}
	for _, tt := range []struct {
		name   string
		code   api.Code
		change func(*api.PasswordRegister)
	}{
		{"taken", api.CodeHandleTaken, func(r *api.PasswordRegister) { r.Handle = "ada.lovelace" }},
		{"upper case", api.CodeHandleTaken, func(r *api.PasswordRegister) { r.Handle = "Ada.Lovelace" }},
		{"look-alike", api.CodeHandleTaken, func(r *api.PasswordRegister) { r.Handle = "ada-1ove1ace" }},
		{"no handle", api.CodeHandleInvalid, func(r *api.PasswordRegister) { r.Handle = "" }},
		{"mixed scripts", api.CodeHandleInvalid, func(r *api.PasswordRegister) { r.Handle = "gr\u0430ce" }},
		{"short key", api.CodeMalformed, func(r *api.PasswordRegister) { r.AuthKey = r.AuthKey[:31] }},
		{"little memory", api.CodeMalformed, func(r *api.PasswordRegister) { r.Params.MemoryKiB = 65535 }},
		{"much memory", api.CodeMalformed, func(r *api.PasswordRegister) { r.Params.MemoryKiB = 1<<20 + 1 }},
		{"few passes", api.CodeMalformed, func(r *api.PasswordRegister) { r.Params.Time = 2 }},
		{"short salt", api.CodeMalformed, func(r *api.PasswordRegister) { r.Params.Salt = r.Params.Salt[:8] }},
		{"no name", api.CodeMalformed, func(r *api.PasswordRegister) { r.Name = "" }},
		{"hidden name", api.CodeMalformed, func(r *api.PasswordRegister) { r.Name = "a\u202eb" }},
		{"long name", api.CodeMalformed, func(r *api.PasswordRegister) { r.Name = strings.Repeat("a", 65) }},
	} {
		r := good
		tt.change(&r)
		if e := h.refused(tt.code, "POST", "/api/v1/auth/password/register", "", &r); e.Message == "" {
			t.Errorf("%s: no message", tt.name)
		}
	}
	call[api.SignedIn](h, "POST", "/api/v1/auth/password/register", "", &good)
}

func TestPasswordGuesses(t *testing.T) {
	h := newHarness(t, nil)
	h.register("ada")
	guess := func(handle, password string) *api.PasswordLogin {
		return &api.PasswordLogin{Handle: handle, AuthKey: authKey(password), Name: "x"}
	}
	for _, handle := range []string{"ada", "nobody"} {
		for left := 9; left >= 0; left-- {
			e := h.refused(api.CodeSignInFailed, "POST", "/api/v1/auth/password/login", "", guess(handle, "wrong"))
			if e.TriesLeft == nil || *e.TriesLeft != left {
				t.Fatalf("%s: tries left %v, want %d", handle, e.TriesLeft, left)
			}
		}
		// Now even the right one is not heard.
		e := h.refused(api.CodeTooManyTries, "POST", "/api/v1/auth/password/login", "", guess(handle, "pw ada"))
		if e.TriesLeft == nil || *e.TriesLeft != 0 || e.RetryMS == 0 || e.RetryMS > 15*60*1000 {
			t.Errorf("%s: %+v, want 0 tries left and the time to wait", handle, e)
		}
	}
	h.pass(15*time.Minute + time.Second)
	h.login("ada", "x")
	// A success forgets the tries before it.
	for range 9 {
		h.refused(api.CodeSignInFailed, "POST", "/api/v1/auth/password/login", "", guess("ada", "wrong"))
	}
	h.login("ada", "x")
	e := h.refused(api.CodeSignInFailed, "POST", "/api/v1/auth/password/login", "", guess("ada", "wrong"))
	if *e.TriesLeft != 9 {
		t.Errorf("tries left %d after a success, want 9", *e.TriesLeft)
	}
	h.refused(api.CodeMalformed, "POST", "/api/v1/auth/password/login", "", &api.PasswordLogin{Handle: "ada", AuthKey: []byte("x"), Name: "x"})
}

func TestPasswordChange(t *testing.T) {
	h := newHarness(t, nil)
	ada := h.newPerson("ada")
	change := &api.PasswordChange{AuthKey: authKey("new"), Params: clientParams}
	call[api.Empty](h, "PUT", "/api/v1/account/password", ada.first.Token, change)
	h.refused(api.CodeSignInFailed, "POST", "/api/v1/auth/password/login", "",
		&api.PasswordLogin{Handle: "ada", AuthKey: authKey("pw ada"), Name: "x"})
	call[api.SignedIn](h, "POST", "/api/v1/auth/password/login", "", &api.PasswordLogin{Handle: "ada", AuthKey: authKey("new"), Name: "x"})
	change.Params.Time = 1
	h.refused(api.CodeMalformed, "PUT", "/api/v1/account/password", ada.first.Token, change)
}

// TestChangedLoginsEndSessions holds that who got in by a password is out when that
// is changed or removed, and that the user's devices stay.
func TestChangedLoginsEndSessions(t *testing.T) {
	h := newHarness(t, nil)
	ada, kofi := h.newPerson("ada"), h.newPerson("kofi")
	_, tablet := ada.addDevice("tablet")
	other := h.login("kofi", "new phone")
	inAndOut := func(change func()) {
		t.Helper()
		thief := h.login("ada", "thief")
		change()
		h.refused(api.CodeNoSession, "GET", "/api/v1/auth/session", thief.Token, nil)
		for _, s := range []*api.SignedIn{ada.first, tablet, kofi.first, other} {
			call[api.Session](h, "GET", "/api/v1/auth/session", s.Token, nil)
		}
	}
	inAndOut(func() {
		change := &api.PasswordChange{AuthKey: authKey("pw ada"), Params: clientParams}
		call[api.Empty](h, "PUT", "/api/v1/account/password", ada.first.Token, change)
	})
	inAndOut(func() {
		begun := call[api.PasskeyOptions](h, "POST", "/api/v1/auth/passkey/register/begin", ada.first.Token, &api.PasskeyRegisterBegin{})
		key := finish(t, begun, newAuthenticator(t).create(begun))
		call[api.SignedIn](h, "POST", "/api/v1/auth/passkey/register/finish", ada.first.Token, key)
		list := call[api.Logins](h, "GET", "/api/v1/account/logins", ada.first.Token, nil).Logins
		call[api.Empty](h, "DELETE", "/api/v1/account/logins/"+list[0].ID, ada.first.Token, nil)
	})
	// Without devices, the session that asks goes on.
	first, second := h.register("grace"), h.login("grace", "second")
	change := &api.PasswordChange{AuthKey: authKey("new"), Params: clientParams}
	call[api.Empty](h, "PUT", "/api/v1/account/password", second.Token, change)
	call[api.Session](h, "GET", "/api/v1/auth/session", second.Token, nil)
	h.refused(api.CodeNoSession, "GET", "/api/v1/auth/session", first.Token, nil)
}

func TestRegistration(t *testing.T) {
	h := newHarness(t, func(c *auth.Config) { c.Registration = auth.Closed })
	r := &api.PasswordRegister{Handle: "ada", AuthKey: authKey("x"), Params: clientParams, Name: "x"}
	h.refused(api.CodeRegistration, "POST", "/api/v1/auth/password/register", "", r)
	h.refused(api.CodeRegistration, "POST", "/api/v1/auth/passkey/register/begin", "", &api.PasskeyRegisterBegin{Handle: "ada"})

	h = newHarness(t, func(c *auth.Config) { c.Registration = auth.Invite })
	for _, code := range []string{"", "x", strings.Repeat("A", 54)} {
		r.Invite = code
		h.refused(api.CodeRegistration, "POST", "/api/v1/auth/password/register", "", r)
	}
	r.Invite = "B" + h.service.Invite().Code[1:] // good for longer
	h.refused(api.CodeRegistration, "POST", "/api/v1/auth/password/register", "", r)
	r.Invite = h.service.Invite().Code
	s := call[api.SignedIn](h, "POST", "/api/v1/auth/password/register", "", r)
	again := *r
	again.Handle = "kofi"
	h.refused(api.CodeRegistration, "POST", "/api/v1/auth/password/register", "", &again)
	// One who is in can invite others.
	p := &person{h: h, handle: "ada", first: s, user: mustUser(t, s.Session.User), identity: newKey(t), devices: []*device{newDevice(t)}}
	p.publish(s.Token, p.record(p.devices))
	p.bind(s, p.devices[0])
	i := call[api.AccountInvite](h, "POST", "/api/v1/account/invites", s.Token, &api.Empty{})
	h.pass(7*24*time.Hour + time.Second)
	again.Invite = i.Code
	h.refused(api.CodeRegistration, "POST", "/api/v1/auth/password/register", "", &again)
}

func TestRates(t *testing.T) {
	h := newHarness(t, func(c *auth.Config) {
		c.Limits = auth.Limits{AddressPerMinute: 3, AccountPerMinute: 5, GlobalPerSecond: 1000, LookupsPerMinute: 2}
	})
	s := h.register("ada")
	for range 2 {
		h.params("ada")
	}
	e := h.refused(api.CodeSlowDown, "POST", "/api/v1/auth/password/params", "", &api.PasswordParamsRequest{Handle: "ada"})
	if e.RetryMS == 0 || e.RetryMS > 20_001 {
		t.Errorf("retry in %d ms, want up to 20 s", e.RetryMS)
	}
	h.pass(20 * time.Second)
	h.params("ada")
	for range 5 {
		call[api.Session](h, "GET", "/api/v1/auth/session", s.Token, nil)
	}
	h.refused(api.CodeSlowDown, "GET", "/api/v1/auth/session", s.Token, nil)
	for i := range 3 {
		if err := h.service.MayLookUp(auth.Caller{}); (err != nil) != (i == 2) {
			t.Errorf("lookup %d: %v", i, err)
		}
	}
}

func TestLogins(t *testing.T) {
	h := newHarness(t, nil)
	ada := h.newPerson("ada")
	list := call[api.Logins](h, "GET", "/api/v1/account/logins", ada.first.Token, nil).Logins
	if len(list) != 1 || list[0].Method != "password" || len(list[0].ID) != 32 {
		t.Fatalf("logins %+v", list)
	}
	h.refused(api.CodeLastLogin, "DELETE", "/api/v1/account/logins/"+list[0].ID, ada.first.Token, nil)
	h.refused(api.CodeNotFound, "DELETE", "/api/v1/account/logins/"+url.PathEscape("../x"), ada.first.Token, nil)
	kofi := h.newPerson("kofi")
	h.refused(api.CodeNotFound, "DELETE", "/api/v1/account/logins/"+list[0].ID, kofi.first.Token, nil)
}
