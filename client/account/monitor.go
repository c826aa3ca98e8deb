package account

import (
	"context"
	"errors"
	"maps"

	"conclave/client/directory"
	"conclave/client/vault"
)

// Monitor checks what the directory said about this account and its contacts
// since the last time, takes over what the account's other devices did, and
// returns the alarms that are new. It is for once an hour: see MonitorDue.
func (a *Account) Monitor(ctx context.Context) ([]Alarm, error) {
	before := make(map[string]bool)
	for _, x := range a.dir.Alarms() {
		before[x.Key] = true
	}
	failed := a.monitor(ctx)
	out := []Alarm{}
	for _, x := range a.dir.Alarms() {
		if !before[x.Key] && !x.Dismissed {
			out = append(out, *AlarmOf(&x))
		}
	}
	alarm := new(directory.AlarmError)
	if errors.As(failed, &alarm) {
		failed = nil // it is in the list
	}
	return out, failed
}

func (a *Account) monitor(ctx context.Context) error {
	if _, err := a.dir.Monitor(ctx); err != nil {
		return err
	}
	s := a.read()
	if s.Session.Token != "" {
		if err := a.resume(ctx); err != nil {
			return err
		}
		if err := a.tellSessions(ctx); err != nil {
			return err
		}
	}
	return a.update(ctx, func(s *state) error {
		s.Checked = a.now()
		return nil
	})
}

// monitorEvery is how often Monitor is due, in milliseconds.
const monitorEvery = 3_600_000

// MonitorDue reports whether the last Monitor that went through is an hour ago.
func (a *Account) MonitorDue() bool {
	s := a.read()
	now := a.now()
	return now >= s.Checked+monitorEvery || now < s.Checked
}

// tellSessions raises an alarm for each sign-in without keys that was not told
// yet: the server or an identity provider can make one at any time.
func (a *Account) tellSessions(ctx context.Context) error {
	s := a.read()
	if s.stage() != StageReady {
		return nil
	}
	user, err := s.userID()
	if err != nil {
		return err
	}
	list, err := a.server.Sessions(ctx)
	if err != nil {
		return err
	}
	seen := make(map[string]string, len(list))
	for _, x := range list {
		if x.Current || x.Device != "" {
			continue
		}
		if key, told := s.Seen[x.Endpoint]; told {
			seen[x.Endpoint] = key
			continue
		}
		raised, err := a.dir.Raise(ctx, directory.Alarm{
			ID: "signin-no-keys", Attack: "MS-34", User: user, Handle: s.Handle, Device: printable(x.Name),
		}, x.Endpoint, nil)
		if err != nil {
			return err
		}
		seen[x.Endpoint] = raised.Key
	}
	for endpoint, key := range s.Seen {
		if _, there := seen[endpoint]; !there { // it has keys now, or has ended
			if err := a.dir.Dismiss(ctx, key); err != nil && !errors.Is(err, vault.ErrMissing) {
				return err
			}
		}
	}
	if maps.Equal(seen, s.Seen) {
		return nil
	}
	return a.update(ctx, func(s *state) error {
		s.Seen = seen
		return nil
	})
}

// AlarmOf returns an alarm of the directory as this package shows it.
func AlarmOf(x *directory.Alarm) *Alarm {
	out := &Alarm{
		ID: x.Key, Message: x.ID, Attack: x.Attack, Handle: x.Handle, Name: x.Name, Device: x.Device,
		Time: x.Time, Have: x.Have, Want: x.Want, Detail: x.Detail, Evidence: x.Evidence, Ended: x.Ended,
	}
	if !x.User.IsZero() {
		out.User = x.User.String()
	}
	if !x.DeviceID.IsZero() {
		out.DeviceID = x.DeviceID.String()
	}
	return out
}

// Alarms lists the alarms that were not dismissed, oldest first.
func (a *Account) Alarms(context.Context) ([]Alarm, error) {
	out := []Alarm{}
	for _, x := range a.dir.Alarms() {
		if !x.Dismissed {
			out = append(out, *AlarmOf(&x))
		}
	}
	return out, nil
}

// DismissAlarm takes an alarm from the list; its evidence stays.
func (a *Account) DismissAlarm(ctx context.Context, id string) error { return a.dir.Dismiss(ctx, id) }

// Evidence returns the proof of an alarm as a file for conclave audit --evidence.
func (a *Account) Evidence(ctx context.Context, id string) ([]byte, error) {
	return a.dir.Evidence(ctx, id)
}

// Next waits for something to look at again: a comparison that somebody began, a
// device that asks, a sign-in. After about 25 seconds without news it returns an
// Event of no kind.
func (a *Account) Next(ctx context.Context) (Event, error) {
	a.mu.Lock()
	position := a.events
	a.mu.Unlock()
	letters, next, err := a.mail.next(ctx, position, waitForMail)
	if err != nil {
		return Event{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range letters {
		a.events = next - len(letters) + i + 1
		switch {
		case letters[i].news != "":
			return Event{Kind: letters[i].news, ID: letters[i].endpoint}, nil
		case letters[i].kind == kindSAS || letters[i].kind == kindScanned:
			return Event{Kind: "check"}, nil
		case letters[i].kind == kindAdded:
			return Event{Kind: "device", ID: letters[i].endpoint}, nil
		}
	}
	a.events = next
	return Event{}, nil
}

// printable drops from a text of the server what could steer a terminal, and what
// is too long to show.
func printable(s string) string {
	const most = 64
	out := make([]rune, 0, most)
	for _, r := range s {
		if r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) && (r < 0x202a || r > 0x202e) && (r < 0x2066 || r > 0x2069) && len(out) < most {
			out = append(out, r)
		}
	}
	return string(out)
}
