package account_test

import (
	"errors"
	"testing"

	"conclave/core/account"
	"conclave/core/identity"
)

// A wire carries the messages of a SAS between two sides, and lets a test look at
// and change each on its way. Messages are numbered from 0: request, accept, key
// of the starter, key of the answerer.
type wire struct {
	a, b     account.SASConfig
	tamper   func(number int, message []byte) []byte
	restart  bool // both sides go through Encode and ParseSAS before each step
	messages [][]byte
	starter  *account.SAS
	answerer *account.SAS
}

func newWire(t testing.TB) *wire {
	t.Helper()
	grace, kofi := newPerson(t, 1).party(), newPerson(t, 2).party()
	of := func(p account.Party) account.Party { p.Device = identity.DeviceID{}; return p }
	return &wire{
		a: account.SASConfig{Mode: account.ModeContact, Own: grace, Peer: of(kofi), Checkpoint: checkpoint(10, 1)},
		b: account.SASConfig{Mode: account.ModeContact, Own: kofi, Peer: of(grace), Checkpoint: checkpoint(12, 2)},
	}
}

func (w *wire) carry(message []byte) []byte {
	number := len(w.messages)
	if w.tamper != nil {
		message = w.tamper(number, message)
	}
	w.messages = append(w.messages, message)
	return message
}

func (w *wire) again(t testing.TB) {
	t.Helper()
	if !w.restart {
		return
	}
	for _, side := range []**account.SAS{&w.starter, &w.answerer} {
		if *side == nil {
			continue
		}
		s, err := account.ParseSAS((*side).Encode())
		if err != nil {
			t.Fatalf("ParseSAS in state %v = %v, want nil", (*side).State(), err)
		}
		*side = s
	}
}

// exchange runs until both show symbols, and returns the first error.
func (w *wire) exchange(t testing.TB) error {
	t.Helper()
	var request, accept, key, reply []byte
	var err error
	if w.starter, request, err = account.StartSAS(w.a, start); err != nil {
		return err
	}
	w.again(t)
	if w.answerer, accept, err = account.AnswerSAS(w.b, w.carry(request), start+1); err != nil {
		return err
	}
	w.again(t)
	if key, err = w.starter.Handle(w.carry(accept), start+2); err != nil {
		return err
	}
	w.again(t)
	if reply, err = w.answerer.Handle(w.carry(key), start+3); err != nil {
		return err
	}
	w.again(t)
	rest, err := w.starter.Handle(w.carry(reply), start+4)
	w.again(t)
	if err == nil && rest != nil {
		t.Error("the starter sends more than it should")
	}
	return err
}

// must is exchange of an honest wire.
func (w *wire) must(t testing.TB) {
	t.Helper()
	if err := w.exchange(t); err != nil {
		t.Fatalf("an honest exchange fails: %v", err)
	}
}

// agree lets both users say that the symbols match, and returns the errors of
// both sides.
func (w *wire) agree(t testing.TB) (starter, answerer error) {
	t.Helper()
	a, err := w.starter.Confirm(true)
	if err != nil {
		t.Fatalf("Confirm = %v, want nil", err)
	}
	w.again(t)
	if _, err := w.answerer.Handle(w.carry(a), start+5); err != nil {
		return w.starter.Err(), err
	}
	w.again(t)
	b, answerer := w.answerer.Confirm(true)
	w.again(t)
	_, starter = w.starter.Handle(w.carry(b), start+6)
	w.again(t)
	return starter, answerer
}

func codes(t testing.TB, s *account.SAS) ([7]int, [3]int) {
	t.Helper()
	emoji, ok := s.Emoji()
	numbers, also := s.Decimal()
	if !ok || !also {
		t.Fatalf("no symbols in state %v", s.State())
	}
	return emoji, numbers
}

func TestSAS(t *testing.T) {
	for _, restart := range []bool{false, true} {
		w := newWire(t)
		w.restart = restart
		w.must(t)
		emoji, numbers := codes(t, w.starter)
		otherEmoji, otherNumbers := codes(t, w.answerer)
		if emoji != otherEmoji || numbers != otherNumbers {
			t.Fatalf("the two sides show %v and %v", emoji, otherEmoji)
		}
		for _, n := range numbers {
			if n < 10_000 || n > 99_999 {
				t.Errorf("number %d has not five digits", n)
			}
		}
		if _, err := w.starter.Result(); !errors.Is(err, account.ErrSASState) {
			t.Errorf("Result before anybody agreed = %v, want ErrSASState", err)
		}
		if a, b := w.agree(t); a != nil || b != nil {
			t.Fatalf("after both agreed: %v, %v", a, b)
		}
		a, err := w.starter.Result()
		if err != nil || w.starter.State() != account.SASDone {
			t.Fatalf("Result = %v in state %v", err, w.starter.State())
		}
		b, err := w.answerer.Result()
		if err != nil {
			t.Fatalf("Result = %v", err)
		}
		if a.Peer != w.b.Own || b.Peer != w.a.Own || a.Checkpoint != w.b.Checkpoint || b.Checkpoint != w.a.Checkpoint {
			t.Errorf("the results are %+v and %+v", a, b)
		}
		if !a.HandOver.Equal(b.HandOver) || a.HandOver.Len() != 32 || a.Method != account.MethodEmoji {
			t.Error("the two sides share no key")
		}
		if len(w.starter.Transcript()) != 4 {
			t.Error("the transcript is not complete")
		}
	}
}

