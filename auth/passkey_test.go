package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"conclave/api"
	"conclave/auth"
)

// An authenticator is a passkey in software (Web Authentication Level 3, ES256).
type authenticator struct {
	t       *testing.T
	id      []byte
	user    []byte
	key     *ecdsa.PrivateKey
	counter uint32
	flags   byte // of every answer
	origin  string
	rpID    string
}

// Flags of authenticator data (Section 6.1).
const (
	userPresent  = 0x01
	userVerified = 0x04
	hasKey       = 0x40
)

func newAuthenticator(t *testing.T) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authenticator{t: t, id: make([]byte, 32), key: key, origin: "https://conclave.example", rpID: "conclave.example"}
	a.flags = userPresent | userVerified
	_, _ = rand.Read(a.id)
	return a
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// must fails the test if what made v failed.
func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (a *authenticator) data(flags byte) []byte {
	a.counter++
	rp := sha256.Sum256([]byte(a.rpID))
	return binary.BigEndian.AppendUint32(append(rp[:], flags), a.counter)
}

func (a *authenticator) clientData(kind, challenge string) []byte {
	b, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	return must(a.t, b, err)
}

// create answers options for a new passkey.
func (a *authenticator) create(o *api.PasskeyOptions) map[string]any {
	a.t.Helper()
	var options struct {
		PublicKey struct {
			Challenge string
			RP        struct{ ID string }
			User      struct{ ID, Name string }
			Selection struct{ UserVerification, ResidentKey string } `json:"authenticatorSelection"`
			Extension struct {
				PRF struct{ Eval struct{ First string } }
			} `json:"extensions"`
		}
	}
	if err := json.Unmarshal(o.Options, &options); err != nil {
		a.t.Fatal(err)
	}
	pk := options.PublicKey
	if pk.Extension.PRF.Eval.First == "" || pk.Selection.UserVerification != "required" || pk.Selection.ResidentKey != "required" || pk.RP.ID != "conclave.example" {
		a.t.Fatalf("options %s: want PRF, user verification, a resident key and the host", o.Options)
	}
	user, err := base64.RawURLEncoding.DecodeString(pk.User.ID)
	a.user = must(a.t, user, err)
	point, err := a.key.PublicKey.Bytes() // 04 || x || y
	must(a.t, point, err)
	cose, err := cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	must(a.t, cose, err)
	data := a.data(a.flags | hasKey)
	data = append(data, make([]byte, 16)...) // AAGUID
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.id)))
	data = append(append(data, a.id...), cose...)
	object, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	must(a.t, object, err)
	return a.credential(map[string]any{
		"clientDataJSON": b64(a.clientData("webauthn.create", pk.Challenge)), "attestationObject": b64(object),
	})
}

// get answers options for a sign-in.
func (a *authenticator) get(o *api.PasskeyOptions) map[string]any {
	a.t.Helper()
	var options struct{ PublicKey struct{ Challenge string } }
	if err := json.Unmarshal(o.Options, &options); err != nil {
		a.t.Fatal(err)
	}
	data, client := a.data(a.flags), a.clientData("webauthn.get", options.PublicKey.Challenge)
	clientHash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte(nil), data...), clientHash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	must(a.t, signature, err)
	return a.credential(map[string]any{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(a.user),
	})
}

func (a *authenticator) credential(response map[string]any) map[string]any {
	return map[string]any{
		"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "response": response,
		"clientExtensionResults": map[string]any{"prf": map[string]any{"enabled": true}},
	}
}

func raw(t *testing.T, v any) api.RawJSON {
	t.Helper()
	b, err := json.Marshal(v)
	return must(t, b, err)
}

const passkeyPath = "/api/v1/auth/passkey/"

// registerBegin and loginBegin begin a ceremony.
func (h *harness) registerBegin(token, handle string) *api.PasskeyOptions {
	h.Helper()
	return call[api.PasskeyOptions](h, "POST", passkeyPath+"register/begin", token, &api.PasskeyRegisterBegin{Handle: handle})
}

func (h *harness) loginBegin() *api.PasskeyOptions {
	h.Helper()
	return call[api.PasskeyOptions](h, "POST", passkeyPath+"login/begin", "", &api.PasskeyLoginBegin{})
}

func finish(t *testing.T, o *api.PasskeyOptions, credential map[string]any) *api.PasskeyFinish {
	t.Helper()
	return &api.PasskeyFinish{Flow: o.Flow, Credential: raw(t, credential), Name: "phone", Label: "key ring"}
}

// passkeyAccount registers somebody with a passkey.
func (h *harness) passkeyAccount(handle string) (*authenticator, *api.SignedIn) {
	h.Helper()
	a := newAuthenticator(h.T)
	o := h.registerBegin("", handle)
	return a, call[api.SignedIn](h, "POST", passkeyPath+"register/finish", "", finish(h.T, o, a.create(o)))
}

