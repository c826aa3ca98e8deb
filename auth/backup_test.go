package auth_test

import (
	"slices"
	"testing"
	"time"

	"conclave/api"
)

func TestBackup(t *testing.T) {
	h := newHarness(t, nil)
	ada, kofi := h.newPerson("ada"), h.newPerson("kofi")
	h.refused(api.CodeNotFound, "GET", "/api/v1/account/backup", ada.first.Token, nil)
	h.refused(api.CodeNotFound, "POST", "/api/v1/account/backup/open", ada.first.Token, &api.BackupOpen{Auth: authKey("x")})
	put := &api.BackupPut{Counter: 2, Blob: []byte("sealed"), Auths: [][]byte{authKey("words"), authKey("prf")}}
	call[api.Empty](h, "PUT", "/api/v1/account/backup", ada.first.Token, put)
	if b := call[api.Backup](h, "GET", "/api/v1/account/backup", ada.first.Token, nil); b.Counter != 2 || string(b.Blob) != "sealed" {
		t.Errorf("backup %+v", b)
	}
	put.Counter = 1
	h.refused(api.CodeBackupOld, "PUT", "/api/v1/account/backup", ada.first.Token, put)
	for name, bad := range map[string]*api.BackupPut{
		"no keys":   {Counter: 3, Blob: []byte("x")},
		"short key": {Counter: 3, Blob: []byte("x"), Auths: [][]byte{[]byte("x")}},
		"nine keys": {Counter: 3, Blob: []byte("x"), Auths: slices.Repeat([][]byte{authKey("x")}, 9)},
	} {
		if e := h.refused(api.CodeMalformed, "PUT", "/api/v1/account/backup", ada.first.Token, bad); e.Message == "" {
			t.Errorf("%s: no message", name)
		}
	}
	for _, size := range []int{0, api.MaxBackup + 1} {
		h.refused(api.CodeTooLarge, "PUT", "/api/v1/account/backup", ada.first.Token,
			&api.BackupPut{Counter: 3, Blob: make([]byte, size), Auths: put.Auths})
	}
	call[api.Empty](h, "PUT", "/api/v1/account/backup", ada.first.Token,
		&api.BackupPut{Counter: 3, Blob: make([]byte, api.MaxBackup), Auths: put.Auths})
	// Nobody gets another's by knowing what opens it.
	h.refused(api.CodeNotFound, "POST", "/api/v1/account/backup/open", kofi.first.Token, &api.BackupOpen{Auth: authKey("words")})
	// A session without keys that knows does.
	fresh := h.login("ada", "new phone")
	for _, key := range []string{"words", "prf"} {
		if b := call[api.Backup](h, "POST", "/api/v1/account/backup/open", fresh.Token, &api.BackupOpen{Auth: authKey(key)}); b.Counter != 3 {
			t.Errorf("opened %d", b.Counter)
		}
	}
}

func TestBackupGuesses(t *testing.T) {
	h := newHarness(t, nil)
	ada := h.newPerson("ada")
	call[api.Empty](h, "PUT", "/api/v1/account/backup", ada.first.Token,
		&api.BackupPut{Counter: 1, Blob: []byte("sealed"), Auths: [][]byte{authKey("words")}})
	open := func(s *api.SignedIn, key string) (*api.SignedIn, *api.BackupOpen) {
		return s, &api.BackupOpen{Auth: authKey(key)}
	}
	for left := 4; left >= 0; left-- {
		s, req := open(h.login("ada", "guesser"), "wrong") // another session does not help
		e := h.refused(api.CodeCodeWrong, "POST", "/api/v1/account/backup/open", s.Token, req)
		if e.TriesLeft == nil || *e.TriesLeft != left {
			t.Fatalf("tries left %v, want %d", e.TriesLeft, left)
		}
	}
	s, right := open(h.login("ada", "guesser"), "words")
	e := h.refused(api.CodeTooManyTries, "POST", "/api/v1/account/backup/open", s.Token, right)
	if *e.TriesLeft != 0 || e.RetryMS == 0 || e.RetryMS > 15*60*1000 {
		t.Errorf("%+v, want the time to wait", e)
	}
	h.pass(15*time.Minute + time.Second)
	call[api.Backup](h, "POST", "/api/v1/account/backup/open", s.Token, right)
	_, wrong := open(s, "wrong")
	if e := h.refused(api.CodeCodeWrong, "POST", "/api/v1/account/backup/open", s.Token, wrong); *e.TriesLeft != 4 {
		t.Errorf("tries left %d after a success, want 4", *e.TriesLeft)
	}
}

