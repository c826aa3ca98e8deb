package account

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"conclave/api"
	"conclave/client/directory"
	"conclave/client/remote"
	"conclave/client/vault"
	"conclave/core/account"
)

func joined(words []string) string { return strings.Join(words, " ") }

var errCrash = errors.New("the program died")

// dying is a vault that fails from the n-th Put of this package's state on: the
// program is dead. What the directory writes in between is not counted, because
// it depends on what others publish.
type dying struct {
	vault.Store
	left int
}

func (d *dying) Put(ctx context.Context, key string, value []byte) error {
	if key == stateKey {
		d.left--
	}
	if d.left < 0 {
		return errCrash
	}
	return d.Store.Put(ctx, key, value)
}

// TestCrashAtSignUp kills the program at each write of a sign-up. Started again,
// the same commands end with a good account, and the handle is never stuck.
func TestCrashAtSignUp(t *testing.T) {
	t.Parallel()
	const most = 12 // more than there are
	var crashed atomic.Int32
	t.Run("at", func(t *testing.T) {
		for n := range most {
			t.Run(strconv.Itoa(n), func(t *testing.T) {
				t.Parallel()
				handle := handleFor(t, "eve")
				p := newPhone(t, "Eve's phone")
				under := p.vault
				p.vault = &dying{under, n}
				if err := p.start(); err != nil {
					t.Fatal(err)
				}
				err := signUp(t, p, handle)
				if err != nil && !errors.Is(err, errCrash) {
					t.Fatal(err)
				}
				if err != nil {
					crashed.Add(1)
				}
				p.vault = under
				if err := p.start(); err != nil {
					t.Fatalf("starting again: %v", err)
				}
				if err := signUp(t, p, handle); err != nil {
					t.Fatalf("again: %v", err)
				}
				if s := ready(t, p); s.Version != 0 || s.Devices != 1 || s.Backup != 1 {
					t.Errorf("%+v", s)
				}
			})
		}
	})
	if n := crashed.Load(); n < 5 || n == most {
		t.Errorf("%d of %d crashed; a sign-up has other numbers of writes", n, most)
	}
}

// signUp does what register does, each step only if it is still to do.
func signUp(t *testing.T, p *phone, handle string) error {
	ctx := t.Context()
	s, err := p.Status(ctx)
	if err != nil {
		return err
	}
	if s.Stage == StageSignedOut {
		if s, err = p.SignUpPassword(ctx, handle, "Eve", testPassword, ""); err != nil {
			return err
		}
	}
	if s.Stage == StageReady {
		return nil
	}
	r, err := p.CreateIdentity(ctx, handle, "Eve")
	if err != nil {
		return err
	}
	_, err = p.ConfirmRecovery(ctx, [2]string{r.Words[r.Confirm[0]-1], r.Words[r.Confirm[1]-1]})
	return err
}

// TestCutAtSignUp cuts the line before and after each request of a sign-up.
func TestCutAtSignUp(t *testing.T) {
	t.Parallel()
	const most = 12 // more than there are
	var cuts atomic.Int32
	t.Run("at", func(t *testing.T) {
		for n := range 2 * most {
			t.Run(strconv.Itoa(n), func(t *testing.T) {
				t.Parallel()
				if cutAtSignUp(t, n/2, n%2 == 1) {
					cuts.Add(1)
				}
			})
		}
	})
	if n := cuts.Load(); n < 12 || n == 2*most {
		t.Errorf("%d of %d were cut; a sign-up has other numbers of requests", n, 2*most)
	}
}

// cutAtSignUp cuts the line at the n-th request, before or after the server has
// it, and reports whether there was such a request.
func cutAtSignUp(t *testing.T, n int, after bool) (cut bool) {
	handle := handleFor(t, "max")
	p := newPhone(t, "Max's phone")
	p.wire.set(func(_ remote.Request, do func() (remote.Response, error)) (remote.Response, error) {
		if n--; n != -1 {
			return do()
		}
		cut = true
		if after {
			if _, err := do(); err != nil {
				return remote.Response{}, err
			}
		}
		return remote.Response{}, errors.Join(remote.ErrUnreachable, errCut)
	})
	err := signUp(t, p, handle)
	p.wire.set(nil)
	if again := signUp(t, p, handle); again != nil {
		t.Fatalf("%v; again: %v", err, again)
	}
	if s := ready(t, p); s.Version != 0 || s.Devices != 1 {
		t.Errorf("%+v", s)
	}
	return cut
}

