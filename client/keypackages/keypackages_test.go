package keypackages

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"conclave/api"
	"conclave/client/directory"
	"conclave/client/vault"
	"conclave/core/identity"
	"conclave/core/mls"
	"conclave/core/suite"
)

// A desk is a server that keeps the KeyPackages of one device.
type desk struct {
	waiting [][]byte
	last    []byte
	had     map[string]bool
	puts    int
	lost    bool // the answer of the next PUT
}

var errLost = errors.New("the line was cut")

func (d *desk) count() *api.KeyPackageCount {
	return &api.KeyPackageCount{Count: len(d.waiting), LastResort: d.last != nil}
}

func (d *desk) PutKeyPackages(_ context.Context, in *api.KeyPackagesPut) (*api.KeyPackageCount, error) {
	d.puts++
	for _, b := range in.KeyPackages {
		if !d.had[string(b)] {
			d.had[string(b)] = true
			d.waiting = append(d.waiting, b)
		}
	}
	if in.LastResort != nil {
		d.last = in.LastResort
	}
	if d.lost {
		d.lost = false
		return nil, errLost
	}
	return d.count(), nil
}

func (d *desk) KeyPackages(context.Context) (*api.KeyPackageCount, error) { return d.count(), nil }

func (d *desk) ClaimKeyPackages(context.Context, *api.KeyPackagesClaim) (*api.KeyPackagesClaimed, error) {
	return nil, errLost
}

// take hands out the next KeyPackage, as an honest server does.
func (d *desk) take() []byte {
	if len(d.waiting) == 0 {
		return d.last
	}
	b := d.waiting[0]
	d.waiting = d.waiting[1:]
	return b
}

type nobody struct{}

func (nobody) LookupUser(context.Context, identity.UserID) (*directory.Contact, error) {
	return nil, directory.ErrUnknown
}

func (nobody) Raise(context.Context, directory.Alarm, string, []byte) (directory.Alarm, error) {
	return directory.Alarm{}, nil
}

// An owner is a device with a clock of its own.
type owner struct {
	*Store
	desk *desk
	now  time.Time
}

