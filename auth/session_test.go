package auth_test

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"
	"time"

	"conclave/api"
	"conclave/core/identity"
	"conclave/directory"
)

// needSession are all routes that need a session.
var needSession = []struct {
	method, path string
	body         any
}{
	{"GET", "/api/v1/auth/session", nil},
	{"DELETE", "/api/v1/auth/session", nil},
	{"GET", "/api/v1/account/sessions", nil},
	{"DELETE", "/api/v1/account/sessions/00000000000000000000000000000000", nil},
	{"POST", "/api/v1/account/bind", &api.Bind{}},
	{"PUT", "/api/v1/account/password", &api.PasswordChange{}},
	{"GET", "/api/v1/account/logins", nil},
	{"DELETE", "/api/v1/account/logins/x", nil},
	{"POST", "/api/v1/account/invites", &api.Empty{}},
	{"POST", "/api/v1/account/record", []byte("record")},
	{"POST", "/api/v1/account/requests", &api.DeviceRequestPost{Body: []byte("x")}},
	{"GET", "/api/v1/account/requests", nil},
	{"DELETE", "/api/v1/account/requests/00000000000000000000000000000000", nil},
	{"PUT", "/api/v1/account/backup", &api.BackupPut{}},
	{"GET", "/api/v1/account/backup", nil},
	{"POST", "/api/v1/account/backup/open", &api.BackupOpen{}},
	{"POST", "/api/v1/mailbox/00000000000000000000000000000000", &api.MailboxPost{Body: []byte("x")}},
	{"GET", "/api/v1/mailbox", nil},
}

func TestRoutesNeedASession(t *testing.T) {
	h := newHarness(t, nil)
	h.register("ada")
	for _, r := range needSession {
		for _, token := range []string{"", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
			h.refused(api.CodeNoSession, r.method, r.path, token, r.body)
		}
	}
}

// TestSessionsWithoutKeys is MS-34: who can make sessions, be it the server or an
// organisation, gets one that is listed and that may do little.
func TestSessionsWithoutKeys(t *testing.T) {
	h := newHarness(t, nil)
	ada := h.newPerson("ada")
	minted := h.login("ada", "Firefox on Linux")
	list := call[api.Sessions](h, "GET", "/api/v1/account/sessions", ada.first.Token, nil).Sessions
	i := slices.IndexFunc(list, func(s api.Session) bool { return s.Endpoint == minted.Session.Endpoint })
	if len(list) != 2 || i < 0 || list[i].Name != "Firefox on Linux" || list[i].Device != "" || list[i].SignedInMS == 0 || list[i].Current {
		t.Fatalf("sessions %+v, want the new one without a device", list)
	}
	box := call[api.Mailbox](h, "GET", "/api/v1/mailbox", ada.first.Token, nil)
	if n := len(box.Messages); n != 2 || box.Messages[1].Kind != "sign-in" || box.Messages[1].FromEndpoint != minted.Session.Endpoint {
		t.Errorf("mailbox %+v, want word of the sign-in", box)
	}
	for _, r := range []struct {
		method, path string
		body         any
	}{
		{"DELETE", "/api/v1/account/sessions/" + ada.first.Session.Endpoint, nil},
		{"PUT", "/api/v1/account/password", &api.PasswordChange{AuthKey: authKey("x"), Params: clientParams}},
		{"POST", "/api/v1/auth/passkey/register/begin", &api.PasskeyRegisterBegin{}},
		{"POST", "/api/v1/account/invites", &api.Empty{}},
		{"GET", "/api/v1/account/backup", nil},
		{"PUT", "/api/v1/account/backup", &api.BackupPut{Counter: 1, Blob: []byte("x"), Auths: [][]byte{authKey("x")}}},
		{"POST", "/api/v1/mailbox/" + ada.user.String(), &api.MailboxPost{Body: []byte("x")}},
	} {
		h.refused(api.CodeNotBound, r.method, r.path, minted.Token, r.body)
	}
	call[api.Empty](h, "DELETE", "/api/v1/account/sessions/"+minted.Session.Endpoint, ada.first.Token, nil)
	h.refused(api.CodeNoSession, "GET", "/api/v1/auth/session", minted.Token, nil)
}

func TestSessionsAreTheirUsers(t *testing.T) {
	h := newHarness(t, nil)
	ada, kofi := h.newPerson("ada"), h.newPerson("kofi")
	h.refused(api.CodeNotFound, "DELETE", "/api/v1/account/sessions/"+ada.first.Session.Endpoint, kofi.first.Token, nil)
	h.refused(api.CodeMalformed, "DELETE", "/api/v1/account/sessions/xyz", kofi.first.Token, nil)
	if list := call[api.Sessions](h, "GET", "/api/v1/account/sessions", kofi.first.Token, nil).Sessions; len(list) != 1 || !list[0].Current {
		t.Errorf("sessions %+v, want the caller's own", list)
	}
	call[api.Empty](h, "DELETE", "/api/v1/auth/session", ada.first.Token, nil)
	h.refused(api.CodeNoSession, "GET", "/api/v1/auth/session", ada.first.Token, nil)
}

