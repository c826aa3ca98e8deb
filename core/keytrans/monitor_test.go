package keytrans_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// watch monitors kofi and takes over what was learned.
func (w *world) watch(tb testing.TB, owner bool, most uint8) *keytrans.MonitorResult {
	tb.Helper()
	q := w.st.MonitorRequest(w.p.User, owner, most)
	r, err := w.v.Monitor(w.st, q, w.Monitor(q, w.GreatestOf(w.p)).Encode(), w.Now)
	if err != nil {
		tb.Fatalf("an honest answer is refused: %v", err)
	}
	w.st.ApplyMonitor(r)
	return r
}

// hours publishes an epoch every 20 minutes for some hours.
func (w *world) hours(n int) {
	for range 3 * n {
		w.Later(20 * minute)
	}
}

func TestMonitorContact(t *testing.T) {
	w := newWorld(t, 3)
	if q := w.st.MonitorRequest(w.p.User, false, 1); q != nil {
		t.Error("a user who is not pinned is monitored")
	}
	w.accept(t)
	if r := w.watch(t, false, 1); r.Epochs != 0 || r.More || r.State.Confirmed {
		t.Errorf("in the same hour: %+v", r)
	}
	w.hours(5)
	r := w.watch(t, false, 1)
	if r.Epochs != 1 || !r.More || !r.State.Confirmed || r.Version != 3 {
		t.Errorf("the next hour: %+v", r)
	}
	w.reload(t)
	if r := w.watch(t, false, 64); r.Epochs != 4 || r.More {
		t.Errorf("the rest: %+v", r)
	}
	// A newer version is monitored from when it was accepted: it was not there before.
	w.hours(2)
	w.p.Publish(w.Model)
	w.Later(second)
	if r := w.accept(t); r.State.Confirmed {
		t.Error("a new version is confirmed at once")
	}
	w.hours(1)
	if r := w.watch(t, false, 64); r.Epochs != 1 || !r.State.Confirmed || r.Version != 4 {
		t.Errorf("after a newer version: %+v", r)
	}
}

func TestMonitorOwner(t *testing.T) {
	w := newWorld(t, 0)
	w.accept(t)
	for range 4 {
		w.p.Publish(w.Model)
		w.hours(2)
	}
	r := w.watch(t, true, 3)
	if r.Epochs != 3 || !r.More || r.Version != 2 {
		t.Errorf("the first 3: %+v", r)
	}
	w.reload(t)
	// The pinned version grows while older epochs are not checked yet.
	if r := w.accept(t); r.Version != 4 {
		t.Errorf("Lookup = %+v", r)
	}
	if r := w.watch(t, true, 64); r.Epochs != 5 || r.More || r.Version != 4 || r.State.CheckedVersion != 4 {
		t.Errorf("the rest: %+v", r)
	}
	w.reload(t)
}

// TestVersionGap plants a version far above the true one. The owner's ladder and
// the victim's look at the same entries: one of them refuses.
func TestVersionGap(t *testing.T) {
	for _, planted := range []uint32{9, 10, 15, 16, 127, 5000} {
		w := newWorld(t, 8)
		owner := w.accept(t)
		w.Put(keytrans.Users, w.p.User[:], planted, []byte("fake"))
		w.hours(1)
		q := w.st.MonitorRequest(w.p.User, true, 1)
		_, errOwner := w.v.Monitor(w.st, q, w.Monitor(q, func(int) uint32 { return owner.Version }).Encode(), w.Now)
		victim := &keytrans.State{}
		fake := w.p.Clone()
		for len(fake.Records) <= int(planted) {
			fake.Records = append(fake.Records, []byte("fake"))
		}
		lookup := victim.Request(keytrans.ByHandle, []byte("kofi"))
		_, errVictim := w.v.Lookup(victim, lookup, w.Lookup(lookup, fake, planted).Encode(), w.Now)
		seen := errors.Is(errOwner, keytrans.ErrStale)
		refused := errors.Is(errVictim, keytrans.ErrProof)
		var e *keytrans.Error
		// Ladder(15) climbs 1, 3, 7, 15: the planted one is all it needs. The owner's
		// ladder for 8 climbs to 15 too, and finds it.
		if planted > 9 && planted != 15 && (!errors.As(errVictim, &e) || e.Attack != "MS-07") {
			t.Errorf("version %d planted: the victim says %v", planted, errVictim)
		}
		if !seen && !refused {
			t.Errorf("version %d planted: the owner says %v, the victim %v", planted, errOwner, errVictim)
		}
	}
}