// The answerer's user is faster.
func TestSASOtherOrder(t *testing.T) {
	w := newWire(t)
	w.must(t)
	b, err := w.answerer.Confirm(true)
	if err != nil || w.answerer.State() != account.SASMatched {
		t.Fatalf("Confirm = %v in state %v", err, w.answerer.State())
	}
	a, err := w.starter.Confirm(true)
	if err != nil {
		t.Fatal(err)
	}
	_, errA := w.starter.Handle(b, start+9)
	_, errB := w.answerer.Handle(a, start+9)
	if errA != nil || errB != nil || w.starter.State() != account.SASDone || w.answerer.State() != account.SASDone {
		t.Errorf("crossing answers: %v, %v, states %v, %v", errA, errB, w.starter.State(), w.answerer.State())
	}
}

// A new device proves its request to an old one, and the old one its identity key.
func TestSASNewDevice(t *testing.T) {
	grace := newPerson(t, 1)
	newDevice, err := account.GenerateDeviceKey()
	if err != nil {
		t.Fatal(err)
	}
	request, _, err := newDevice.NewRequest(grace.user, identity.Web, "Firefox", [16]byte{4}, start)
	if err != nil {
		t.Fatal(err)
	}
	asks := account.Party{User: grace.user, Device: request.Device(), Fingerprint: request.Fingerprint()}
	w := &wire{
		a: account.SASConfig{Mode: account.ModeNewDevice, Own: asks, Peer: grace.party(), Checkpoint: checkpoint(3, 1)},
		b: account.SASConfig{Mode: account.ModeNewDevice, Own: grace.party(), Peer: asks, Checkpoint: checkpoint(3, 1)},
	}
	w.must(t)
	if a, b := w.agree(t); a != nil || b != nil {
		t.Errorf("after both agreed: %v, %v", a, b)
	}
	// The server gives the old device another request than the new one made.
	forged := asks
	forged.Fingerprint[0] ^= 1
	w = &wire{a: w.a, b: w.b}
	w.b.Peer = forged
	w.must(t)
	if _, b := w.agree(t); !errors.Is(b, account.ErrSASKeys) {
		t.Errorf("with a forged request: %v, want ErrSASKeys", b)
	}
}

func TestSASRefusesConfig(t *testing.T) {
	for name, change := range map[string]func(c *account.SASConfig){
		"no mode":             func(c *account.SASConfig) { c.Mode = 0 },
		"mode of a code":      func(c *account.SASConfig) { c.Mode, c.Peer.User = account.ModeOldDevice, c.Own.User },
		"oneself":             func(c *account.SASConfig) { c.Peer.User = c.Own.User },
		"new device, another": func(c *account.SASConfig) { c.Mode = account.ModeNewDevice },
		"no user":             func(c *account.SASConfig) { c.Own.User = identity.UserID{} },
		"no peer":             func(c *account.SASConfig) { c.Peer.User = identity.UserID{} },
		"no device":           func(c *account.SASConfig) { c.Own.Device = identity.DeviceID{} },
	} {
		w := newWire(t)
		change(&w.a)
		if _, _, err := account.StartSAS(w.a, start); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("%s: StartSAS = %v, want ErrMalformed", name, err)
		}
	}
}

// Whoever answers does so only for a request to them, from whom they looked up.
func TestSASRefusesRequest(t *testing.T) {
	for name, change := range map[string]func(c *account.SASConfig){
		"another mode":            func(c *account.SASConfig) { c.Mode, c.Peer.User = account.ModeNewDevice, c.Own.User },
		"from another user":       func(c *account.SASConfig) { c.Peer.User[5] ^= 1 },
		"to another user":         func(c *account.SASConfig) { c.Own.User[5] ^= 1 },
		"from another device":     func(c *account.SASConfig) { c.Peer.Device = identity.DeviceID{9} },
		"from this very device":   func(c *account.SASConfig) { c.Own.Device = newPerson(t, 1).device.ID() },
		"answered as nobody else": nil,
	} {
		w := newWire(t)
		_, request, err := account.StartSAS(w.a, start)
		if err != nil {
			t.Fatal(err)
		}
		if change == nil {
			if _, _, err := account.AnswerSAS(w.b, request, start); err != nil {
				t.Errorf("an honest request: AnswerSAS = %v, want nil", err)
			}
			continue
		}
		change(&w.b)
		if _, _, err := account.AnswerSAS(w.b, request, start); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("%s: AnswerSAS = %v, want ErrMalformed", name, err)
		}
	}
}

// The 64 names are all there and different.
func TestEmojiNames(t *testing.T) {
	seen := make(map[string]bool)
	for i, name := range account.EmojiNames {
		if name == "" || seen[name] {
			t.Errorf("symbol %d is called %q", i, name)
		}
		seen[name] = true
	}
	if account.EmojiNames[0] != "umbrella" || account.EmojiNames[63] != "sun" {
		t.Error("the order of the symbols has changed: old and new programs would show different ones")
	}
}