func TestSessionLifetime(t *testing.T) {
	h := newHarness(t, nil)
	s := h.register("ada")
	ada := &person{h: h, handle: "ada", user: mustUser(t, s.Session.User), identity: newKey(t), devices: []*device{newDevice(t)}}
	ada.publish(s.Token, ada.record(ada.devices))
	for range 3 { // it slides
		h.pass(29 * 24 * time.Hour)
		call[api.Session](h, "GET", "/api/v1/auth/session", s.Token, nil)
	}
	h.pass(30*24*time.Hour + time.Second)
	h.refused(api.CodeNoSession, "GET", "/api/v1/auth/session", s.Token, nil)
}

func TestUnclaimedHandlesAreFreed(t *testing.T) {
	h := newHarness(t, nil)
	s := h.register("ada")
	claimed := h.newPerson("grace")
	h.pass(23 * time.Hour)
	service := h.service
	if err := service.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	call[api.Session](h, "GET", "/api/v1/auth/session", s.Token, nil)
	h.pass(2 * time.Hour)
	if err := service.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.refused(api.CodeNoSession, "GET", "/api/v1/auth/session", s.Token, nil)
	h.register("ada")
	call[api.Session](h, "GET", "/api/v1/auth/session", claimed.first.Token, nil)
	h.refused(api.CodeHandleTaken, "POST", "/api/v1/auth/password/register", "", &api.PasswordRegister{
		Handle: "grace", AuthKey: authKey("x"), Params: clientParams, Name: "x",
	})
}

func TestBind(t *testing.T) {
	h := newHarness(t, nil)
	ada, kofi := h.newPerson("ada"), h.newPerson("kofi")
	s := h.login("ada", "tablet")
	foreign := bindRequest(t, &s.Session, kofi.devices[0])
	h.refused(api.CodeBindRefused, "POST", "/api/v1/account/bind", s.Token, foreign)
	foreign.Device = ada.devices[0].id.String()
	h.refused(api.CodeBindRefused, "POST", "/api/v1/account/bind", s.Token, foreign)
	// A signature for another session of the same device is no good.
	h.refused(api.CodeBindRefused, "POST", "/api/v1/account/bind", s.Token, bindRequest(t, &ada.first.Session, ada.devices[0]))
	h.refused(api.CodeMalformed, "POST", "/api/v1/account/bind", s.Token, &api.Bind{Device: "x"})
	// A device has one session: the older one ends.
	ada.bind(s, ada.devices[0])
	h.refused(api.CodeNoSession, "GET", "/api/v1/auth/session", ada.first.Token, nil)
	// An account without a record has no devices.
	noor := h.register("noor")
	h.refused(api.CodeBindRefused, "POST", "/api/v1/account/bind", noor.Token, bindRequest(t, &noor.Session, newDevice(t)))
}

func TestRemovedDeviceIsOutAtOnce(t *testing.T) {
	h := newHarness(t, nil)
	ada := h.newPerson("ada")
	_, tablet := ada.addDevice("tablet")
	call[api.Session](h, "GET", "/api/v1/auth/session", tablet.Token, nil)
	ada.devices = ada.devices[:1]
	ada.publish(ada.first.Token, ada.record(ada.devices))
	h.refused(api.CodeNoSession, "GET", "/api/v1/auth/session", tablet.Token, nil)
	call[api.Session](h, "GET", "/api/v1/auth/session", ada.first.Token, nil)

	// Also if the server was killed before it could end the session.
	d, tablet := ada.addDevice("tablet")
	row := h.store.sessions[len(h.store.sessions)-1]
	ada.devices = ada.devices[:1]
	ada.publish(ada.first.Token, ada.record(ada.devices))
	row.Device = d.id
	h.store.sessions = append(h.store.sessions, row)
	h.refused(api.CodeNoSession, "GET", "/api/v1/auth/session", tablet.Token, nil)
	h.refused(api.CodeNoSession, "GET", "/api/v1/account/sessions", tablet.Token, nil)
}

