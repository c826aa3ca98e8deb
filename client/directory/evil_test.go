package directory_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/api"
	client "conclave/client/directory"
	"conclave/core/identity"
	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// An evil is a directory whose operator has all keys.
type evil struct {
	*keytranstest.Model
	clock *clock
	// lookup and monitor answer instead of the model.
	lookup  func(q *keytrans.LookupRequest) []byte
	monitor func(q *keytrans.MonitorRequest) []byte
	// accept takes a record; nil: it is put into the map of a new epoch.
	accept func(record []byte)
}

func newEvil(t testing.TB, witnesses int) *evil {
	t.Helper()
	m := keytranstest.New(t, witnesses)
	return &evil{Model: m, clock: newClock(int64(m.Now))}
}

// fork returns another view of the same log, which goes its own way.
func (e *evil) fork() *evil { return &evil{Model: e.Clone(), clock: e.clock} }

func (e *evil) Lookup(_ context.Context, request []byte) ([]byte, error) {
	if e.lookup == nil {
		return e.Answer(request)
	}
	q, err := keytrans.ParseLookupRequest(request)
	if err != nil {
		return nil, err
	}
	return e.lookup(q), nil
}

func (e *evil) Monitor(_ context.Context, request []byte) ([]byte, error) {
	if e.monitor == nil {
		return e.AnswerMonitor(request)
	}
	q, err := keytrans.ParseMonitorRequest(request)
	if err != nil {
		return nil, err
	}
	return e.monitor(q), nil
}

func (e *evil) Consistency(_ context.Context, from, to uint64) ([]byte, error) {
	if from < 1 || from > to || to > uint64(len(e.Leaves)) {
		return nil, &api.HTTPError{Status: 400, Code: api.CodeDirectoryRefused, Message: "sizes"}
	}
	return e.Model.Consistency(int(from), int(to)), nil
}

func (e *evil) config() api.DirectoryConfig {
	k := e.Keys()
	return api.DirectoryConfig{Origin: k.Origin, LogKey: k.LogKey, VRFKey: bytes.Clone(k.VRFKey[:])}
}

func (e *evil) publish(_ context.Context, record []byte) (api.RecordAccepted, error) {
	r, err := identity.ParseRecord(record)
	if err != nil {
		return api.RecordAccepted{}, err
	}
	if e.accept != nil {
		e.accept(record)
		return api.RecordAccepted{Version: r.Version}, nil
	}
	p := e.person(r.User)
	if p == nil {
		p = &keytranstest.Person{User: r.User, Handle: r.Handle}
	}
	if int(r.Version) == len(p.Records) {
		p.Add(e.Model, record)
		e.wait(time.Second)
	}
	return api.RecordAccepted{Version: r.Version}, nil
}

func (e *evil) person(user identity.UserID) *keytranstest.Person {
	for _, p := range e.People {
		if p.User == user {
			return p
		}
	}
	return nil
}

// wait lets time pass and publishes an epoch.
func (e *evil) wait(d time.Duration) {
	e.Later(uint64(d.Milliseconds()))
	e.clock.ms.Store(int64(e.Now))
}

func (e *evil) pin() *client.Pin { return &client.Pin{Keys: e.Keys(), Policy: e.PolicyText()} }

// A scene is ada, invited, who knows bob, in a directory with two witnesses.
type scene struct {
	*evil
	ada *actor
	bob *keytranstest.Person
}

func newScene(t testing.TB, versions int) *scene {
	t.Helper()
	s := &scene{evil: newEvil(t, 2), bob: keytranstest.NewPerson("bob")}
	keytranstest.NewPerson("carol").Publish(s.Model)
	for range max(versions, 1) {
		s.bob.Publish(s.Model)
	}
	s.wait(time.Minute)
	s.ada = newActor(t, s.evil, s.clock, s.pin())
	if versions > 0 {
		s.ada.lookup(t, "bob")
	}
	return s
}