// TestFlipFlop shows a fake version to a victim and takes it back in the next
// epoch. An owner who looks at the newest epoch alone sees nothing; the victim's
// next look, or monitoring, has the proof.
func TestFlipFlop(t *testing.T) {
	honest := newWorld(t, 1)
	owner := &world{Model: honest.Model, v: honest.v, st: &keytrans.State{}, p: honest.p}
	owner.accept(t)

	evil := honest.copyOf()
	evil.p.Reset(evil.Model, true)
	evil.Later(second)
	victim := &world{Model: evil.Model, v: honest.v, st: &keytrans.State{}, p: evil.p}
	if r := victim.accept(t); r.Version != 2 {
		t.Fatalf("the victim accepts %+v", r)
	}
	evil.Remove(keytrans.Users, honest.p.User[:], 2)
	evil.hours(1)

	// The owner sees nothing: the fake was between two distinguished epochs.
	owner.Model = evil.Model
	owner.watch(t, true, 64)
	if r := owner.accept(t); r.Version != 1 {
		t.Fatalf("the owner sees %+v", r)
	}

	at := attack{id: keytrans.ErrFlipFlop, attack: "MS-08", proof: keytrans.Changed, proven: true}
	before := snapshot(victim.st)
	q := victim.st.MonitorRequest(victim.p.User, false, 1)
	_, err := victim.v.Monitor(victim.st, q, victim.Monitor(q, nil).Encode(), victim.Now)
	at.refused(t, victim, before, err)
	lookup := victim.request()
	_, err = victim.v.Lookup(victim.st, lookup, victim.Lookup(lookup, honest.p, 1).Encode(), victim.Now)
	at.refused(t, victim, before, err)
}

// TestOwnerSeesMore publishes a version that the owner did not make, over an
// hour's end.
func TestOwnerSeesMore(t *testing.T) {
	w := newWorld(t, 1)
	w.accept(t)
	evil := w.copyOf()
	evil.p.Reset(evil.Model, true)
	evil.hours(1)
	owner := &world{Model: evil.Model, v: w.v, st: w.st, p: evil.p}
	if r := owner.watch(t, true, 64); r.Version != 2 || r.State.Version != 1 {
		t.Fatalf("the owner sees %+v", r)
	}
	// It is remembered: the directory cannot take it back.
	evil.Remove(keytrans.Users, w.p.User[:], 2)
	evil.Later(second)
	q := owner.st.Request(keytrans.ByUser, w.p.User[:])
	before := snapshot(owner.st)
	_, err := w.v.Lookup(owner.st, q, evil.Lookup(q, w.p, 1).Encode(), evil.Now)
	at := attack{id: keytrans.ErrFlipFlop, attack: "MS-08", proof: keytrans.Changed, proven: true}
	at.refused(t, owner, before, err)
}