// TestWrongCode tries wrong words until the server lets nobody try any more.
func TestWrongCode(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	handle := handleFor(t, "kim")
	words := newPhone(t, "Kim's phone")
	good := words.register(handle)
	p := newPhone(t, "Kim's other phone")
	p.login(handle, StageNoKeys)
	for left := 4; left >= 0; left-- {
		wrong := account.NewRecoveryCode()
		_, err := p.Recover(ctx, joined(wrong.Words()))
		tries := new(TriesError)
		if !errors.As(err, &tries) || tries.Left != left || !errors.Is(err, account.ErrCode) {
			t.Fatalf("%v, want %d tries left", err, left)
		}
	}
	_, err := p.Recover(ctx, joined(good))
	tries := new(TriesError)
	if !errors.As(err, &tries) || tries.Left != 0 || tries.RetryMS == 0 {
		t.Errorf("after the last try: %v", err)
	}
	if _, err := p.Recover(ctx, "not a code"); !errors.Is(err, account.ErrWords) {
		t.Errorf("no code at all: %v", err)
	}
	if s := p.status(); s.Stage != StageNoKeys {
		t.Errorf("stage %q", s.Stage)
	}
}

// TestNewRecovery replaces a code that was lost: the new one opens the backup, the
// old one does not, and verifications stay.
func TestNewRecovery(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	handle, friend := handleFor(t, "kim"), handleFor(t, "lou")
	p, other := newPhone(t, "Kim's phone"), newPhone(t, "Lou's phone")
	old := p.register(handle)
	other.register(friend)
	if _, err := p.SafetyNumber(ctx, friend); err != nil {
		t.Fatal(err)
	}
	if _, err := p.ConfirmNumber(ctx, friend); err != nil {
		t.Fatal(err)
	}
	r, err := p.NewRecovery(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := p.NewRecovery(ctx); err != nil || joined(again.Words) != joined(r.Words) {
		t.Errorf("again: %v, %v", again.Words, err)
	}
	p.confirmWords(r)
	fresh := newPhone(t, "Kim's new phone")
	fresh.login(handle, StageNoKeys)
	if _, err := fresh.Recover(ctx, joined(old)); !errors.Is(err, account.ErrCode) {
		t.Errorf("the old code: %v", err)
	}
	if s, err := fresh.Recover(ctx, joined(r.Words)); err != nil || s.Stage != StageReady || fresh.level(friend) != "number" {
		t.Errorf("the new code: %+v, %v, Lou is %q", s, err, fresh.level(friend))
	}
	if _, err := fresh.AddContact(ctx, friend); err != nil {
		t.Errorf("the next backup: %v", err)
	}
}

// TestWithheld has the server call the right code wrong.
func TestWithheld(t *testing.T) {
	t.Parallel()
	handle := handleFor(t, "kim")
	first := newPhone(t, "Kim's phone")
	words := first.register(handle)
	p := newPhone(t, "Kim's other phone")
	p.login(handle, StageNoKeys)
	p.wire.set(func(r remote.Request, do func() (remote.Response, error)) (remote.Response, error) {
		if strings.HasSuffix(r.Path, "/backup/open") {
			return remote.Response{Status: http.StatusForbidden, Type: "application/json", Body: []byte(`{"code":"code-wrong","message":"","tries_left":4}`)}, nil
		}
		return do()
	})
	if _, err := p.Recover(t.Context(), joined(words)); !errors.Is(err, ErrWithheld) {
		t.Errorf("%v, want %v", err, ErrWithheld)
	}
}

// TestOldBackup has the server bring back the first backup: it is refused, and an
// alarm.
func TestOldBackup(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	handle, friend := handleFor(t, "kim"), handleFor(t, "lou")
	p := newPhone(t, "Kim's phone")
	var backups [][]byte
	p.wire.set(func(r remote.Request, do func() (remote.Response, error)) (remote.Response, error) {
		if r.Method == http.MethodPut && strings.HasSuffix(r.Path, "/backup") {
			backups = append(backups, r.Body)
		}
		return do()
	})
	words := p.register(handle)
	newPhone(t, "Lou's phone").register(friend)
	if _, err := p.AddContact(ctx, friend); err != nil {
		t.Fatal(err)
	}
	if len(backups) < 2 {
		t.Fatalf("%d backups, want 2", len(backups))
	}
	var old api.BackupPut
	if err := json.Unmarshal(backups[0], &old); err != nil {
		t.Fatal(err)
	}
	answer, err := json.Marshal(api.Backup{Counter: 99, Blob: old.Blob})
	if err != nil {
		t.Fatal(err)
	}
	lost := newPhone(t, "Kim's new phone")
	lost.login(handle, StageNoKeys)
	lost.wire.set(func(r remote.Request, do func() (remote.Response, error)) (remote.Response, error) {
		if strings.HasSuffix(r.Path, "/backup/open") {
			return remote.Response{Status: http.StatusOK, Type: "application/json", Body: answer}, nil
		}
		return do()
	})
	if _, err := lost.Recover(ctx, joined(words)); !errors.Is(err, account.ErrBackupOld) {
		t.Errorf("%v, want %v", err, account.ErrBackupOld)
	}
	alarms, err := lost.Alarms(ctx)
	if err != nil || len(alarms) != 1 || alarms[0].Message != "backup-old" || alarms[0].Attack != "MS-32" {
		t.Errorf("alarms %+v, %v", alarms, err)
	}
	lost.wire.set(nil)
	if s, err := lost.Recover(ctx, joined(words)); err != nil || s.Stage != StageReady || lost.level(friend) == "unknown" {
		t.Errorf("with the true backup: %+v, %v, Lou is %q", s, err, lost.level(friend))
	}
}

// TestClock signs up with a clock that is a day off: refused and told, and nothing
// is stuck once the clock is right.
func TestClock(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]time.Duration{"behind": -24 * time.Hour, "ahead": 25 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			handle := handleFor(t, "nia")
			p := newPhone(t, "Nia's phone")
			p.clock = func() time.Time { return time.Now().Add(off) }
			if err := p.start(); err != nil {
				t.Fatal(err)
			}
			err := signUp(t, p, handle)
			alarm := new(directory.AlarmError)
			if !errors.As(err, &alarm) || alarm.Alarm.ID != "clock" && alarm.Alarm.ID != "frozen" {
				t.Errorf("sign-up: %v, want an alarm about time", err)
			}
			p.clock = time.Now
			if err := p.start(); err != nil {
				t.Fatal(err)
			}
			if err := signUp(t, p, handle); err != nil {
				t.Errorf("with the right clock: %v", err)
			}
			ready(t, p)
		})
	}
}

