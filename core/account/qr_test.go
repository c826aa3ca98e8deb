package account_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"conclave/core/account"
	"conclave/core/identity"
)

// scan returns a code that Grace shows to Kofi, as Kofi's device read it.
func scan(t testing.TB) (shown, seen *account.QR, grace, kofi account.Party) {
	t.Helper()
	grace, kofi = newPerson(t, 1).party(), newPerson(t, 2).party()
	shown, err := account.NewQR(account.ModeContact, grace, kofi, checkpoint(10, 1))
	if err != nil {
		t.Fatal(err)
	}
	seen, err = account.ParseQR(shown.Text())
	if err != nil {
		t.Fatalf("ParseQR = %v, want nil", err)
	}
	return shown, seen, grace, kofi
}

func TestQR(t *testing.T) {
	shown, seen, grace, kofi := scan(t)
	if len(shown.Text()) > account.MaxQRText || strings.Trim(shown.Text(), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.") != "" {
		t.Errorf("the text does not fit a QR code's alphanumeric mode: %d characters", len(shown.Text()))
	}
	if shown.Txn() != seen.Txn() {
		t.Fatal("the two sides name another transaction")
	}
	graceAsKnown := grace
	graceAsKnown.Device = identity.DeviceID{}
	message, result, err := seen.Scanned(kofi, graceAsKnown, checkpoint(12, 2))
	if err != nil || result.Peer != grace || result.Checkpoint != checkpoint(10, 1) || result.Method != account.MethodQR {
		t.Fatalf("Scanned = %+v, %v", result, err)
	}
	if !account.IsQRAnswer(message) {
		t.Error("the answer is not known as one")
	}
	answer, err := account.ParseQRAnswer(message)
	if err != nil || answer.Scanner != kofi || answer.Txn != shown.Txn() {
		t.Fatalf("ParseQRAnswer = %+v, %v", answer, err)
	}
	other, err := shown.Answered(answer, kofi, checkpoint(10, 1))
	if err != nil || other.Peer != kofi || other.Checkpoint != checkpoint(12, 2) {
		t.Fatalf("Answered = %+v, %v", other, err)
	}
	if !other.HandOver.Equal(result.HandOver) || other.HandOver.Len() != 32 {
		t.Error("the two sides share no key")
	}
	if _, err := shown.Answered(answer, kofi, checkpoint(10, 1)); !errors.Is(err, account.ErrQRUsed) {
		t.Errorf("a second answer: %v, want ErrQRUsed", err)
	}
}

// What the scanner refuses.
func TestScannedRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(own, peer *account.Party)
		want   error
	}{
		"another key of the shower":    {func(_, peer *account.Party) { peer.Fingerprint[0] ^= 1 }, account.ErrQRPeer},
		"another user than looked up":  {func(_, peer *account.Party) { peer.User = identity.UserID{7} }, account.ErrQRPeer},
		"another device than expected": {func(_, peer *account.Party) { peer.Device = identity.DeviceID{7} }, account.ErrQRPeer},
		"the shower has another key":   {func(own, _ *account.Party) { own.Fingerprint[0] ^= 1 }, account.ErrQROwn},
		"the same device":              {func(own, peer *account.Party) { own.Device = peer.Device }, account.ErrMalformed},
		"oneself":                      {func(own, peer *account.Party) { own.User = peer.User }, account.ErrMalformed},
	} {
		_, seen, grace, kofi := scan(t)
		tt.change(&kofi, &grace)
		if message, _, err := seen.Scanned(kofi, grace, checkpoint(1, 1)); !errors.Is(err, tt.want) || message != nil {
			t.Errorf("%s: Scanned = %v, want %v", name, err, tt.want)
		}
	}
	_, seen, grace, kofi := scan(t)
	message, result, err := seen.Scanned(kofi, grace, checkpoint(10, 2))
	if !errors.Is(err, account.ErrSplit) || message != nil || result == nil || result.Checkpoint != checkpoint(10, 1) {
		t.Errorf("another directory: Scanned = %+v, %v, want ErrSplit with the result", result, err)
	}
}

// What the one who shows the code refuses.
func TestAnsweredRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(peer *account.Party)
		want   error
	}{
		"another key of the scanner":  {func(peer *account.Party) { peer.Fingerprint[0] ^= 1 }, account.ErrQRPeer},
		"another user than looked up": {func(peer *account.Party) { peer.User = identity.UserID{7} }, account.ErrQRPeer},
		"another device":              {func(peer *account.Party) { peer.Device = identity.DeviceID{7} }, account.ErrQRPeer},
	} {
		shown, seen, grace, kofi := scan(t)
		message, _, err := seen.Scanned(kofi, grace, checkpoint(1, 1))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := account.ParseQRAnswer(message)
		if err != nil {
			t.Fatal(err)
		}
		tt.change(&kofi)
		if _, err := shown.Answered(answer, kofi, checkpoint(1, 1)); !errors.Is(err, tt.want) {
			t.Errorf("%s: Answered = %v, want %v", name, err, tt.want)
		}
	}
	shown, seen, grace, kofi := scan(t)
	message, _, err := seen.Scanned(kofi, grace, checkpoint(10, 1))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := account.ParseQRAnswer(message)
	if err != nil {
		t.Fatal(err)
	}
	if result, err := shown.Answered(answer, kofi, checkpoint(10, 9)); !errors.Is(err, account.ErrSplit) || result == nil {
		t.Errorf("another directory: Answered = %v, %v, want ErrSplit with the result", result, err)
	}
}

