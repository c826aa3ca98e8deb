package contract

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"conclave/auth"
)

// account returns account n, with a handle unless it is "".
func account(n int, handle string) auth.Account {
	a := auth.Account{User: id(n), Created: uint64(1000 * n)}
	if handle != "" {
		a.Handle, a.Skeleton = handle, "~"+handle
	}
	return a
}

// login returns a login of account n.
func login(n int, key string) auth.Login {
	return auth.Login{
		Kind: auth.Passkey, Key: key, User: id(n), Provider: "p", Label: "a key",
		Data: []byte{1, 2, 3}, Created: uint64(n), Used: 5,
	}
}

// create creates an account that must be taken.
func create(t *testing.T, s auth.Store, n int, handle string) {
	t.Helper()
	if err := s.CreateAccount(t.Context(), account(n, handle), login(n, "key of "+handle+string(rune('A'+n)))); err != nil {
		t.Fatalf("CreateAccount(%d, %q) = %v", n, handle, err)
	}
}

// refused fails unless err wraps want.
func refused(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", what, err, want)
	}
}

// done fails if err is not nil.
func done(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s = %v", what, err)
	}
}

func testAccounts(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Auth()
	_, err := s.Account(ctx, id(1))
	refused(t, "Account of nobody", err, auth.ErrMissing)
	create(t, s, 1, "alice")
	create(t, s, 2, "")
	create(t, s, 3, "") // empty handles are not unique
	got, err := s.Account(ctx, id(1))
	if want := account(1, "alice"); got != want || err != nil {
		t.Errorf("Account = %+v, %v; want %+v", got, err, want)
	}
	for _, test := range []struct {
		name string
		a    auth.Account
		l    auth.Login
	}{
		{"user", account(1, "other"), login(1, "k1")},
		{"handle", account(7, "alice"), login(7, "k2")},
		{"skeleton", auth.Account{User: id(7), Handle: "al1ce", Skeleton: "~alice"}, login(7, "k3")},
		{"login", account(7, "grace"), login(7, "key of aliceB")},
	} {
		refused(t, "CreateAccount, taken "+test.name, s.CreateAccount(ctx, test.a, test.l), auth.ErrTaken)
		_, err := s.Login(ctx, auth.Passkey, test.l.Key)
		if test.name != "login" {
			refused(t, "Login of the refused account", err, auth.ErrMissing)
		}
		_, err = s.Account(ctx, id(7))
		refused(t, "Account that was refused", err, auth.ErrMissing)
	}
	for skeleton, want := range map[string]bool{"~alice": true, "alice": false, "": false, "~grace": false} {
		if got, err := s.SkeletonTaken(ctx, skeleton); got != want || err != nil {
			t.Errorf("SkeletonTaken(%q) = %v, %v; want %v", skeleton, got, err, want)
		}
	}
}

func testHandles(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Auth()
	create(t, s, 1, "alice")
	create(t, s, 2, "")
	create(t, s, 3, "")
	refused(t, "SetHandle of nobody", s.SetHandle(ctx, id(9), "nina", "~nina"), auth.ErrMissing)
	refused(t, "SetHandle, taken", s.SetHandle(ctx, id(2), "alice", "~x"), auth.ErrTaken)
	refused(t, "SetHandle, alike", s.SetHandle(ctx, id(2), "x", "~alice"), auth.ErrTaken)
	done(t, "SetHandle", s.SetHandle(ctx, id(2), "bob", "~bob"))
	done(t, "SetHandle again", s.SetHandle(ctx, id(2), "bob", "~bob"))
	refused(t, "SetHandle, another one", s.SetHandle(ctx, id(2), "rob", "~rob"), auth.ErrTaken)
	done(t, "SetHandle of the same", s.SetHandle(ctx, id(1), "alice", "~alice"))
	refused(t, "SetHandle, just taken", s.SetHandle(ctx, id(3), "bob", "~other"), auth.ErrTaken)
	for n, handle := range map[int]string{1: "alice", 2: "bob", 3: ""} {
		want := account(n, handle)
		want.Claimed = handle != ""
		if got, err := s.Account(ctx, id(n)); got != want || err != nil {
			t.Errorf("Account(%d) = %+v, %v; want %+v", n, got, err, want)
		}
	}
}

