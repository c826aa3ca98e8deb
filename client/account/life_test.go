package account

import (
	"errors"
	"testing"

	"conclave/client/directory"
)

// TestLife is the life of two people with three devices and more: signing up,
// adding devices in each way, verifying in each way, losing one, recovering, and
// beginning anew.
func TestLife(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	adaHandle, bobHandle := handleFor(t, "ada"), handleFor(t, "bob")
	ada1, bob := newPhone(t, "Ada's phone"), newPhone(t, "Bob's phone")
	words := ada1.register(adaHandle)
	bob.register(bobHandle)

	ada2, ada3 := newPhone(t, "Ada's laptop"), newPhone(t, "Ada's tablet")
	ada2.login(adaHandle, StageNoKeys)
	addByQR(t, ada1, ada2)
	ada3.login(adaHandle, StageNoKeys)
	addByEmoji(t, ada2, ada3)
	if s := ready(t, ada1); s.Devices != 3 || s.Alarms != 1 {
		t.Errorf("after two devices, one approved elsewhere: %+v", s)
	}

	verifyByEmoji(t, ada1, bob, adaHandle, bobHandle)
	for _, p := range []*phone{ada1, ada2, ada3} {
		ready(t, p)
		if l := p.level(bobHandle); l != "emoji" {
			t.Errorf("%s: Bob is %q, want emoji", p.name, l)
		}
	}
	if l := bob.level(adaHandle); l != "emoji" {
		t.Errorf("Bob: Ada is %q, want emoji", l)
	}

	revoke(t, ada1, ada2)
	r, err := bob.Lookup(ctx, adaHandle)
	if err != nil || r.Verified != "emoji" || len(r.Devices) != 3 || r.Devices[2].Removed == 0 || len(r.Changes) == 0 {
		t.Errorf("Bob sees Ada as %+v, %v; want two devices and one removed", r, err)
	}

	ada4 := newPhone(t, "Ada's new phone")
	ada4.login(adaHandle, StageNoKeys)
	if s, err := ada4.Recover(ctx, joined(words)); err != nil || s.Stage != StageReady {
		t.Fatalf("recovering: %+v, %v", s, err)
	}
	if l := ada4.level(bobHandle); l != "emoji" {
		t.Errorf("after recovery: Bob is %q, want emoji", l)
	}
	resetBob(t, ada1, ada4, bobHandle)
}