func TestPasskey(t *testing.T) {
	h := newHarness(t, nil)
	a, s := h.passkeyAccount("ada")
	if s.Session.Method != "passkey" || s.Session.Handle != "ada" || b64(a.user) != b64(must16(t, s.Session.User)) {
		t.Fatalf("session %+v", s.Session)
	}
	o := h.loginBegin()
	again := call[api.SignedIn](h, "POST", passkeyPath+"login/finish", "", finish(t, o, a.get(o)))
	if again.Session.User != s.Session.User || again.Token == s.Token {
		t.Errorf("session %+v, want another one of the same user", again.Session)
	}
	// A second passkey for the same account; the first is excluded from making it.
	o = h.registerBegin(s.Token, "")
	if !jsonHas(o.Options, b64(a.id)) {
		t.Errorf("options %s do not exclude the passkey that is known", o.Options)
	}
	second := newAuthenticator(t)
	added := call[api.SignedIn](h, "POST", passkeyPath+"register/finish", s.Token, finish(t, o, second.create(o)))
	if added.Token != "" || added.Session.Endpoint != s.Session.Endpoint {
		t.Errorf("adding a passkey made a session: %+v", added)
	}
	o = h.loginBegin()
	call[api.SignedIn](h, "POST", passkeyPath+"login/finish", "", finish(t, o, second.get(o)))
	logins := call[api.Logins](h, "GET", "/api/v1/account/logins", s.Token, nil).Logins
	if len(logins) != 2 || logins[1].Label != "key ring" {
		t.Fatalf("logins %+v", logins)
	}
	call[api.Empty](h, "DELETE", "/api/v1/account/logins/"+logins[0].ID, s.Token, nil)
	o = h.loginBegin()
	h.refused(api.CodeSignInFailed, "POST", passkeyPath+"login/finish", "", finish(t, o, a.get(o)))
}

func must16(t *testing.T, text string) []byte {
	user := mustUser(t, text)
	return user[:]
}

func jsonHas(b api.RawJSON, text string) bool {
	var v any
	return json.Unmarshal(b, &v) == nil && has(v, text)
}

// has reports whether a JSON value has a text anywhere.
func has(v any, text string) bool {
	switch v := v.(type) {
	case string:
		return v == text
	case []any:
		for _, e := range v {
			if has(e, text) {
				return true
			}
		}
	case map[string]any:
		for _, e := range v {
			if has(e, text) {
				return true
			}
		}
	}
	return false
}

// TestPasskeyRefuses has one case for each lie of a client, at sign-in.
func TestPasskeyRefuses(t *testing.T) {
	h := newHarness(t, nil)
	a, _ := h.passkeyAccount("ada")
	kofi, _ := h.passkeyAccount("kofi")
	wrong := func(change func(*authenticator)) *authenticator {
		b := *a
		change(&b)
		b.counter += 100
		return &b
	}
	for _, tt := range []struct {
		name string
		a    *authenticator
	}{
		{"another origin", wrong(func(b *authenticator) { b.origin = "https://conclave.example.evil.example" })},
		{"another port", wrong(func(b *authenticator) { b.origin = "https://conclave.example:8443" })},
		{"no TLS", wrong(func(b *authenticator) { b.origin = "http://conclave.example" })},
		{"another host", wrong(func(b *authenticator) { b.rpID = "evil.example" })},
		{"another user", wrong(func(b *authenticator) { b.user = kofi.user })},
		{"no user", wrong(func(b *authenticator) { b.user = nil })},
		{"another key", wrong(func(b *authenticator) { b.key = kofi.key })},
		{"unknown passkey", wrong(func(b *authenticator) { b.id = make([]byte, 32) })},
		{"another's passkey", wrong(func(b *authenticator) { b.id = kofi.id })},
		{"user not verified", wrong(func(b *authenticator) { b.flags = userPresent })},
	} {
		o := h.loginBegin()
		w := h.send(t.Context(), "POST", passkeyPath+"login/finish", "", finish(t, o, tt.a.get(o)))
		var e api.HTTPError
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Code != api.CodeSignInFailed {
			t.Errorf("%s: %d %s, want sign-in-failed", tt.name, w.Code, w.Body)
		}
	}
	o := h.loginBegin()
	h.refused(api.CodeMalformed, "POST", passkeyPath+"login/finish", "", finish(t, o, map[string]any{"id": "x"}))
	o = h.loginBegin()
	call[api.SignedIn](h, "POST", passkeyPath+"login/finish", "", finish(t, o, a.get(o)))
}

func TestPasskeyReplay(t *testing.T) {
	h := newHarness(t, nil)
	a, _ := h.passkeyAccount("ada")
	o := h.loginBegin()
	answer := finish(t, o, a.get(o))
	call[api.SignedIn](h, "POST", passkeyPath+"login/finish", "", answer)
	h.refused(api.CodeExpired, "POST", passkeyPath+"login/finish", "", answer)
	answer.Flow = h.loginBegin().Flow // an old answer to a new challenge
	h.refused(api.CodeSignInFailed, "POST", passkeyPath+"login/finish", "", answer)

	o = h.loginBegin()
	answer = finish(t, o, a.get(o))
	h.pass(5*time.Minute + time.Second)
	h.refused(api.CodeExpired, "POST", passkeyPath+"login/finish", "", answer)
	// A ceremony of one kind does not end one of the other.
	o = h.loginBegin()
	h.refused(api.CodeExpired, "POST", passkeyPath+"register/finish", "", finish(t, o, a.get(o)))
}