// TestSignInWithoutKeys has somebody sign in elsewhere: it is told once, and what
// they ask for can be refused.
func TestSignInWithoutKeys(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	handle := handleFor(t, "ola")
	p, thief := newPhone(t, "Ola's phone"), newPhone(t, "Firefox on Linux")
	p.register(handle)
	if _, err := p.Monitor(ctx); err != nil {
		t.Fatal(err)
	}
	if p.MonitorDue() {
		t.Error("due again at once")
	}
	thief.login(handle, StageNoKeys)
	if _, err := thief.RequestDevice(ctx); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 0} {
		alarms, err := p.Monitor(ctx)
		if err != nil || len(alarms) != want || want == 1 && (alarms[0].Message != "signin-no-keys" || alarms[0].Attack != "MS-34" || alarms[0].Device != "Firefox on Linux") {
			t.Errorf("time %d: %+v, %v", i, alarms, err)
		}
	}
	requests, err := p.Requests(ctx)
	if err != nil || len(requests) != 1 {
		t.Fatalf("%+v, %v", requests, err)
	}
	if err := p.Refuse(ctx, requests[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := thief.Sessions(ctx); err == nil {
		t.Error("the refused session goes on")
	}
	if _, err := thief.Recover(ctx, "x"); err == nil {
		t.Error("it has keys")
	}
	if _, err := p.Monitor(ctx); err != nil {
		t.Fatal(err)
	}
	if left, err := p.Alarms(ctx); err != nil || len(left) != 0 {
		t.Errorf("after it ended: %+v, %v", left, err)
	}
}

// TestDamagedVault changes what the vault holds.
func TestDamagedVault(t *testing.T) {
	t.Parallel()
	p := newPhone(t, "Pat's phone")
	p.register(handleFor(t, "pat"))
	if err := p.vault.Put(t.Context(), stateKey, []byte(`{"user":`)); err != nil {
		t.Fatal(err)
	}
	if err := p.start(); !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("%v, want %v", err, vault.ErrDamaged)
	}
}

// TestAnotherAccount signs in to a second account on a device that has one.
func TestAnotherAccount(t *testing.T) {
	t.Parallel()
	p, q := newPhone(t, "Ria's phone"), newPhone(t, "Sam's phone")
	ria, sam := handleFor(t, "ria"), handleFor(t, "sam")
	p.register(ria)
	q.register(sam)
	if _, err := p.SignInPassword(t.Context(), sam, testPassword); !errors.Is(err, ErrOtherAccount) {
		t.Errorf("%v, want %v", err, ErrOtherAccount)
	}
	ready(t, p)
	if err := p.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.login(sam, StageNoKeys)
}

// TestInvite pins a server from a link, and refuses one that does not fit.
func TestInvite(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	handle := handleFor(t, "tom")
	p := newPhone(t, "Tom's phone")
	p.register(handle)
	link, err := p.Invite(ctx, "conclave.test")
	if err != nil {
		t.Fatal(err)
	}
	guest := newPhone(t, "Una's phone")
	c, err := guest.UseInvite(ctx, link)
	if err != nil || c.Handle != handle {
		t.Fatalf("%+v, %v", c, err)
	}
	i, err := account.ParseInvite(link)
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]func(*account.Invite){
		"server":  func(i *account.Invite) { i.VRFKey[0] ^= 1 },
		"inviter": func(i *account.Invite) { i.InviterKey = [32]byte{9} },
	}
	for name, change := range bad {
		j := *i
		change(&j)
		link, err := j.Link()
		if err != nil {
			t.Fatal(err)
		}
		_, err = newPhone(t, "Una's phone").UseInvite(ctx, link)
		if err == nil {
			t.Errorf("%s: the invite was taken", name)
		}
		if name == "inviter" && !errors.Is(err, ErrInvite) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
