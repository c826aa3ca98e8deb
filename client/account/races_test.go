package account

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"conclave/client/directory"
	"conclave/client/remote"
	"conclave/core/account"
)

// TestFirstBackup recovers from the very first backup, which knows nobody yet:
// the device that comes of it must be able to make the second.
func TestFirstBackup(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	handle, friend := handleFor(t, "kim"), handleFor(t, "lou")
	first, other := newPhone(t, "Kim's phone"), newPhone(t, "Lou's phone")
	words := first.register(handle)
	other.register(friend)
	p := newPhone(t, "Kim's new phone")
	p.login(handle, StageNoKeys)
	if _, err := p.Recover(ctx, joined(words)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.AddContact(ctx, friend); err != nil {
		t.Fatal(err)
	}
	if s := ready(t, p); s.Backup != 2 {
		t.Errorf("backup %d, want 2", s.Backup)
	}
}

// TestTwoBackupsAtOnce has a device of the same person finish a backup while
// another one uploads its own under the same number. Both verifications survive.
func TestTwoBackupsAtOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	handle, lou, mia := handleFor(t, "kim"), handleFor(t, "lou"), handleFor(t, "mia")
	a, b := newPhone(t, "Kim's phone"), newPhone(t, "Kim's laptop")
	words := a.register(handle)
	newPhone(t, "Lou's phone").register(lou)
	newPhone(t, "Mia's phone").register(mia)
	b.login(handle, StageNoKeys)
	addByQR(t, a, b)
	for _, p := range []*phone{a, b} {
		for _, h := range []string{lou, mia} {
			if _, err := p.SafetyNumber(ctx, h); err != nil {
				t.Fatal(err)
			}
		}
	}
	var once atomic.Bool
	a.wire.set(func(r remote.Request, do func() (remote.Response, error)) (remote.Response, error) {
		if r.Method == http.MethodPut && strings.HasSuffix(r.Path, "/backup") && once.CompareAndSwap(false, true) {
			if _, err := b.ConfirmNumber(ctx, mia); err != nil {
				t.Errorf("the faster one: %v", err)
			}
		}
		return do()
	})
	if _, err := a.ConfirmNumber(ctx, lou); err != nil {
		t.Fatal(err)
	}
	if !once.Load() {
		t.Fatal("nothing was uploaded")
	}
	ready(t, a)
	ready(t, b)
	ready(t, a)
	for _, p := range []*phone{a, b} {
		if p.level(lou) != "number" || p.level(mia) != "number" {
			t.Errorf("%s: Lou is %q, Mia %q", p.name, p.level(lou), p.level(mia))
		}
	}
	fresh := newPhone(t, "Kim's new phone")
	fresh.login(handle, StageNoKeys)
	if _, err := fresh.Recover(ctx, joined(words)); err != nil {
		t.Fatal(err)
	}
	if fresh.level(lou) != "number" || fresh.level(mia) != "number" {
		t.Errorf("recovered: Lou is %q, Mia %q", fresh.level(lou), fresh.level(mia))
	}
}

// TestCutAtEmoji loses the answer to each message that one side sends, and ends
// its program there.
func TestCutAtEmoji(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	adaHandle, bobHandle := handleFor(t, "ada"), handleFor(t, "bob")
	ada, bob := newPhone(t, "Ada's phone"), newPhone(t, "Bob's phone")
	ada.register(adaHandle)
	bob.register(bobHandle)
	for n := range 3 { // its request or answer, its key, its MAC
		var left atomic.Int32
		left.Store(int32(n))
		cut := func(r remote.Request, do func() (remote.Response, error)) (remote.Response, error) {
			res, err := do()
			if r.Method == http.MethodPost && strings.Contains(r.Path, "/mailbox/") && left.Add(-1) == -1 {
				return remote.Response{}, errors.Join(remote.ErrUnreachable, errCut)
			}
			return res, err
		}
		ada.wire.set(cut)
		done := make(chan error, 1)
		go func() {
			c, err := bob.VerifyEmoji(ctx, adaHandle)
			if err == nil {
				_, err = finish(ctx, c, func(CheckState) bool { return true })
			}
			done <- err
		}()
		var err error
		for range 3 { // the same command again
			var c *Check
			if c, err = ada.VerifyEmoji(ctx, bobHandle); err == nil {
				var s CheckState
				if s, err = finish(ctx, c, func(CheckState) bool { return true }); err == nil && s.Phase != PhaseDone {
					t.Fatalf("message %d: %+v", n, s)
				}
			}
			if err == nil {
				break
			}
			if !errors.Is(err, errCut) {
				t.Fatalf("message %d: %v", n, err)
			}
			if err := ada.start(); err != nil {
				t.Fatal(err)
			}
		}
		if err != nil {
			t.Fatalf("message %d: %v", n, err)
		}
		if err := <-done; err != nil {
			t.Fatalf("message %d: Bob: %v", n, err)
		}
		ada.wire.set(nil)
	}
	if ada.level(bobHandle) != "emoji" || bob.level(adaHandle) != "emoji" {
		t.Error("not verified")
	}
}

// TestSplit has somebody proven tell of a directory that cannot be this one.
func TestSplit(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	p := newPhone(t, "Ivy's phone")
	p.register(handleFor(t, "ivy"))
	v := &account.Verified{Checkpoint: p.checkpoint()}
	if err := p.gossip(ctx, v); err != nil {
		t.Fatalf("the same directory: %v", err)
	}
	v.Checkpoint.Root[0] ^= 1
	err := p.gossip(ctx, v)
	alarm := new(directory.AlarmError)
	if !errors.As(err, &alarm) || alarm.Alarm.ID != "split" || alarm.Alarm.Attack != "MS-11" {
		t.Errorf("another root: %v", err)
	}
	v.Checkpoint.Origin[0] ^= 1
	if err := p.gossip(ctx, v); !errors.Is(err, account.ErrSplit) {
		t.Errorf("another origin: %v", err)
	}
}

// TestNumberOfAnotherKey resets a contact while people read the number.
func TestNumberOfAnotherKey(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	adaHandle, bobHandle := handleFor(t, "ada"), handleFor(t, "bob")
	ada, bob := newPhone(t, "Ada's phone"), newPhone(t, "Bob's phone")
	ada.register(adaHandle)
	bob.register(bobHandle)
	if _, err := ada.SafetyNumber(ctx, bobHandle); err != nil {
		t.Fatal(err)
	}
	again := newPhone(t, "Bob's new phone")
	again.login(bobHandle, StageNoKeys)
	if _, err := again.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := ada.Lookup(ctx, bobHandle); err == nil {
		t.Fatal("the reset was not told")
	}
	if _, err := ada.ConfirmNumber(ctx, bobHandle); !errors.Is(err, ErrProof) {
		t.Errorf("%v, want %v", err, ErrProof)
	}
	if ada.level(bobHandle) != "none" {
		t.Errorf("Bob is %q", ada.level(bobHandle))
	}
}