// TestClonedPasskey holds that a copy is noticed by its counter, and that the
// passkey is then refused for good: nobody can say which one is the copy.
func TestClonedPasskey(t *testing.T) {
	h := newHarness(t, nil)
	a, s := h.passkeyAccount("ada")
	clone := *a
	for range 2 {
		o := h.loginBegin()
		call[api.SignedIn](h, "POST", passkeyPath+"login/finish", "", finish(t, o, a.get(o)))
	}
	o := h.loginBegin()
	h.refused(api.CodeSignInFailed, "POST", passkeyPath+"login/finish", "", finish(t, o, clone.get(o)))
	o = h.loginBegin()
	h.refused(api.CodeSignInFailed, "POST", passkeyPath+"login/finish", "", finish(t, o, a.get(o)))
	call[api.Session](h, "GET", "/api/v1/auth/session", s.Token, nil) // who is signed in stays
}

// TestPasskeyRates holds that a token that is none does not go round the rate of
// new accounts.
func TestPasskeyRates(t *testing.T) {
	h := newHarness(t, func(c *auth.Config) {
		c.Limits = auth.Limits{AddressPerMinute: 2, AccountPerMinute: 100, GlobalPerSecond: 1000}
	})
	begun := h.registerBegin("", "ada")
	done := finish(t, begun, newAuthenticator(t).create(begun))
	unknown := *done
	unknown.Flow = "x"
	h.refused(api.CodeExpired, "POST", "/api/v1/auth/passkey/register/finish", "x", &unknown)
	h.refused(api.CodeSlowDown, "POST", "/api/v1/auth/passkey/register/finish", "x", done)
	h.pass(time.Minute)
	call[api.SignedIn](h, "POST", "/api/v1/auth/passkey/register/finish", "", done)
}

func TestPasskeyRegisterRefuses(t *testing.T) {
	h := newHarness(t, nil)
	a, s := h.passkeyAccount("ada")
	_, kofi := h.passkeyAccount("kofi")
	path := passkeyPath + "register/begin"
	h.refused(api.CodeHandleTaken, "POST", path, "", &api.PasskeyRegisterBegin{Handle: "ADA"})
	h.refused(api.CodeHandleInvalid, "POST", path, "", &api.PasskeyRegisterBegin{})
	h.refused(api.CodeMalformed, "POST", path, s.Token, &api.PasskeyRegisterBegin{Handle: "grace"})
	h.refused(api.CodeNoSession, "POST", path, "x", &api.PasskeyRegisterBegin{})

	path = passkeyPath + "register/finish"
	o := h.registerBegin("", "grace")
	other := newAuthenticator(t)
	other.origin = "https://evil.example"
	h.refused(api.CodeSignInFailed, "POST", path, "", finish(t, o, other.create(o)))
	// The passkey is known: it stays its account's.
	o = h.registerBegin("", "grace")
	twin := *a
	h.refused(api.CodeHandleTaken, "POST", path, "", finish(t, o, twin.create(o)))
	// Another session cannot take over what one began.
	o = h.registerBegin(s.Token, "")
	h.refused(api.CodeForbidden, "POST", path, kofi.Token, finish(t, o, newAuthenticator(t).create(o)))
	o = h.registerBegin(s.Token, "")
	h.refused(api.CodeNoSession, "POST", path, "", finish(t, o, newAuthenticator(t).create(o)))
	// Two begin with one handle: the second is too late.
	first, second := h.registerBegin("", "grace"), h.registerBegin("", "grace")
	call[api.SignedIn](h, "POST", path, "", finish(t, first, newAuthenticator(t).create(first)))
	h.refused(api.CodeHandleTaken, "POST", path, "", finish(t, second, newAuthenticator(t).create(second)))
}

// TestPRFStaysWithTheClient holds that the server refuses what opens the backup.
func TestPRFStaysWithTheClient(t *testing.T) {
	h := newHarness(t, nil)
	leak := func(credential map[string]any) map[string]any {
		credential = maps.Clone(credential)
		credential["clientExtensionResults"] = map[string]any{"prf": map[string]any{"results": map[string]any{"first": b64(make([]byte, 32))}}}
		return credential
	}
	a := newAuthenticator(t)
	o := h.registerBegin("", "ada")
	h.refused(api.CodeMalformed, "POST", passkeyPath+"register/finish", "", finish(t, o, leak(a.create(o))))
	a, _ = h.passkeyAccount("ada")
	o = h.loginBegin()
	if !jsonHas(o.Options, b64([]byte("Conclave 1.0 passkey backup key"))) {
		t.Errorf("options %s do not ask for PRF", o.Options)
	}
	h.refused(api.CodeMalformed, "POST", passkeyPath+"login/finish", "", finish(t, o, leak(a.get(o))))
}