// monitorAttacks are changes of an honest answer to the owner, who has 3
// distinguished epochs to check.
var monitorAttacks = []struct {
	name   string
	change func(w *world, a *keytrans.MonitorResponse)
	id     *keytrans.Error
	attack string
}{
	{"an epoch left out", func(_ *world, a *keytrans.MonitorResponse) { a.Epochs = a.Epochs[1:] }, keytrans.ErrProof, "MS-08"},
	{"the middle left out", func(_ *world, a *keytrans.MonitorResponse) { a.Epochs = slices.Delete(a.Epochs, 1, 2) }, keytrans.ErrProof, "MS-08"},
	{"the last left out", func(_ *world, a *keytrans.MonitorResponse) { a.Epochs = a.Epochs[:2] }, keytrans.ErrProof, "MS-08"},
	{"all left out", func(_ *world, a *keytrans.MonitorResponse) { a.Epochs, a.VRFs = nil, nil }, keytrans.ErrProof, "MS-08"},
	{"an epoch twice", func(_ *world, a *keytrans.MonitorResponse) { a.Epochs = slices.Insert(a.Epochs, 1, a.Epochs[0]) }, keytrans.ErrProof, "MS-08"},
	{"an epoch that is not distinguished", func(w *world, a *keytrans.MonitorResponse) {
		i := 3
		for keytrans.Distinguished(w.Epochs[i-1].Time, w.Epochs[i].Time) {
			i++
		}
		a.Epochs[0].Before, a.Epochs[0].BeforeInclusion = w.Leaves[i-1], keytranstest.LogInclusion(i-1, w.Leaves)
		a.Epochs[0].Epoch, a.Epochs[0].Inclusion = w.Leaves[i], keytranstest.LogInclusion(i, w.Leaves)
	}, keytrans.ErrProof, "MS-08"},
	{"an epoch before that is not in the log", func(_ *world, a *keytrans.MonitorResponse) {
		a.Epochs[0].Before = slices.Clone(a.Epochs[0].Before)
		a.Epochs[0].Before[60]++
	}, keytrans.ErrProof, "MS-05"},
	{"an epoch that is not in the log", func(_ *world, a *keytrans.MonitorResponse) {
		a.Epochs[0].Epoch = slices.Clone(a.Epochs[0].Epoch)
		a.Epochs[0].Epoch[60]++
	}, keytrans.ErrProof, "MS-05"},
	{"neighbours that are none", func(_ *world, a *keytrans.MonitorResponse) {
		a.Epochs[0].Epoch, a.Epochs[0].Inclusion, a.Epochs[0].Proof = a.Epochs[1].Epoch, a.Epochs[1].Inclusion, a.Epochs[1].Proof
		a.Epochs = slices.Delete(a.Epochs, 1, 2)
	}, keytrans.ErrProof, "MS-08"},
	{"a map of another epoch", func(_ *world, a *keytrans.MonitorResponse) { a.Epochs[2].Proof = a.Epochs[0].Proof }, keytrans.ErrProof, "MS-05"},
	{"a version less", func(w *world, a *keytrans.MonitorResponse) {
		labels, _ := w.Ladder(w.p.User[:], keytrans.Ladder(3), nil)
		a.Epochs[0].Version, a.Epochs[0].Proof = 3, w.Prove(4, labels)
		_, a.VRFs = w.Ladder(w.p.User[:], keytrans.Ladder(3)[4:], nil)
	}, keytrans.ErrStale, "MS-06"},
	{"a version more", func(_ *world, a *keytrans.MonitorResponse) { a.Epochs[0].Version = 6 }, keytrans.ErrProof, "MS-07"},
	{"a label proof too many", func(_ *world, a *keytrans.MonitorResponse) { a.VRFs = append(a.VRFs, make([]byte, 80)) }, keytrans.ErrProof, "MS-42"},
	{"an epoch that does not parse", func(_ *world, a *keytrans.MonitorResponse) { a.Epochs[0].Before = []byte{1} }, keytrans.ErrProof, "MS-42"},
	{"an old checkpoint", func(w *world, _ *keytrans.MonitorResponse) { w.Now += 25 * hour }, keytrans.ErrFrozen, "MS-09"},
}

// newWatched is a world whose owner has 3 distinguished epochs to check.
func newWatched(tb testing.TB) *world {
	tb.Helper()
	w := newWorld(tb, 4)
	w.accept(tb)
	w.p.Publish(w.Model)
	w.hours(2)
	w.Put(keytrans.Users, keytranstest.Seed("lin")[:16], 0, nil)
	w.hours(1)
	return w
}