func TestRecords(t *testing.T) {
	h := newHarness(t, nil)
	ada, kofi := h.newPerson("ada"), h.newPerson("kofi")
	// The same record again, after its answer was lost.
	if got := ada.publish(ada.first.Token, ada.last); got.Version != 0 || !got.Published {
		t.Errorf("the same record again: %+v", got)
	}
	next := ada.record(ada.devices)
	h.refused(api.CodeForbidden, "POST", "/api/v1/account/record", kofi.first.Token, next.Encode())
	h.refused(api.CodeRecordRefused, "POST", "/api/v1/account/record", ada.first.Token, next.Encode()[:80])
	skipped := ada.record(ada.devices)
	skipped.Version++
	ada.sign(skipped)
	h.refused(api.CodeRecordRefused, "POST", "/api/v1/account/record", ada.first.Token, skipped.Encode())
	forged := ada.record(ada.devices)
	forged.Signature[0] ^= 1
	h.refused(api.CodeRecordRefused, "POST", "/api/v1/account/record", ada.first.Token, forged.Encode())
	h.refused(api.CodeMediaType, "POST", "/api/v1/account/record", ada.first.Token, &api.Empty{})
	h.records.fail = directory.ErrUnavailable
	h.refused(api.CodeBusy, "POST", "/api/v1/account/record", ada.first.Token, next.Encode())
	h.records.fail = errors.New("disk of ada is full")
	h.refused(api.CodeInternal, "POST", "/api/v1/account/record", ada.first.Token, next.Encode())
	h.log.b.Reset() // what a store says is the operator's to read, and is the test's own here
	h.records.fail = directory.ErrHandle
	h.refused(api.CodeHandleTaken, "POST", "/api/v1/account/record", ada.first.Token, next.Encode())
	if got := ada.publish(ada.first.Token, next); got.Version != 1 || got.Size != got.Epoch+1 {
		t.Errorf("accepted %+v", got)
	}
}

// TestFirstRecordClaims holds that the handle of an account's first record is the
// one it began with, and nobody else's.
// TestRecordRates holds that a user cannot publish without end, and can send the
// last record again.
func TestRecordRates(t *testing.T) {
	h := newHarness(t, nil)
	ada, kofi := h.newPerson("ada"), h.newPerson("kofi")
	for range 60 - 1 {
		ada.publish(ada.first.Token, ada.record(ada.devices))
	}
	next := ada.record(ada.devices)
	e := h.refused(api.CodeSlowDown, "POST", "/api/v1/account/record", ada.first.Token, next.Encode())
	if wait := time.Duration(e.RetryMS) * time.Millisecond; wait < 2*time.Minute || wait > 3*time.Minute+time.Millisecond {
		t.Errorf("retry in %v, want about 3 minutes", wait)
	}
	ada.publish(ada.first.Token, ada.last)
	kofi.publish(kofi.first.Token, kofi.record(kofi.devices))
	h.pass(3 * time.Minute)
	ada.publish(ada.first.Token, next)
	h.refused(api.CodeSlowDown, "POST", "/api/v1/account/record", ada.first.Token, ada.record(ada.devices).Encode())
}

func TestFirstRecordClaims(t *testing.T) {
	h := newHarness(t, nil)
	h.newPerson("ada")
	s := h.register("kofi")
	for _, handle := range []string{"ada", "a.da", "someone"} {
		p := &person{h: h, handle: handle, user: mustUser(t, s.Session.User), identity: newKey(t), devices: []*device{newDevice(t)}}
		h.refused(api.CodeHandleTaken, "POST", "/api/v1/account/record", s.Token, p.record(p.devices).Encode())
	}
}

func TestResetNeedsAFreshSignIn(t *testing.T) {
	h := newHarness(t, nil)
	ada := h.newPerson("ada")
	old := h.login("ada", "new phone")
	h.pass(11 * time.Minute)
	r, lost := resetRecord(ada)
	h.refused(api.CodeNotFresh, "POST", "/api/v1/account/record", old.Token, r.Encode())
	fresh := h.login("ada", "new phone")
	h.pass(9 * time.Minute)
	ada.publish(fresh.Token, r)
	ada.bind(fresh, ada.devices[0])
	// Whoever had the lost devices is out.
	h.refused(api.CodeNoSession, "GET", "/api/v1/auth/session", ada.first.Token, nil)
	h.refused(api.CodeBindRefused, "POST", "/api/v1/account/bind", old.Token, bindRequest(t, &old.Session, lost))
}

// resetRecord gives a person new keys and returns the record that says so, and a
// device that was lost.
func resetRecord(p *person) (*identity.Record, *device) {
	lost := p.devices[0]
	p.identity, p.devices = newKey(p.h), []*device{newDevice(p.h)}
	r := p.record(p.devices)
	r.Reset = true
	d := &r.Devices[0]
	d.AddedBy = d.ID
	d.Proof = [64]byte(ed25519.Sign(p.devices[0].key, d.SigningInput(p.user)))
	for i := range r.Removed {
		r.Removed[i].By = identity.DeviceID{}
	}
	p.sign(r)
	return r, lost
}

func TestManySessions(t *testing.T) {
	h := newHarness(t, nil)
	ada := h.newPerson("ada")
	first := h.login("ada", "0")
	for range 64 {
		h.login("ada", "x")
	}
	list := call[api.Sessions](h, "GET", "/api/v1/account/sessions", ada.first.Token, nil).Sessions
	if len(list) != 64 {
		t.Errorf("%d sessions, want 64", len(list))
	}
	h.refused(api.CodeNoSession, "GET", "/api/v1/auth/session", first.Token, nil)
}
