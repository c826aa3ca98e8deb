package conversation_test

import (
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"conclave/core/conversation"
)

type user = conversation.User

var (
	olga, adam, mei, rita, noor = user{1}, user{2}, user{3}, user{4}, user{5}
	policy                      = conversation.Policy{Add: conversation.Member, Rename: conversation.Admin, History: conversation.NoHistory}
)

func group(entries ...conversation.Entry) *conversation.State {
	return &conversation.State{Kind: conversation.Group, Name: "Plans", Roles: entries, Policy: policy}
}

func four() *conversation.State {
	return group(
		conversation.Entry{User: olga, Role: conversation.Owner},
		conversation.Entry{User: adam, Role: conversation.Admin},
		conversation.Entry{User: mei, Role: conversation.Member},
		conversation.Entry{User: rita, Role: conversation.Reader},
	)
}

// with returns the four, one of them in another role; 0: gone.
func with(u user, r conversation.Role) *conversation.State {
	s := four()
	s.Roles = slices.DeleteFunc(s.Roles, func(e conversation.Entry) bool { return e.User == u })
	if r != 0 {
		s.Roles = append(s.Roles, conversation.Entry{User: u, Role: r})
		slices.SortFunc(s.Roles, func(a, b conversation.Entry) int { return slices.Compare(a.User[:], b.User[:]) })
	}
	return s
}

func TestStateKeepsWhatItSays(t *testing.T) {
	want := four()
	want.Policy.Disappearing = 3600
	b, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := conversation.Parse(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v (%v), want %+v", got, err, want)
	}
	for n := range b {
		if _, err := conversation.Parse(b[:n]); !errors.Is(err, conversation.ErrState) {
			t.Fatalf("%d of %d bytes: %v", n, len(b), err)
		}
	}
	if _, err := conversation.Parse(append(b, 0)); !errors.Is(err, conversation.ErrState) {
		t.Errorf("a byte more: %v", err)
	}
	b[1] = 2
	if _, err := conversation.Parse(b); !errors.Is(err, conversation.ErrFormat) {
		t.Errorf("later format: %v", err)
	}
}

