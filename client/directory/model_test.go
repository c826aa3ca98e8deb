package directory_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"conclave/api"
	client "conclave/client/directory"
	"conclave/core/identity"
	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// The model: an operator who has the log's key and no honest witness shows people
// whatever it likes. Whoever accepted another value for the same version of
// somebody than a friend did must see an alarm, or the friend must, once both have
// looked in the next hours and have spoken.

// firstSeed begins a run in which few seeds find what was once broken on purpose.
const firstSeed = 8

// seeds is how many random schedules run: $CONCLAVE_SEEDS, else 5.
func seeds(t *testing.T) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(os.Getenv("CONCLAVE_SEEDS"), 10, 32)
	if err != nil {
		return 5
	}
	return n
}

const (
	modelPeople  = 3
	modelFriends = 3 // who own no account
	modelSteps   = 50
)

// A value is one version of somebody.
type value struct {
	user    identity.UserID
	version uint32
}

// A model is one random schedule.
type model struct {
	t      *testing.T
	r      *rand.Rand
	views  []*evil
	truth  []*keytranstest.Person // what people really published
	actors []*actor               // the owners first
	shown  []int                  // the view of each actor
	took   map[value][][32]byte   // by actor; zero: nothing
	steps  []string
}

func TestModel(t *testing.T) {
	conflicts := 0
	for n := range seeds(t) {
		seed := firstSeed + n
		m := newModel(t, seed)
		for range modelSteps {
			m.step()
		}
		m.settle()
		conflicts += m.judge(seed)
		if t.Failed() {
			return
		}
	}
	if conflicts == 0 {
		t.Error("nobody ever accepted different values: the model tests nothing")
	}
}

func newModel(t *testing.T, seed uint64) *model {
	t.Helper()
	m := &model{
		t: t, r: rand.New(rand.NewPCG(seed, 5)),
		views: []*evil{newEvil(t, 0)}, took: make(map[value][][32]byte),
	}
	for i := range modelPeople + modelFriends {
		a := newActor(t, m.views[0], m.views[0].clock, nil)
		m.actors, m.shown = append(m.actors, a), append(m.shown, 0)
		if i < modelPeople {
			p := keytranstest.NewPerson(fmt.Sprintf("person%d", i))
			m.truth = append(m.truth, p)
			if err := a.SetOwn(t.Context(), p.User, [32]byte(p.Key[32:])); err != nil {
				t.Fatal(err)
			}
			m.publish(i)
		}
	}
	return m
}

// step does one random thing.
func (m *model) step() {
	i := m.r.IntN(len(m.actors))
	k := m.r.IntN(len(m.truth))
	v := m.views[m.r.IntN(len(m.views))]
	p := v.person(m.truth[k].User)
	switch n := m.r.IntN(20); {
	case n < 6:
		m.note("%d looks up %d", i, k)
		_, err := m.actors[i].Lookup(m.t.Context(), m.truth[k].Handle)
		m.allowed(err)
	case n < 8:
		m.note("%d monitors", i)
		_, err := m.actors[i].Monitor(m.t.Context())
		m.allowed(err)
	case n < 9:
		j := m.r.IntN(len(m.actors))
		m.note("%d gossips with %d", i, j)
		m.allowed(m.actors[i].Gossip(m.t.Context(), identity.UserID{byte(j + 1)}, m.actors[j].Head()))
	case n < 10:
		m.note("%d starts anew", i)
		m.actors[i].open(m.t, nil)
	case n < 12:
		m.note("%d publishes", k)
		m.publish(k)
	case n < 15:
		m.tick(time.Duration(1+m.r.IntN(50)) * time.Minute)
	case n < 16 && len(m.views) < 3:
		m.note("fork, shown to %d", i)
		f := v.fork()
		for at, p := range f.People {
			f.People[at] = p.Clone()
		}
		m.views = append(m.views, f)
		m.show(i, len(m.views)-1)
	case n < 17:
		m.show(i, m.r.IntN(len(m.views)))
	default:
		m.lies(v, p, k)
	}
	m.sync()
}

// lies changes the map of a view.
func (m *model) lies(v *evil, p *keytranstest.Person, k int) {
	if p == nil {
		return
	}
	last := len(p.Records) - 1
	switch m.r.IntN(4) {
	case 0:
		m.note("reset of %d", k)
		p.Reset(v.Model, true)
	case 1:
		m.note("version %d of %d replaced", last, k)
		m.cut(p, last)
		if last == 0 {
			p.Key = keytranstest.NewSigner("thief", 1).Key
			p.Add(v.Model, p.Next(nil))
		} else {
			p.Reset(v.Model, true)
		}
	case 2:
		if last > 0 {
			m.note("version %d of %d removed", last, k)
			v.Remove(keytrans.Users, p.User[:], uint32(last))
			m.cut(p, last)
		}
	default:
		m.note("truth about %d", k)
		for version := range p.Records {
			v.Remove(keytrans.Users, p.User[:], uint32(version))
		}
		m.cut(p, 0)
		for _, b := range m.truth[k].Records {
			p.Add(v.Model, b)
		}
	}
	v.wait(time.Second)
}