// pins returns what the vault holds of users and the own account.
func (a *actor) pins(t testing.TB) map[string][]byte {
	t.Helper()
	out := make(map[string][]byte)
	for k, v := range a.dump(t) {
		if strings.Contains(k, "/user/") || strings.HasSuffix(k, "/own") {
			out[k] = v
		}
	}
	return out
}

// edit answers honestly but for a change.
func (s *scene) edit(change func(a *keytrans.LookupResponse)) {
	s.lookup = func(q *keytrans.LookupRequest) []byte {
		b, err := s.Answer(q.Encode())
		if err != nil {
			return nil
		}
		a, err := keytrans.ParseLookupResponse(b)
		if err != nil {
			return nil
		}
		change(a)
		return a.Encode()
	}
}

// told makes the server answer out of another view.
func (s *scene) told(view *evil) {
	s.lookup = func(q *keytrans.LookupRequest) []byte {
		b, err := view.Answer(q.Encode())
		if err != nil {
			return nil
		}
		return b
	}
}

// A lie is told to ada when she looks bob up again.
type lie struct {
	name, id, attack string
	versions         int // of bob that ada knows
	tell             func(t *testing.T, s *scene)
	proven           bool // the evidence convinces others
	pauses           bool // new contacts
}

var lies = []lie{
	{"a record that is not in the map", "proof", "MS-05", 1, func(_ *testing.T, s *scene) {
		other := s.bob.Clone()
		other.Key = keytranstest.NewSigner("thief", 1).Key
		b := other.Next(nil)
		s.edit(func(a *keytrans.LookupResponse) { a.Records, a.Opening = [][]byte{b}, keytrans.Hash{1} })
	}, false, true},
	{"an older version", "stale", "MS-06", 3, func(_ *testing.T, s *scene) {
		s.lookup = func(q *keytrans.LookupRequest) []byte {
			q.SincePlusOne = 2
			return s.Model.Lookup(q, s.bob, 1).Encode()
		}
	}, false, false},
	{"a version that is hidden", "stale", "MS-06", 2, func(_ *testing.T, s *scene) {
		s.bob.Publish(s.Model)
		s.wait(time.Second)
		s.lookup = func(q *keytrans.LookupRequest) []byte { return s.Model.Lookup(q, s.bob, 1).Encode() }
	}, false, false},
	{"a gap of versions", "proof", "MS-07", 1, func(t *testing.T, s *scene) {
		thief := s.bob.Clone()
		thief.Key = keytranstest.NewSigner("thief", 1).Key
		b := thief.Next(func(r *identity.Record) { r.Version = 5000 })
		s.Put(keytrans.Users, s.bob.User[:], 5000, b)
		s.wait(time.Second)
		label, _ := s.Label(keytrans.Users, s.bob.User[:], 5000)
		s.lookup = func(q *keytrans.LookupRequest) []byte {
			a := s.Model.Lookup(q, s.bob, 0)
			a.Version, a.Opening, a.Records = 5000, s.Opening(label), [][]byte{b}
			steps := keytrans.Ladder(5000)
			handle, _ := s.Label(keytrans.Handles, q.Name, 0)
			labels, proofs := s.Ladder(s.bob.User[:], steps, q.Cached)
			a.VRFs, a.Proof = proofs, s.Prove(len(s.Leaves)-1, append([]keytrans.Hash{handle}, labels...))
			return a.Encode()
		}
	}, false, true},
	{"a version that is taken back", "flipflop", "MS-08", 2, func(_ *testing.T, s *scene) {
		s.Remove(keytrans.Users, s.bob.User[:], 1)
		s.wait(time.Second)
	}, true, true},
	{"a version with another value", "flipflop", "MS-08", 1, func(_ *testing.T, s *scene) {
		s.Put(keytrans.Users, s.bob.User[:], 0, []byte("other"))
		s.wait(time.Second)
	}, true, true},
	{"a frozen log", "frozen", "MS-09", 1, func(_ *testing.T, s *scene) {
		s.told(s.fork())
		s.clock.add(25 * time.Hour)
	}, false, true},
	{"a shorter log", "rollback", "MS-10", 1, func(t *testing.T, s *scene) {
		old := s.fork()
		for range 3 {
			s.wait(time.Second)
		}
		s.ada.lookup(t, "bob")
		s.told(old)
	}, false, true},
	{"another log of the same length", "rollback", "MS-10", 1, func(t *testing.T, s *scene) {
		other := s.fork()
		other.Fill(1)
		other.wait(time.Second)
		s.wait(time.Second)
		s.ada.lookup(t, "bob")
		s.told(other)
	}, true, true},
	{"one witness", "witness", "MS-12", 1, func(_ *testing.T, s *scene) {
		s.edit(func(a *keytrans.LookupResponse) {
			lines := bytes.SplitAfter(a.Checkpoint, []byte("\n"))
			a.Checkpoint = bytes.Join(lines[:len(lines)-2], nil)
		})
	}, false, true},
	{"a witness twice", "witness", "MS-12", 1, func(_ *testing.T, s *scene) {
		s.edit(func(a *keytrans.LookupResponse) {
			lines := bytes.SplitAfter(a.Checkpoint, []byte("\n"))
			n := len(lines)
			a.Checkpoint = slices.Concat(bytes.Join(lines[:n-2], nil), lines[n-3])
		})
	}, false, true},
	{"a forged cosignature", "witness", "MS-13", 1, func(_ *testing.T, s *scene) {
		s.edit(func(a *keytrans.LookupResponse) {
			lines := bytes.SplitAfter(a.Checkpoint, []byte("\n"))
			a.Checkpoint = append(bytes.Join(lines[:len(lines)-2], nil), s.Witnesses[1].Line(make([]byte, 72))...)
		})
	}, false, true},
	{"another log key", "server-identity", "MS-14", 1, func(_ *testing.T, s *scene) {
		other := s.fork()
		other.Log = keytranstest.NewSigner("thief", 1)
		other.Log.Name = s.Log.Name
		s.told(other)
	}, false, true},
	{"a label proof of somebody else", "proof", "MS-15", 0, func(_ *testing.T, s *scene) {
		_, pi := s.Label(keytrans.Users, s.bob.User[:], 7)
		s.edit(func(a *keytrans.LookupResponse) { a.VRFs[0] = pi })
	}, false, true},
	{"a handle that moved", "handle-moved", "MS-16", 1, func(_ *testing.T, s *scene) {
		thief := keytranstest.NewPerson("thief")
		thief.Publish(s.Model)
		thief.Handle = "bob"
		s.bob.Handle = "bob2"
		label, _ := s.Label(keytrans.Handles, []byte("bob"), 0)
		delete(s.Entries, label)
		s.Put(keytrans.Handles, []byte("bob"), 0, thief.User[:])
		s.wait(time.Second)
	}, false, false},
	{"an answer cut short", "proof", "MS-42", 1, func(_ *testing.T, s *scene) {
		s.ada.wire.set(func(w *wire) {
			w.after = func(_ string, _, answer []byte) []byte { return answer[:len(answer)-1] }
		})
	}, false, true},
	{"a clock that is set back", "clock", "MS-43", 1, func(_ *testing.T, s *scene) {
		s.clock.back(24 * time.Hour)
	}, false, true},
	{"another identity key without a reset", "reset", "MS-02", 1, func(_ *testing.T, s *scene) {
		s.bob.Reset(s.Model, false)
		s.wait(time.Second)
	}, false, false},
	{"a device that the owner did not sign", "ghost-device", "MS-03", 1, func(_ *testing.T, s *scene) {
		owner := s.bob.Key
		s.bob.Key = keytranstest.NewSigner("thief", 1).Key
		d := s.bob.Device("ghost")
		s.bob.Add(s.Model, s.bob.Next(func(r *identity.Record) { r.Devices = append(slices.Clone(r.Devices), d) }))
		s.bob.Key = owner
		s.wait(time.Second)
	}, false, false},
}