func testDeleteUnclaimed(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Auth()
	create(t, s, 1, "claimed")
	done(t, "SetHandle", s.SetHandle(ctx, id(1), "claimed", "~claimed"))
	create(t, s, 2, "")
	create(t, s, 3, "old")
	create(t, s, 4, "new")
	done(t, "CreateSession", s.CreateSession(ctx, session(3, 1)))
	done(t, "PutBackup", s.PutBackup(ctx, auth.Backup{User: id(3)}))
	if n, err := s.DeleteUnclaimed(ctx, 4000); n != 1 || err != nil { // account 4 was made at 4000
		t.Errorf("DeleteUnclaimed = %d, %v; want 1", n, err)
	}
	for n, there := range map[int]bool{1: true, 2: true, 3: false, 4: true} {
		if _, err := s.Account(ctx, id(n)); (err == nil) != there {
			t.Errorf("Account(%d) = %v, want one: %v", n, err, there)
		}
	}
	_, err := s.Login(ctx, auth.Passkey, "key of oldD")
	refused(t, "Login of what was deleted", err, auth.ErrMissing)
	_, err = s.Session(ctx, hash(1))
	refused(t, "Session of what was deleted", err, auth.ErrMissing)
	_, err = s.Backup(ctx, id(3))
	refused(t, "Backup of what was deleted", err, auth.ErrMissing)
	create(t, s, 5, "old") // free again: the directory never had it
	if n, err := s.DeleteUnclaimed(ctx, math.MaxUint64); n != 2 || err != nil {
		t.Errorf("DeleteUnclaimed of all = %d, %v; want 2", n, err)
	}
}

func testLogins(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Auth()
	create(t, s, 1, "alice")
	create(t, s, 2, "bob")
	second := login(1, "second")
	second.Created, second.Label, second.Data = 0, "", []byte{}
	done(t, "AddLogin", s.AddLogin(ctx, second))
	otherKind := second
	otherKind.Kind, otherKind.User = auth.OIDC, id(2)
	done(t, "AddLogin of another kind", s.AddLogin(ctx, otherKind))
	refused(t, "AddLogin again", s.AddLogin(ctx, second), auth.ErrTaken)
	refused(t, "AddLogin of nobody", s.AddLogin(ctx, login(9, "k")), auth.ErrMissing)

	got, err := s.Login(ctx, auth.Passkey, "second")
	if !reflect.DeepEqual(got, second) || err != nil {
		t.Errorf("Login = %+v, %v; want %+v", got, err, second)
	}
	for _, test := range []struct {
		kind auth.LoginKind
		key  string
	}{{auth.Password, "second"}, {auth.Passkey, "Second"}, {auth.Passkey, ""}} {
		_, err := s.Login(ctx, test.kind, test.key)
		refused(t, "Login", err, auth.ErrMissing)
	}
	all, err := s.Logins(ctx, id(1))
	if want := []auth.Login{second, login(1, "key of aliceB")}; !reflect.DeepEqual(all, want) || err != nil {
		t.Errorf("Logins = %+v, %v; want %+v", all, err, want)
	}
	if all, err := s.Logins(ctx, id(9)); len(all) != 0 || err != nil {
		t.Errorf("Logins of nobody = %v, %v", all, err)
	}

	next := second
	next.Data, next.Used, next.Label = []byte{9}, 99, "not changed by this"
	refused(t, "UpdateLogin of what has changed", s.UpdateLogin(ctx, next, []byte{4}), auth.ErrMissing)
	done(t, "UpdateLogin", s.UpdateLogin(ctx, next, second.Data))
	refused(t, "UpdateLogin again", s.UpdateLogin(ctx, next, second.Data), auth.ErrMissing)
	next.Label = ""
	if got, err := s.Login(ctx, auth.Passkey, "second"); !reflect.DeepEqual(got, next) || err != nil {
		t.Errorf("Login after UpdateLogin = %+v, %v; want %+v", got, err, next)
	}
	unknown := login(1, "unknown")
	refused(t, "UpdateLogin of none", s.UpdateLogin(ctx, unknown, unknown.Data), auth.ErrMissing)

	refused(t, "DeleteLogin of another", s.DeleteLogin(ctx, id(2), auth.Passkey, "second"), auth.ErrMissing)
	done(t, "DeleteLogin", s.DeleteLogin(ctx, id(1), auth.Passkey, "second"))
	refused(t, "DeleteLogin again", s.DeleteLogin(ctx, id(1), auth.Passkey, "second"), auth.ErrMissing)
	if _, err := s.Login(ctx, auth.OIDC, "second"); err != nil {
		t.Errorf("Login of another kind = %v", err)
	}
}