// A code that was meant for Kofi is scanned by Eve, who answers as herself.
func TestAnsweredBySomebodyElse(t *testing.T) {
	shown, seen, grace, _ := scan(t)
	eve := newPerson(t, 3).party()
	if _, _, err := seen.Scanned(eve, grace, checkpoint(1, 1)); !errors.Is(err, account.ErrQROwn) {
		t.Errorf("Eve scans: %v, want ErrQROwn", err)
	}
	open, err := account.NewQR(account.ModeContact, grace, account.Party{}, checkpoint(10, 1))
	if err != nil {
		t.Fatal(err)
	}
	message, _, err := open.Scanned(eve, grace, checkpoint(1, 1))
	if err != nil {
		t.Fatalf("Eve scans a code for anybody: %v, want nil", err)
	}
	answer, err := account.ParseQRAnswer(message)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shown.Answered(answer, eve, checkpoint(1, 1)); !errors.Is(err, account.ErrQRMessage) {
		t.Errorf("an answer to another code: %v, want ErrQRMessage", err)
	}
	if result, err := open.Answered(answer, eve, checkpoint(1, 1)); err != nil || result.Peer != eve {
		t.Errorf("Eve answers as herself: %+v, %v", result, err)
	}
}

// Every byte of an answer is under the MAC; only who saw the code can make one.
func TestQRAnswerTamper(t *testing.T) {
	shown, seen, grace, kofi := scan(t)
	message, _, err := seen.Scanned(kofi, grace, checkpoint(12, 2))
	if err != nil {
		t.Fatal(err)
	}
	for at := range message {
		m := slices.Clone(message)
		m[at] ^= 0x10
		a, err := account.ParseQRAnswer(m)
		if err != nil {
			continue
		}
		if _, err := shown.Answered(a, kofi, checkpoint(10, 1)); !errors.Is(err, account.ErrQRMessage) {
			t.Fatalf("byte %d: Answered = %v, want ErrQRMessage", at, err)
		}
	}
	for _, m := range [][]byte{nil, {16}, message[:len(message)-1], append(slices.Clone(message), 0), append([]byte{17}, message[1:]...)} {
		if _, err := account.ParseQRAnswer(m); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("ParseQRAnswer of %d bytes = %v, want ErrMalformed", len(m), err)
		}
	}
}

// A code for a new device, shown by either side.
func TestQRNewDevice(t *testing.T) {
	grace := newPerson(t, 1)
	k, err := account.GenerateDeviceKey()
	if err != nil {
		t.Fatal(err)
	}
	request, _, err := k.NewRequest(grace.user, identity.Native, "tablet", [16]byte{1}, start)
	if err != nil {
		t.Fatal(err)
	}
	asks := account.Party{User: grace.user, Device: request.Device(), Fingerprint: request.Fingerprint()}
	for mode, sides := range map[account.Mode][2]account.Party{
		account.ModeNewDevice: {asks, grace.party()},
		account.ModeOldDevice: {grace.party(), asks},
	} {
		shower, scanner := sides[0], sides[1]
		q, err := account.NewQR(mode, shower, account.Party{}, checkpoint(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		message, _, err := q.Scanned(scanner, shower, checkpoint(5, 5))
		if err != nil {
			t.Fatalf("mode %d: Scanned = %v", mode, err)
		}
		a, err := account.ParseQRAnswer(message)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := q.Answered(a, scanner, checkpoint(0, 0)); err != nil {
			t.Errorf("mode %d: Answered = %v", mode, err)
		}
	}
}

func TestParseQRRefuses(t *testing.T) {
	shown, _, grace, kofi := scan(t)
	text := shown.Text()
	last := text[:len(text)-1]
	for name, s := range map[string]string{
		"empty": "", "another program's": "https://example.org/", "no body": "CONCLAVE1.",
		"cut off": last, "one more": text + "A", "small letters": strings.ToLower(text),
		"a line inside": text[:40] + "\n" + text[40:],
		"long":          text + strings.Repeat("A", 1000), "mode 0": withMode(t, text, "AA"), "a zero key": zeroKey(t),
	} {
		if _, err := account.ParseQR(s); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("%s: ParseQR = %v, want ErrMalformed", name, err)
		}
	}
	for name, f := range map[string]func() error{
		"mode": func() error { _, err := account.NewQR(0, grace, kofi, checkpoint(1, 1)); return err },
		"user": func() error { _, err := account.NewQR(1, account.Party{}, kofi, checkpoint(1, 1)); return err },
	} {
		if err := f(); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("%s: NewQR = %v, want ErrMalformed", name, err)
		}
	}
}

// withMode returns a code's text with other first characters of its body: the
// first five bits and the next three are the mode.
func withMode(t *testing.T, text, first string) string {
	t.Helper()
	return "CONCLAVE1." + first + text[len("CONCLAVE1.")+2:]
}

// zeroKey returns a code whose bytes are all zero but for the mode.
func zeroKey(t *testing.T) string {
	t.Helper()
	return "CONCLAVE1.AE" + strings.Repeat("A", 296-2)
}