// cut forgets the versions of a person from one on.
func (m *model) cut(p *keytranstest.Person, from int) {
	p.Records = slices.Clone(p.Records[:from])
	p.Last = identity.Record{}
	if from > 0 {
		r, err := identity.ParseRecord(p.Records[from-1])
		if err != nil {
			m.t.Fatal(err)
		}
		p.Last = *r
	}
}

// publish lets a person publish, in all views that have what it follows.
func (m *model) publish(k int) {
	p := m.truth[k]
	record := p.Next(func(r *identity.Record) { r.Name = fmt.Sprintf("name %d", len(p.Records)) })
	_, err := m.actors[k].Publish(m.t.Context(), record)
	m.allowed(err)
	if err != nil {
		return
	}
	r, err := identity.ParseRecord(record)
	if err != nil {
		m.t.Fatal(err)
	}
	p.Last, p.Records = *r, append(p.Records, record)
	for _, v := range m.views {
		_, _ = v.publish(m.t.Context(), record)
	}
	m.sync()
}

func (m *model) show(i, view int) {
	m.note("%d is shown view %d", i, view)
	m.shown[i] = view
	m.actors[i].wire.set(func(w *wire) { w.to = m.views[view] })
}

// tick lets time pass in all views.
func (m *model) tick(d time.Duration) {
	m.note("%v later", d)
	for _, v := range m.views {
		v.Later(uint64(d.Milliseconds()))
	}
	m.sync()
}

// sync sets all clocks to the latest, and keeps what each accepted.
func (m *model) sync() {
	var now uint64
	for _, v := range m.views {
		now = max(now, v.Now)
	}
	for _, v := range m.views {
		v.Now = now
	}
	m.views[0].clock.ms.Store(int64(now))
	for i, a := range m.actors {
		for _, c := range append(a.Contacts(), a.Own()) {
			if c != nil {
				m.accepted(i, value{c.User, c.Version}, identity.Hash(c.Encoded))
			}
		}
	}
}

func (m *model) accepted(i int, v value, hash [32]byte) {
	if m.took[v] == nil {
		m.took[v] = make([][32]byte, modelPeople+modelFriends)
	}
	if old := m.took[v][i]; old != [32]byte{} && old != hash {
		m.t.Errorf("%d accepted two values of version %d", i, v.version)
	}
	m.took[v][i] = hash
}

// settle lets everybody look in the next distinguished epochs and speak with
// everybody.
func (m *model) settle() {
	for range 2 {
		m.tick(time.Hour)
		for i, a := range m.actors {
			_, err := a.Monitor(m.t.Context())
			m.allowed(err)
			for j, other := range m.actors {
				if i != j {
					m.allowed(a.Gossip(m.t.Context(), identity.UserID{byte(j + 1)}, other.Head()))
				}
			}
		}
		m.sync()
	}
}

// judge checks the invariant and returns how many values two people differ over.
func (m *model) judge(seed uint64) (conflicts int) {
	for v, took := range m.took {
		owner := slices.IndexFunc(m.truth, func(p *keytranstest.Person) bool { return p.User == v.user })
		for i := range took {
			for j := range i {
				if took[i] == ([32]byte{}) || took[j] == ([32]byte{}) || took[i] == took[j] {
					continue
				}
				conflicts++
				if !m.alarmed(i) && !m.alarmed(j) && !m.alarmed(owner) {
					m.t.Errorf("seed %d: %d and %d differ over version %d of %d, and nobody knows", seed, j, i, v.version, owner)
				}
			}
		}
	}
	if m.t.Failed() {
		for _, s := range m.steps {
			m.t.Log(s)
		}
	}
	return conflicts
}

// alarmed reports whether an actor saw an alarm that does not pass by itself.
func (m *model) alarmed(i int) bool {
	return slices.ContainsFunc(m.actors[i].Alarms(), func(a client.Alarm) bool {
		return a.ID != client.IDFrozen && a.ID != client.IDWitness && a.ID != client.IDClock && a.ID != client.IDRefusedOne
	})
}

// allowed fails if an error is none that a lying server may cause.
func (m *model) allowed(err error) {
	m.t.Helper()
	_, alarm := errors.AsType[*client.AlarmError](err)
	_, refused := errors.AsType[*api.HTTPError](err)
	switch {
	case err == nil, alarm, refused, errors.Is(err, client.ErrPaused), errors.Is(err, client.ErrUnknown),
		errors.Is(err, client.ErrBlocked), errors.Is(err, client.ErrConflict):
	default:
		m.t.Errorf("error: %v", err)
	}
}

func (m *model) note(format string, args ...any) {
	m.steps = append(m.steps, fmt.Sprintf(format, args...))
}