// TestLies tells ada each lie about a contact whom she knows: the call is refused
// with the exact alarm, what she knew stays as it was, the evidence can be judged
// by others, and an honest server is believed afterwards.
func TestLies(t *testing.T) {
	for _, l := range lies {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, l.versions)
			honest := s.fork()
			honest.People = slices.Clone(s.People)
			for i, p := range honest.People {
				honest.People[i] = p.Clone()
			}
			l.tell(t, s)
			before, head := s.ada.pins(t), s.ada.Head()
			for n := range 2 {
				_, err := s.ada.Lookup(t.Context(), "bob")
				a := alarm(t, err, l.id, l.attack)
				if a.Count != n+1 || a.Last < a.Time {
					t.Errorf("counted %d times", a.Count)
				}
				if _, ok := errors.AsType[*keytrans.Error](err); !ok {
					t.Errorf("no *keytrans.Error beneath %v", err)
				}
				if v := s.ada.judged(t, a.Key); v.Proven != l.proven {
					t.Errorf("proven is %v, want %v: %s", v.Proven, l.proven, v.Detail)
				}
				if after := s.ada.pins(t); !equalDumps(before, after) {
					t.Error("what was pinned changed")
				}
				if h := s.ada.Head(); h.Size != head.Size || h.Root != head.Root {
					t.Error("the checkpoint changed")
				}
				st := s.ada.Status()
				if (st.Trouble == l.id) != l.pauses || st.Open != 1 {
					t.Errorf("trouble %q with %d alarms, want paused %v", st.Trouble, st.Open, l.pauses)
				}
				s.ada.open(t, s.pin()) // alarms outlive the program
			}
			if l.versions > 0 && (s.ada.ContactByHandle("bob") == nil || s.ada.ContactByHandle("bob").State != client.StateOK) {
				t.Error("the conversation with bob is gone")
			}
			s.believes(t, l, honest)
		})
	}
}