// session returns session number k of account n.
func session(n, k int) auth.Session {
	return auth.Session{
		Token: hash(k), Endpoint: id(1000 + k), User: id(n), Name: "Firefox on Linux", Method: "oidc:work",
		SignedIn: uint64(100 - k), Seen: 7, Expires: uint64(1000 * k),
	}
}

func testSessions(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Auth()
	create(t, s, 1, "alice")
	create(t, s, 2, "bob")
	for k := range 4 {
		done(t, "CreateSession", s.CreateSession(ctx, session(1+k/3, k)))
	}
	refused(t, "CreateSession of nobody", s.CreateSession(ctx, session(9, 20)), auth.ErrMissing)
	again := session(2, 20)
	again.Token = hash(1)
	if s.CreateSession(ctx, again) == nil {
		t.Error("two sessions with one token")
	}
	again.Token, again.Endpoint = hash(20), id(1001)
	if s.CreateSession(ctx, again) == nil {
		t.Error("two sessions with one endpoint")
	}

	got, err := s.Session(ctx, hash(1))
	if want := session(1, 1); got != want || err != nil {
		t.Errorf("Session = %+v, %v; want %+v", got, err, want)
	}
	got, err = s.SessionAt(ctx, id(1001))
	if want := session(1, 1); got != want || err != nil {
		t.Errorf("SessionAt = %+v, %v; want %+v", got, err, want)
	}
	_, err = s.Session(ctx, hash(20))
	refused(t, "Session of none", err, auth.ErrMissing)
	_, err = s.SessionAt(ctx, id(1020))
	refused(t, "SessionAt of none", err, auth.ErrMissing)

	done(t, "TouchSession", s.TouchSession(ctx, id(1001), 50, 60))
	refused(t, "BindSession of none", s.BindSession(ctx, id(1020), id(5)), auth.ErrMissing)
	done(t, "BindSession", s.BindSession(ctx, id(1001), id(5)))
	want := session(1, 1)
	want.Seen, want.Expires, want.Device = 50, 60, id(5)
	all, err := s.Sessions(ctx, id(1))
	if want := []auth.Session{session(1, 2), want, session(1, 0)}; !slices.Equal(all, want) || err != nil {
		t.Errorf("Sessions = %+v, %v; want %+v", all, err, want)
	}

	done(t, "DeleteSession", s.DeleteSession(ctx, id(1001)))
	done(t, "DeleteSession of none", s.DeleteSession(ctx, id(1001)))
	done(t, "TouchSession of none", s.TouchSession(ctx, id(1001), 1, 2))
	_, err = s.Session(ctx, hash(1))
	refused(t, "Session after its end", err, auth.ErrMissing)
	if all, err := s.Sessions(ctx, id(1)); len(all) != 2 || err != nil {
		t.Errorf("%d sessions, %v; want 2", len(all), err)
	}
}

func testDeleteExpired(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Auth()
	create(t, s, 1, "alice")
	for k := 1; k <= 3; k++ {
		done(t, "CreateSession", s.CreateSession(ctx, session(1, k)))
	}
	for key, window := range map[string]uint64{"ends": 1999, "stays": 2000} {
		if _, _, err := s.Try(ctx, key, 0, window, 1); err != nil {
			t.Error(err)
		}
	}
	done(t, "DeleteExpired", s.DeleteExpired(ctx, 2000)) // session k ends at 1000 k
	all, err := s.Sessions(ctx, id(1))
	if want := []auth.Session{session(1, 3), session(1, 2)}; !slices.Equal(all, want) || err != nil {
		t.Errorf("Sessions = %+v, %v; want %+v", all, err, want)
	}
	for key, want := range map[string]int{"ends": 1, "stays": 2} {
		if n, _, err := s.Try(ctx, key, 1000, 5000, 1); n != want || err != nil {
			t.Errorf("Try(%q) = %d, %v; want %d", key, n, err, want)
		}
	}
	done(t, "DeleteExpired of all", s.DeleteExpired(ctx, math.MaxUint64))
}