func TestDeviceRequests(t *testing.T) {
	h := newHarness(t, nil)
	ada, kofi := h.newPerson("ada"), h.newPerson("kofi")
	laptop, tablet := h.login("ada", "laptop"), h.login("ada", "tablet")
	for _, s := range []*api.SignedIn{laptop, tablet} {
		call[api.Empty](h, "POST", "/api/v1/account/requests", s.Token, &api.DeviceRequestPost{Body: []byte("old")})
		call[api.Empty](h, "POST", "/api/v1/account/requests", s.Token, &api.DeviceRequestPost{Body: []byte(s.Session.Name)})
	}
	list := func(s *api.SignedIn) []api.DeviceRequest {
		return call[api.DeviceRequests](h, "GET", "/api/v1/account/requests", s.Token, nil).Requests
	}
	if got := list(ada.first); len(got) != 2 || got[0].Name != string(got[0].Body) || got[0].ExpiresMS != got[0].CreatedMS+600_000 {
		t.Errorf("requests %+v, want both", got)
	}
	if got := list(laptop); len(got) != 1 || got[0].Name != "laptop" {
		t.Errorf("a device without keys sees %+v, want its own request", got)
	}
	if got := list(kofi.first); len(got) != 0 {
		t.Errorf("another user sees %+v", got)
	}
	box := call[api.Mailbox](h, "GET", "/api/v1/mailbox", ada.first.Token, nil).Messages
	if last := box[len(box)-1]; last.Kind != "request" || last.FromEndpoint != tablet.Session.Endpoint {
		t.Errorf("mailbox ends with %+v, want word of the request", last)
	}
	h.refused(api.CodeForbidden, "POST", "/api/v1/account/requests", ada.first.Token, &api.DeviceRequestPost{Body: []byte("x")})
	for _, size := range []int{0, api.MaxDeviceRequest + 1} {
		h.refused(api.CodeTooLarge, "POST", "/api/v1/account/requests", laptop.Token, &api.DeviceRequestPost{Body: make([]byte, size)})
	}
	call[api.Empty](h, "POST", "/api/v1/account/requests", laptop.Token, &api.DeviceRequestPost{Body: make([]byte, api.MaxDeviceRequest)})
	of := "/api/v1/account/requests/" + laptop.Session.Endpoint
	h.refused(api.CodeNotFound, "DELETE", of, kofi.first.Token, nil)
	h.refused(api.CodeNotFound, "DELETE", of, tablet.Token, nil)
	call[api.Empty](h, "DELETE", of, ada.first.Token, nil)
	h.refused(api.CodeNotFound, "DELETE", of, ada.first.Token, nil)
	h.pass(10 * time.Minute)
	if got := list(ada.first); len(got) != 0 {
		t.Errorf("after 10 minutes: %+v", got)
	}
	for i := range 9 {
		s := h.login("ada", "x")
		if i < 8 {
			call[api.Empty](h, "POST", "/api/v1/account/requests", s.Token, &api.DeviceRequestPost{Body: []byte("x")})
		} else {
			h.refused(api.CodeSlowDown, "POST", "/api/v1/account/requests", s.Token, &api.DeviceRequestPost{Body: []byte("x")})
		}
	}
}