func TestMonitorAttacks(t *testing.T) {
	w := newWatched(t)
	for _, at := range monitorAttacks {
		t.Run(at.name, func(t *testing.T) {
			w := w.copyOf()
			evil := w.copyOf()
			q := w.st.MonitorRequest(w.p.User, true, 64)
			a := evil.Monitor(q, w.GreatestOf(w.p))
			at.change(evil, a)
			before := snapshot(w.st)
			_, err := w.v.Monitor(w.st, q, a.Encode(), evil.Now)
			check := attack{id: at.id, attack: at.attack}
			check.refused(t, w, before, err)
			w.watch(t, true, 64)
		})
	}
}

// TestMonitorMore asks for 1 epoch, and a contact for a version.
func TestMonitorMore(t *testing.T) {
	w := newWatched(t)
	before := snapshot(w.st)
	try := func(name string, owner bool, id *keytrans.Error, number string, change func(q *keytrans.MonitorRequest)) {
		t.Helper()
		q := w.st.MonitorRequest(w.p.User, owner, 1)
		other := *q
		change(&other)
		_, err := w.v.Monitor(w.st, q, w.Monitor(&other, w.GreatestOf(w.p)).Encode(), w.Now)
		if err == nil {
			t.Fatalf("%s: accepted", name)
		}
		at := attack{id: id, attack: number}
		at.refused(t, w, before, err)
	}
	try("more epochs", true, keytrans.ErrProof, "MS-42", func(q *keytrans.MonitorRequest) { q.Most = 2 })
	try("another version", false, keytrans.ErrProof, "MS-42", func(q *keytrans.MonitorRequest) { q.Version = 3 })
}

// TestMonitorAccepted takes back a version that the owner has looked up but not
// monitored yet.
func TestMonitorAccepted(t *testing.T) {
	w := newWorld(t, 1)
	w.accept(t)
	w.p.Publish(w.Model)
	w.Later(second)
	w.accept(t)
	before := snapshot(w.st)
	evil := w.copyOf()
	evil.Remove(keytrans.Users, w.p.User[:], 2)
	evil.hours(1)
	q := w.st.MonitorRequest(w.p.User, true, 1)
	_, err := w.v.Monitor(w.st, q, evil.Monitor(q, func(int) uint32 { return 1 }).Encode(), evil.Now)
	at := attack{id: keytrans.ErrFlipFlop, attack: "MS-08", proof: keytrans.Changed, proven: true}
	at.refused(t, w, before, err)
}

// TestMonitorTime lets the directory's time go back between epochs that a client
// is shown.
func TestMonitorTime(t *testing.T) {
	w := newWorld(t, 1)
	w.accept(t)
	now := w.Now
	w.Now = now - minute
	w.Publish()
	w.Now = now
	w.hours(1)
	q := w.st.MonitorRequest(w.p.User, false, 1)
	a := w.Monitor(q, nil)
	i := 2 // the one whose time went back
	a.Epochs[0].Before, a.Epochs[0].BeforeInclusion = w.Leaves[i], keytranstest.LogInclusion(i, w.Leaves)
	a.Epochs[0].Epoch, a.Epochs[0].Inclusion = w.Leaves[i+1], keytranstest.LogInclusion(i+1, w.Leaves)
	before := snapshot(w.st)
	_, err := w.v.Monitor(w.st, q, a.Encode(), w.Now)
	at := attack{id: keytrans.ErrProof, attack: "MS-43"}
	at.refused(t, w, before, err)
}

func TestMonitorOfAnotherState(t *testing.T) {
	w := newWorld(t, 1)
	w.accept(t)
	q := w.st.MonitorRequest(w.p.User, true, 1)
	for i, change := range []func(q *keytrans.MonitorRequest){
		func(q *keytrans.MonitorRequest) { q.User[0]++ },
		func(q *keytrans.MonitorRequest) { q.Known++ },
		func(q *keytrans.MonitorRequest) { q.After++ },
		func(q *keytrans.MonitorRequest) { q.Version++ },
	} {
		other := *q
		change(&other)
		if _, err := w.v.Monitor(w.st, &other, nil, w.Now); !errors.Is(err, keytrans.ErrRequest) {
			t.Error(fmt.Sprint(i), err)
		}
	}
}