// believes lets the server tell the truth again.
func (s *scene) believes(t *testing.T, l lie, honest *evil) {
	t.Helper()
	for len(honest.Leaves) < len(s.Leaves) || uint64(len(honest.Leaves)) < s.ada.Head().Size {
		if i := len(honest.Leaves); i < len(s.Leaves) && l.id == "rollback" {
			honest = &evil{Model: s.Clone(), clock: s.clock} // it was the other view that lied
			break
		}
		honest.Later(1000)
	}
	honest.Now = max(honest.Now, s.Now, s.clock.milliseconds())
	honest.Publish()
	honest.clock.ms.Store(int64(honest.Now))
	s.ada.wire.set(func(w *wire) { w.to, w.after, w.before = honest, nil, nil })
	if s.ada.Status().Trouble == client.IDFlipFlop {
		if _, err := s.ada.Lookup(t.Context(), "carol"); !errors.Is(err, client.ErrPaused) {
			t.Errorf("a new contact after a proven lie: %v, want ErrPaused", err)
		}
		for _, a := range s.ada.Alarms() {
			if err := s.ada.Dismiss(t.Context(), a.Key); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.ada.lookup(t, "carol")
	if c := s.ada.lookup(t, "bob"); c.State != client.StateOK {
		t.Errorf("bob is %s", c.State)
	}
	if st := s.ada.Status(); st.Trouble != "" {
		t.Errorf("still in trouble: %s", st.Trouble)
	}
	passing := l.id == "frozen" || l.id == "witness" || l.id == "clock"
	if st := s.ada.Status(); passing != (st.Open == 0) && l.id != "flipflop" {
		t.Errorf("%d alarms are open", st.Open)
	}
}

func equalDumps(a, b map[string][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if !bytes.Equal(v, b[k]) {
			return false
		}
	}
	return true
}