func testBackups(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Auth()
	create(t, s, 1, "alice")
	_, err := s.Backup(ctx, id(1))
	refused(t, "Backup of none", err, auth.ErrMissing)
	refused(t, "PutBackup of nobody", s.PutBackup(ctx, auth.Backup{User: id(9)}), auth.ErrMissing)
	put := func(b auth.Backup) {
		t.Helper()
		done(t, "PutBackup", s.PutBackup(ctx, b))
		if got, err := s.Backup(ctx, id(1)); !reflect.DeepEqual(got, b) || err != nil {
			t.Errorf("Backup = %+v, %v; want %+v", got, err, b)
		}
	}
	put(auth.Backup{User: id(1), Blob: []byte{}, Stored: 1})
	put(auth.Backup{User: id(1), Counter: 5, Blob: make([]byte, 256<<10), Auths: [][32]byte{hash(1), hash(2)}, Stored: 2})
	latest := auth.Backup{User: id(1), Counter: 5, Blob: []byte{5}, Auths: [][32]byte{hash(3)}, Stored: 3}
	put(latest)
	refused(t, "PutBackup of an old one", s.PutBackup(ctx, auth.Backup{User: id(1), Counter: 4}), auth.ErrOld)
	if got, err := s.Backup(ctx, id(1)); !reflect.DeepEqual(got, latest) || err != nil {
		t.Errorf("Backup = %+v, %v; want %+v", got, err, latest)
	}
	put(auth.Backup{User: id(1), Counter: math.MaxInt64, Blob: []byte{6}})
	put(auth.Backup{User: id(1), Counter: math.MaxUint64, Blob: []byte{7}})
	refused(t, "PutBackup of an old one", s.PutBackup(ctx, auth.Backup{User: id(1), Counter: math.MaxInt64}), auth.ErrOld)
}

func testTries(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Auth()
	try := func(key string, now uint64, count int, until uint64) {
		t.Helper()
		n, ends, err := s.Try(ctx, key, now, 100, 3)
		if n != count || ends != until || err != nil {
			t.Errorf("Try(%q, %d) = %d, %d, %v; want %d, %d", key, now, n, ends, err, count, until)
		}
	}
	try("a", 1000, 1, 1100)
	try("a", 1050, 2, 1100)
	try("b", 1060, 1, 1160)
	try("a", 1098, 3, 1100)
	try("a", 1099, 4, 1100) // refused
	try("a", 1099, 4, 1100) // and not counted
	try("a", 1100, 1, 1200) // the window is over
	done(t, "ForgetTries", s.ForgetTries(ctx, "a"))
	done(t, "ForgetTries of none", s.ForgetTries(ctx, "a"))
	try("a", 1101, 1, 1201)
	try("b", 1102, 2, 1160)
	if n, _, err := s.Try(ctx, "never", 0, 100, 0); n != 1 || err != nil {
		t.Errorf("Try with the limit 0 = %d, %v; want 1", n, err)
	}
}

// testAnyBytes stores text that databases have opinions on.
func testAnyBytes(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Auth()
	create(t, s, 1, "alice")
	for i, text := range []string{"a\x00b", "\xff\xfe", "\xed\xa0\x80", "é", "e\u0301", "ß", "ss", "É", "'; --", "a", "A", " a", "a "} {
		l := login(1, text)
		l.Label, l.Provider, l.Created = text, text, uint64(i+5)
		done(t, "AddLogin", s.AddLogin(ctx, l))
		if got, err := s.Login(ctx, auth.Passkey, text); !reflect.DeepEqual(got, l) || err != nil {
			t.Errorf("Login(%q) = %+v, %v", text, got, err)
		}
		x := session(1, 50+i)
		x.Name, x.Method = text, text
		done(t, "CreateSession", s.CreateSession(ctx, x))
		if got, err := s.Session(ctx, x.Token); got != x || err != nil {
			t.Errorf("Session(%q) = %+v, %v", text, got, err)
		}
		if n, _, err := s.Try(ctx, text, 0, 9, 9); n != 1 || err != nil {
			t.Errorf("Try(%q) = %d, %v", text, n, err)
		}
		create(t, s, 60+i, text)
	}
}