// addByEmoji adds a new device by comparing symbols.
func addByEmoji(t *testing.T, old, fresh *phone) {
	t.Helper()
	c, err := fresh.RequestDevice(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	requests, err := old.Requests(t.Context())
	if err != nil || len(requests) != 1 || requests[0].Name != fresh.name {
		t.Fatalf("requests %+v, %v", requests, err)
	}
	d, err := old.Approve(t.Context(), requests[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if x, y := both(t, c, d, true); x.Phase != PhaseDone || y.Phase != PhaseDone {
		t.Fatalf("phases %+v and %+v", x, y)
	}
	ready(t, fresh)
}

// revoke removes a device and checks that it is out.
func revoke(t *testing.T, by, gone *phone) {
	t.Helper()
	s := ready(t, gone)
	if err := by.Revoke(t.Context(), s.Device); err != nil {
		t.Fatal(err)
	}
	if err := by.Revoke(t.Context(), s.Device); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if _, err := gone.Sessions(t.Context()); err == nil {
		t.Error("the session of a removed device goes on")
	}
	after, err := gone.Refresh(t.Context())
	if !errors.Is(err, ErrRemoved) || after.Stage != StageRemoved {
		t.Errorf("the removed device: %+v, %v", after, err)
	}
	if _, err := gone.VerifyEmoji(t.Context(), "anybody"); !errors.Is(err, ErrRemoved) {
		t.Errorf("the removed device still acts: %v", err)
	}
}

// resetBob has Bob lose everything, and Ada's two devices learn of it.
func resetBob(t *testing.T, ada, other *phone, bobHandle string) {
	t.Helper()
	ctx := t.Context()
	bob := newPhone(t, "Bob's second phone")
	bob.login(bobHandle, StageNoKeys)
	r, err := bob.Reset(ctx)
	if err != nil {
		t.Fatal(err)
	}
	bob.confirmWords(r)
	alarm := new(directory.AlarmError)
	got, err := ada.Lookup(ctx, bobHandle)
	if !errors.As(err, &alarm) || alarm.Alarm.ID != "reset" || alarm.Alarm.Attack != "MS-02" || got.State != "reset" || got.Verified != "none" {
		t.Errorf("Ada sees Bob as %+v, %v; want a reset", got, err)
	}
	n, err := ada.SafetyNumber(ctx, bobHandle)
	if err != nil || len(n.Groups) != 12 {
		t.Fatalf("safety number %+v, %v", n, err)
	}
	c, err := ada.ConfirmNumber(ctx, bobHandle)
	if err != nil || c.Verified != "number" || c.State != "ok" {
		t.Errorf("verified again: %+v, %v", c, err)
	}
	if _, err := other.Lookup(ctx, bobHandle); err == nil {
		t.Error("the other device was not told of the reset")
	}
	ready(t, other)
	if l := other.level(bobHandle); l != "number" {
		t.Errorf("on the other device Bob is %q, want number", l)
	}
}

// TestQR verifies two people by one scan.
func TestQR(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	adaHandle, bobHandle := handleFor(t, "ada"), handleFor(t, "bob")
	ada, bob := newPhone(t, "Ada's phone"), newPhone(t, "Bob's phone")
	ada.register(adaHandle)
	bob.register(bobHandle)
	shown, err := ada.ShowQR(ctx, bobHandle)
	if err != nil {
		t.Fatal(err)
	}
	text := shown.State().QR
	if err := ada.start(); err != nil { // the program may end meanwhile
		t.Fatal(err)
	}
	if c, err := bob.ScanQR(ctx, adaHandle, text); err != nil || c.Verified != "qr" {
		t.Fatalf("scanned: %+v, %v", c, err)
	}
	again, err := ada.Check(ctx, shown.State().ID)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := finish(ctx, again, nil); err != nil || s.Phase != PhaseDone || ada.level(bobHandle) != "qr" {
		t.Errorf("shown: %+v, %v", s, err)
	}
	if _, err := bob.ScanQR(ctx, adaHandle, text[:len(text)-1]); err == nil {
		t.Error("a damaged code was taken")
	}
}

// TestEmojiOverRestarts ends both programs at each step of a comparison.
func TestEmojiOverRestarts(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	adaHandle, bobHandle := handleFor(t, "ada"), handleFor(t, "bob")
	ada, bob := newPhone(t, "Ada's phone"), newPhone(t, "Bob's phone")
	ada.register(adaHandle)
	bob.register(bobHandle)
	step := func(p *phone, other, want string) CheckState {
		t.Helper()
		if err := p.start(); err != nil {
			t.Fatal(err)
		}
		c, err := p.VerifyEmoji(ctx, other)
		if err != nil {
			t.Fatal(err)
		}
		for {
			s, err := c.Wait(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if s.Phase == PhaseCompare && want != PhaseCompare {
				if s, err = c.Match(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if s.Phase == want {
				return s
			}
		}
	}
	if err := ada.start(); err != nil {
		t.Fatal(err)
	}
	if _, err := ada.VerifyEmoji(ctx, bobHandle); err != nil {
		t.Fatal(err)
	}
	done := make(chan CheckState, 1)
	go func() { done <- step(bob, adaHandle, PhaseCompare) }()
	a := step(ada, bobHandle, PhaseCompare)
	b := <-done
	if len(a.Symbols) != 7 || a.Numbers != b.Numbers {
		t.Fatalf("%+v and %+v", a, b)
	}
	step(ada, bobHandle, PhaseMatched)
	step(bob, adaHandle, PhaseDone)
	step(ada, bobHandle, PhaseDone)
	if ada.level(bobHandle) != "emoji" || bob.level(adaHandle) != "emoji" {
		t.Error("not verified")
	}
}

// TestDiffer has symbols differ three times: an alarm each, then a pause.
func TestDiffer(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	adaHandle, bobHandle := handleFor(t, "ada"), handleFor(t, "bob")
	ada, bob := newPhone(t, "Ada's phone"), newPhone(t, "Bob's phone")
	ada.register(adaHandle)
	bob.register(bobHandle)
	for range maxFailures {
		a, err := ada.VerifyEmoji(ctx, bobHandle)
		if err != nil {
			t.Fatal(err)
		}
		b, err := bob.VerifyEmoji(ctx, adaHandle)
		if err != nil {
			t.Fatal(err)
		}
		x, y := both(t, a, b, false)
		if x.Phase != PhaseDiffer || x.Problem != "differ" || y.Phase != PhaseDiffer {
			t.Fatalf("%+v and %+v", x, y)
		}
	}
	if _, err := ada.VerifyEmoji(ctx, bobHandle); !errors.Is(err, ErrPaused) {
		t.Errorf("a fourth time: %v", err)
	}
	alarms, err := ada.Alarms(ctx)
	if err != nil || len(alarms) != maxFailures || alarms[0].Message != "differ" || !alarms[0].Evidence {
		t.Errorf("alarms %+v, %v", alarms, err)
	}
	if ada.level(bobHandle) != "none" {
		t.Errorf("Bob is %q", ada.level(bobHandle))
	}
}