func TestEncodingIsWhatTheProtocolSays(t *testing.T) {
	s := group(conversation.Entry{User: olga, Role: conversation.Owner})
	s.Policy.Disappearing = 5
	b, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := "0001" + "02" + "05" + hex.EncodeToString([]byte("Plans")) + "11" + "01" + strings.Repeat("00", 15) + "01" + "03" + "02" + "01" + "00000005"
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestInvalidStatesAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(s *conversation.State){
		"kind":         func(s *conversation.State) { s.Kind = 3 },
		"hidden name":  func(s *conversation.State) { s.Name = "a\u202eb" },
		"long name":    func(s *conversation.State) { s.Name = strings.Repeat("x", conversation.MaxName+1) },
		"readers add":  func(s *conversation.State) { s.Policy.Add = conversation.Reader },
		"history":      func(s *conversation.State) { s.Policy.History = 0 },
		"nobody":       func(s *conversation.State) { s.Roles = nil },
		"no owner":     func(s *conversation.State) { s.Roles = s.Roles[1:] },
		"unknown role": func(s *conversation.State) { s.Roles[3].Role = 5 },
		"twice":        func(s *conversation.State) { s.Roles[2].User = adam },
		"disorder":     func(s *conversation.State) { slices.Reverse(s.Roles) },
		"direct four":  func(s *conversation.State) { s.Kind, s.Name = conversation.Direct, "" },
	} {
		s := four()
		spoil(s)
		if _, err := s.Encode(); !errors.Is(err, conversation.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func renamed() *conversation.State {
	s := four()
	s.Name = "Party"
	return s
}

func ruled() *conversation.State {
	s := four()
	s.Policy.Disappearing = 60
	return s
}

func TestWhoMayDoWhat(t *testing.T) {
	phone := func(u user) []conversation.Device { return []conversation.Device{{User: u, ID: user{9}}} }
	change := func(s *conversation.State) conversation.Change { return conversation.Change{New: s} }
	adds := func(r conversation.Role) conversation.Change {
		return conversation.Change{AddedUsers: []user{noor}, New: with(noor, r)}
	}
	removes := func(u user) conversation.Change {
		return conversation.Change{RemovedUsers: []user{u}, New: with(u, 0)}
	}
	for _, c := range []struct {
		name string
		who  user
		what conversation.Change
		want error
	}{
		{"stranger", noor, conversation.Change{}, conversation.ErrNotMember},
		{"reader updates keys", rita, conversation.Change{}, nil},
		{"member adds", mei, adds(conversation.Member), nil},
		{"member adds an admin", mei, adds(conversation.Admin), conversation.ErrRole},
		{"admin adds an admin", adam, adds(conversation.Admin), conversation.ErrRole},
		{"owner adds an owner", olga, adds(conversation.Owner), nil},
		{"reader adds", rita, adds(conversation.Reader), conversation.ErrAdd},
		{"added without a role", olga, conversation.Change{AddedUsers: []user{noor}}, conversation.ErrMismatch},
		{"role without an addition", olga, change(with(noor, conversation.Member)), conversation.ErrMismatch},
		{"added who is there", olga, conversation.Change{AddedUsers: []user{mei}}, conversation.ErrMismatch},
		{"admin removes a member", adam, removes(mei), nil},
		{"admin removes the owner", adam, removes(olga), conversation.ErrState},
		{"member removes", mei, removes(rita), conversation.ErrRemove},
		{"removed but listed", olga, conversation.Change{RemovedUsers: []user{mei}}, conversation.ErrMismatch},
		{"unlisted but not removed", olga, change(with(mei, 0)), conversation.ErrMismatch},
		{"member lets one leave", mei, conversation.Change{Left: []user{adam}, New: with(adam, 0)}, nil},
		{"last owner leaves", mei, conversation.Change{Left: []user{olga}, New: with(olga, 0)}, conversation.ErrState},
		{"own device", rita, conversation.Change{AddedDevices: phone(rita)}, nil},
		{"own device goes", rita, conversation.Change{RemovedDevices: phone(rita)}, nil},
		{"device of another", olga, conversation.Change{AddedDevices: phone(mei)}, conversation.ErrDevice},
		{"device of another goes", olga, conversation.Change{RemovedDevices: phone(mei)}, conversation.ErrDevice},
		{"revoked device", mei, conversation.Change{RemovedDevices: phone(olga), Revoked: phone(olga)}, nil},
		{"device that lost its state", mei, conversation.Change{RemovedDevices: phone(olga), AddedDevices: phone(olga)}, nil},
		{"device of nobody", olga, conversation.Change{AddedDevices: phone(noor)}, conversation.ErrMismatch},
		{"admin renames", adam, change(renamed()), nil},
		{"member renames", mei, change(renamed()), conversation.ErrRename},
		{"admin rules", adam, change(ruled()), nil},
		{"member rules", mei, change(ruled()), conversation.ErrPolicy},
		{"member rises", mei, change(with(mei, conversation.Owner)), conversation.ErrRole},
		{"admin steps down", adam, change(with(adam, conversation.Reader)), nil},
		{"admin rises", adam, change(with(adam, conversation.Owner)), conversation.ErrRole},
		{"admin makes an admin", adam, change(with(mei, conversation.Admin)), conversation.ErrRole},
		{"admin silences", adam, change(with(mei, conversation.Reader)), nil},
		{"owner makes an admin", olga, change(with(mei, conversation.Admin)), nil},
		{"last owner steps down", olga, change(with(olga, conversation.Admin)), conversation.ErrState},
	} {
		if err := conversation.Allowed(four(), c.who, c.what); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestDirectStaysBetweenTwo(t *testing.T) {
	both := []conversation.Entry{{User: olga, Role: conversation.Owner}, {User: adam, Role: conversation.Owner}}
	two := &conversation.State{Kind: conversation.Direct, Roles: both, Policy: policy}
	group := *two
	group.Kind = conversation.Group
	timer := *two
	timer.Policy.Disappearing = 60
	for _, c := range []struct {
		name string
		what conversation.Change
		want error
	}{
		{"first devices of the other", conversation.Change{AddedUsers: []user{adam}}, nil},
		{"a third", conversation.Change{AddedUsers: []user{mei}}, conversation.ErrDirect},
		{"remove", conversation.Change{RemovedUsers: []user{adam}}, conversation.ErrDirect},
		{"leave", conversation.Change{Left: []user{adam}}, conversation.ErrDirect},
		{"become a group", conversation.Change{New: &group}, conversation.ErrKind},
		{"timer", conversation.Change{New: &timer}, nil},
	} {
		if err := conversation.Allowed(two, olga, c.what); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestSuiteIsNotLowered(t *testing.T) {
	if err := conversation.CheckSuite(0xF001, 1, 0xF001); err != nil {
		t.Error(err)
	}
	if err := conversation.CheckSuite(1, 1, 0xF001); !errors.Is(err, conversation.ErrSuite) {
		t.Errorf("got %v", err)
	}
}