func newOwner(t *testing.T) *owner {
	t.Helper()
	s, err := suite.Lookup(suite.Default)
	if err != nil {
		t.Fatal(err)
	}
	o := &owner{desk: &desk{had: make(map[string]bool)}, now: time.Unix(1_800_000_000, 0)}
	o.Store, err = New(Config{
		Server: o.desk, Directory: nobody{}, Vault: vault.NewMemory(), User: identity.UserID{1}, Device: identity.DeviceID{2},
		Signer: s.GenerateSigningKey(), Now: func() time.Time { return o.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// refill must succeed and leave so many at the server.
func (o *owner) refill(t *testing.T, want int) {
	t.Helper()
	if err := o.Refill(t.Context()); err != nil || len(o.desk.waiting) != want {
		t.Fatalf("Refill: %d at the server, want %d: %v", len(o.desk.waiting), want, err)
	}
}

// invited joins a group that somebody made with a KeyPackage.
func (o *owner) invited(t *testing.T, message []byte) error {
	t.Helper()
	s, err := suite.Lookup(suite.Default)
	if err != nil {
		t.Fatal(err)
	}
	c, err := mls.NewClient(mls.Config{
		Credential: Credential(identity.UserID{8}, identity.DeviceID{9}), SigningKey: s.GenerateSigningKey(),
		Now: func() time.Time { return o.now }, Authenticate: func(mls.Identity) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	g, err := c.CreateGroup(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	commit, err := g.Commit(mls.CommitOptions{Add: [][]byte{message}})
	if err != nil {
		t.Fatal(err)
	}
	welcome := commit.Welcomes[0].Message
	k, err := o.Take(t.Context(), welcome)
	if err != nil {
		return err
	}
	if _, err := k.Join(welcome, mls.JoinOptions{}); err != nil {
		return err
	}
	if err := o.Used(t.Context(), k.Ref()); err != nil {
		return err
	}
	if _, err := k.Join(welcome, mls.JoinOptions{}); !errors.Is(err, mls.ErrKeyPackageUsed) {
		t.Errorf("joining twice: %v", err)
	}
	return nil
}

// TestRefill checks when a device makes KeyPackages, and that a lost answer makes
// no more of them.
func TestRefill(t *testing.T) {
	o := newOwner(t)
	o.desk.lost = true
	if err := o.Refill(t.Context()); !errors.Is(err, errLost) {
		t.Fatalf("the lost answer: %v", err)
	}
	o.refill(t, full)
	first := string(o.desk.last)
	if puts := o.desk.puts; puts != 2 {
		t.Errorf("%d requests", puts)
	}
	o.refill(t, full)
	o.desk.waiting = o.desk.waiting[full-low:]
	o.refill(t, low)
	o.desk.waiting = o.desk.waiting[1:]
	o.refill(t, full)
	if string(o.desk.last) != first {
		t.Error("the last resort was replaced")
	}
	o.now = o.now.Add(renewAfter)
	o.refill(t, full)
	if string(o.desk.last) == first {
		t.Error("the last resort is old")
	}
}

// TestHonestLastResort checks that a server without others is not blamed.
func TestHonestLastResort(t *testing.T) {
	o := newOwner(t)
	o.refill(t, full)
	for range 3 {
		if err := o.invited(t, o.desk.take()); err != nil {
			t.Fatal(err)
		}
	}
	o.desk.waiting = nil // claimed by somebody who is slow
	last := o.desk.take()
	o.refill(t, full) // before the Welcome arrives
	if err := o.invited(t, last); err != nil {
		t.Fatal(err)
	}
	a, err := o.Accounting(t.Context())
	if want := (Accounting{Published: 2 * full, Used: 3, Server: full, Missing: full - 3, LastResort: 1}); a != want || err != nil {
		t.Errorf("Accounting = %+v, %v; want %+v", a, err, want)
	}
}

// TestEarlyLastResort checks that a server is blamed that hands out the last resort
// while it says that there are others.
func TestEarlyLastResort(t *testing.T) {
	o := newOwner(t)
	o.refill(t, full)
	if err := o.invited(t, o.desk.last); err != nil {
		t.Fatal(err)
	}
	if a, err := o.Accounting(t.Context()); a.LastResort != 1 || a.Early != 1 || err != nil {
		t.Errorf("Accounting = %+v, %v", a, err)
	}
}

// TestForgotten checks that private halves do not stay for ever.
func TestForgotten(t *testing.T) {
	o := newOwner(t)
	o.refill(t, full)
	late, later := o.desk.take(), o.desk.take()
	o.now = o.now.Add(mls.DefaultLifetime - time.Hour)
	if err := o.invited(t, late); err != nil {
		t.Errorf("shortly before it expires: %v", err)
	}
	made := o.now
	o.now = made.Add(keepAfter + 2*time.Hour)
	o.desk.waiting, o.desk.last = nil, nil
	o.refill(t, full)
	keys, err := o.cfg.Vault.Keys(t.Context(), privatePrefix)
	if err != nil || len(keys) != full+1 {
		t.Errorf("%d private halves, %v; want those of now", len(keys), err)
	}
	o.now = made
	if err := o.invited(t, later); !errors.Is(err, ErrNotMine) {
		t.Errorf("one that is long over: %v", err)
	}
}

// TestDrained checks that a server that says again and again that it has none does
// not fill the vault.
func TestDrained(t *testing.T) {
	o := newOwner(t)
	o.refill(t, full)
	x, err := o.load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n := range maxUnused - full - 1 {
		x.Made[strconv.Itoa(n)] = &made{Published: true, Expires: uint64(o.now.Unix())}
	}
	if err := o.save(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	o.desk.waiting = nil
	if err := o.Refill(t.Context()); !errors.Is(err, ErrDrained) || len(o.desk.waiting) != 1 {
		t.Errorf("with %d unused: %d more, %v", maxUnused-1, len(o.desk.waiting), err)
	}
}

// TestDamaged checks that what the vault holds is not believed.
func TestDamaged(t *testing.T) {
	o := newOwner(t)
	if err := o.cfg.Vault.Put(t.Context(), indexKey, []byte(`{"made":null}`)); err != nil {
		t.Fatal(err)
	}
	if err := o.Refill(t.Context()); !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("Refill = %v", err)
	}
	for name, b := range map[string][]byte{"nothing": nil, "no Welcome": o.bytes(t), "half": {0, 1, 0, 3, 0xf0}} {
		if _, err := o.Take(t.Context(), b); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func (o *owner) bytes(t *testing.T) []byte {
	t.Helper()
	k, err := o.client.NewKeyPackage()
	if err != nil {
		t.Fatal(err)
	}
	return k.Bytes()
}
