package evilserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"conclave/api"
	"conclave/client/account"
	"conclave/client/keypackages"
	"conclave/core/identity"
	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

const claimRoute = "POST /api/v1/keypackages/claim"

// A member is a device that can be added to groups.
type member struct {
	*device
	*account.Messaging
	store *keypackages.Store
}

// joins makes a member of a device and publishes its KeyPackages.
func joins(t *testing.T, d *device) *member {
	t.Helper()
	m, err := d.Messaging()
	if err != nil {
		t.Fatal(err)
	}
	x := &member{device: d, Messaging: m}
	x.store, err = keypackages.New(keypackages.Config{
		Server: m.Server, Directory: m.Directory, Vault: d.vault, User: m.User, Device: m.Device, Signer: m.Signer,
		Now: func() time.Time { return time.Now().Add(d.ahead) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.store.Refill(t.Context()); err != nil {
		t.Fatalf("publishing KeyPackages: %v", err)
	}
	return x
}

// second returns another device of somebody.
func second(t *testing.T, f *Front, first *device, handle string) *device {
	t.Helper()
	d := newDevice(t, f, "laptop of "+handle)
	if _, err := d.SignInPassword(t.Context(), handle, password); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Recover(t.Context(), strings.Join(first.words, " ")); err != nil {
		t.Fatal(err)
	}
	return d
}

// A people is Ada, whom the server lies to, Bob with two devices, and Carol.
type people struct {
	world             *World
	front, carolFront *Front
	ada, carol        *member
	bob, laptop       *member
	before            account.LookupResult
	lastResort        [][]byte // what Bob's phone published
}

func newPeople(t *testing.T) *people {
	t.Helper()
	s := New(t, quick())
	p := &people{world: s.World()}
	p.front, p.carolFront = s.Front(p.world), s.Front(p.world)
	bobFront := s.Front(p.world)
	bobFront.Lie("PUT /api/v1/keypackages", func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		in := new(api.KeyPackagesPut)
		if err := json.Unmarshal(Body(r), in); err == nil && in.LastResort != nil {
			p.lastResort = append(p.lastResort, in.LastResort)
		}
		real.ServeHTTP(w, r)
	})
	ada, bob := register(t, p.front, "ada"), register(t, bobFront, "bob")
	p.laptop = joins(t, second(t, s.Front(p.world), bob, "bob"))
	p.ada, p.bob = joins(t, ada), joins(t, bob)
	p.carol = joins(t, register(t, p.carolFront, "carol"))
	p.before = ada.knows("bob")
	return p
}

// claim has somebody ask for KeyPackages of Bob's devices.
func (p *people) claim(t *testing.T, by *member) ([]keypackages.Claimed, []*keypackages.RefusedError) {
	t.Helper()
	good, refused, err := by.store.Claim(t.Context(), p.bob.User, nil)
	if err != nil {
		t.Fatalf("claiming: %v", err)
	}
	return good, refused
}

// editClaim changes what the server hands out.
func editClaim(t *testing.T, change func(*api.KeyPackagesClaimed)) Hook {
	return Change(func(body []byte) []byte {
		a := new(api.KeyPackagesClaimed)
		if err := json.Unmarshal(body, a); err != nil {
			t.Errorf("the honest answer: %v", err)
			return body
		}
		change(a)
		b, err := json.Marshal(a)
		if err != nil {
			t.Error(err)
		}
		return b
	})
}

// phone returns the entry of Bob's phone.
func (p *people) phone(a *api.KeyPackagesClaimed) *api.ClaimedKeyPackage {
	for i := range a.KeyPackages {
		if a.KeyPackages[i].Device == p.bob.Device.String() {
			return &a.KeyPackages[i]
		}
	}
	return new(api.ClaimedKeyPackage)
}

// forge makes a KeyPackage as a server or a broken device could.
func forge(t *testing.T, of *member, change func(*mls.Config)) []byte {
	t.Helper()
	c := mls.Config{
		Credential: keypackages.Credential(of.User, of.Device), SigningKey: of.Signer, Now: time.Now,
		MaxLifetime: -1, Authenticate: func(mls.Identity) error { return nil },
	}
	change(&c)
	client, err := mls.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	k, err := client.NewKeyPackage()
	if err != nil {
		t.Fatal(err)
	}
	return k.Bytes()
}

// TestKeyPackages is MS-17: what the server hands out for Bob's phone is refused,
// Ada is told, Bob's laptop is added nevertheless, and the honest answer works.
func TestKeyPackages(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	first, _ := p.claim(t, p.ada) // of the phone first or second
	var old []byte
	for _, c := range first {
		if c.Device.ID == p.bob.Device {
			old = c.Message
		}
	}
	put := func(message []byte) Hook {
		return editClaim(t, func(a *api.KeyPackagesClaimed) { p.phone(a).KeyPackage = message })
	}
	lies := []struct {
		name   string
		reason keypackages.Reason
		good   int
		hook   Hook
	}{
		{"signed by the server's key", keypackages.ReasonKey, 1, put(forge(t, p.bob, func(c *mls.Config) { c.SigningKey = nil }))},
		{"the server's key in it, Bob's signature", keypackages.ReasonInvalid, 1, editClaim(t, func(a *api.KeyPackagesClaimed) {
			p.phone(a).KeyPackage = swapInit(t, p.phone(a).KeyPackage)
		})},
		{"of Bob's other device", keypackages.ReasonOther, 1, put(forge(t, p.laptop, func(*mls.Config) {}))},
		{"of another person", keypackages.ReasonOther, 1, put(forge(t, p.carol, func(*mls.Config) {}))},
		{"of a device that is not listed", keypackages.ReasonUnlisted, 2, editClaim(t, func(a *api.KeyPackagesClaimed) {
			a.KeyPackages = append(a.KeyPackages, api.ClaimedKeyPackage{
				Device: identity.DeviceID{1}.String(), KeyPackage: forge(t, p.bob, func(c *mls.Config) { c.SigningKey = nil }),
			})
		})},
		{"expired", keypackages.ReasonLifetime, 1, put(forge(t, p.bob, func(c *mls.Config) {
			c.Now = func() time.Time { return time.Now().Add(-91 * 24 * time.Hour) }
		}))},
		{"valid for too long", keypackages.ReasonLifetime, 1, put(forge(t, p.bob, func(c *mls.Config) { c.Lifetime = 94 * 24 * time.Hour }))},
		{"of a weaker suite", keypackages.ReasonSuite, 1, put(forge(t, p.bob, func(c *mls.Config) {
			c.Suite = suite.MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519
		}))},
		{"handed out before", keypackages.ReasonTwice, 1, put(old)},
		{"handed out before, and called a last resort", keypackages.ReasonTwice, 1, editClaim(t, func(a *api.KeyPackagesClaimed) {
			p.phone(a).KeyPackage, p.phone(a).LastResort = old, true
		})},
		{"two of one device", keypackages.ReasonTwice, 1, editClaim(t, func(a *api.KeyPackagesClaimed) { a.KeyPackages = append(a.KeyPackages, *p.phone(a)) })},
		{"cut off", keypackages.ReasonInvalid, 1, put(old[:len(old)/2])},
	}
	for _, l := range lies {
		t.Run(l.name, func(t *testing.T) {
			d := *p.ada.device
			d.t = t
			p.front.Lie(claimRoute, l.hook)
			good, refused := p.claim(t, p.ada)
			p.front.Lie(claimRoute, nil)
			p.wantRefused(t, good, refused, l.reason, l.good)
			d.hasAlarm(keypackages.MessageID, "MS-17")
			d.honest("bob", p.before)
			if good, refused := p.claim(t, p.ada); len(good) != 2 || len(refused) != 0 {
				t.Errorf("the honest answer: %d, refused %v", len(good), refused)
			}
		})
	}
}

// wantRefused checks that one KeyPackage was refused, and so many were not.
func (p *people) wantRefused(t *testing.T, good []keypackages.Claimed, refused []*keypackages.RefusedError, why keypackages.Reason, want int) {
	t.Helper()
	if len(refused) != 1 || refused[0].Reason != why || refused[0].User != p.bob.User {
		t.Fatalf("refused %v, want one for %s", refused, why)
	}
	if why != keypackages.ReasonUnlisted && (refused[0].Device != p.bob.Device || refused[0].Name != "phone of bob" || refused[0].Person != "bob") {
		t.Errorf("refused %+v, want Bob's phone", refused[0])
	}
	if len(good) != want || want == 1 && good[0].Device.ID != p.laptop.Device {
		t.Errorf("%d are good, want %d", len(good), want)
	}
}

// swapInit puts a key of the server into a KeyPackage.
func swapInit(t *testing.T, message []byte) []byte {
	t.Helper()
	m, err := mlswire.ParseMessage(message)
	if err != nil {
		t.Fatal(err)
	}
	s, err := suite.Lookup(suite.Default)
	if err != nil {
		t.Fatal(err)
	}
	m.KeyPackage.InitKey = s.GenerateKeyPair().Public
	return m.Marshal()
}

// invites has somebody make a group with Bob's phone, and returns the Welcome.
func (p *people) invites(t *testing.T, by *member) []byte {
	t.Helper()
	good, _, err := by.store.Claim(t.Context(), p.bob.User, []identity.DeviceID{p.bob.Device})
	if err != nil || len(good) != 1 {
		t.Fatalf("claiming: %d, %v", len(good), err)
	}
	g, err := by.store.Client().CreateGroup(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := g.Commit(mls.CommitOptions{Add: [][]byte{good[0].Message}})
	if err != nil {
		t.Fatal(err)
	}
	return c.Welcomes[0].Message
}

// join has Bob's phone join by a Welcome.
func (p *people) join(t *testing.T, welcome []byte) error {
	t.Helper()
	k, err := p.bob.store.Take(t.Context(), welcome)
	if err != nil {
		return err
	}
	if _, err := k.Join(welcome, mls.JoinOptions{}); err != nil {
		return err
	}
	return p.bob.store.Used(t.Context(), k.Ref())
}

// TestOwnKeyPackages is MS-17 as Bob sees it.
func TestOwnKeyPackages(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *people)
	}{
		{"last resort", testLastResort},
		{"twice", testKeyPackageTwice},
		{"removed", testRemovedKeyPackages},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, p) })
	}
}

// testKeyPackageTwice: the server gives one KeyPackage to two people. Who
// is invited joins one group only, and no replay of a Welcome works.
func testKeyPackageTwice(t *testing.T, p *people) {
	t.Helper()
	var given []byte
	p.front.Lie(claimRoute, Change(func(b []byte) []byte { given = bytes.Clone(b); return b }))
	first := p.invites(t, p.ada)
	p.carolFront.Lie(claimRoute, Change(func([]byte) []byte { return given }))
	other := p.invites(t, p.carol)
	p.carolFront.Lie(claimRoute, nil)
	if err := p.join(t, first); err != nil {
		t.Fatalf("joining: %v", err)
	}
	for name, welcome := range map[string][]byte{"the second group": other, "the same Welcome again": first} {
		if err := p.join(t, welcome); !errors.Is(err, keypackages.ErrUsed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.laptop.store.Take(t.Context(), first); !errors.Is(err, keypackages.ErrNotMine) {
		t.Errorf("another device's Welcome: %v", err)
	}
	if err := p.join(t, p.invites(t, p.carol)); err != nil {
		t.Errorf("an honest Welcome: %v", err)
	}
	if a, err := p.bob.store.Accounting(t.Context()); err != nil || a.Used != 2 {
		t.Errorf("accounting %+v, %v", a, err)
	}
}

// testLastResort: the server hands out the last resort although it has
// others. Bob's accounting shows it, and he makes a new last resort.
func testLastResort(t *testing.T, p *people) {
	t.Helper()
	if len(p.lastResort) != 1 {
		t.Fatalf("%d last resorts were published", len(p.lastResort))
	}
	p.front.Lie(claimRoute, editClaim(t, func(a *api.KeyPackagesClaimed) { p.phone(a).KeyPackage = p.lastResort[0] }))
	for range 2 { // it may be used again, until Bob's device has seen it
		if err := p.join(t, p.invites(t, p.ada)); err != nil {
			t.Fatal(err)
		}
	}
	a, err := p.bob.store.Accounting(t.Context())
	if err != nil || a.LastResort != 2 || a.Early != 1 || a.Used != 0 || a.Missing != 2 {
		t.Errorf("accounting %+v, %v", a, err)
	}
	if err := p.bob.store.Refill(t.Context()); err != nil || len(p.lastResort) != 2 {
		t.Errorf("%d last resorts after one was used: %v", len(p.lastResort), err)
	}
	p.front.Lie(claimRoute, nil)
	if good, refused := p.claim(t, p.ada); len(good) != 2 || len(refused) != 0 || good[0].LastResort || good[1].LastResort {
		t.Errorf("the honest answer: %v, refused %v", good, refused)
	}
}

// testRemovedKeyPackages checks that the KeyPackages of a device go with it.
func testRemovedKeyPackages(t *testing.T, p *people) {
	t.Helper()
	if _, err := p.bob.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.bob.Revoke(t.Context(), p.laptop.Device.String()); err != nil {
		t.Fatal(err)
	}
	in := &api.KeyPackagesClaim{User: p.bob.User.String(), Devices: []string{p.laptop.Device.String(), p.bob.Device.String()}}
	got, err := p.ada.Server.ClaimKeyPackages(t.Context(), in)
	if err != nil || len(got.KeyPackages) != 1 || got.KeyPackages[0].Device != p.bob.Device.String() {
		t.Errorf("after the laptop was removed: %d, %v", len(got.KeyPackages), err)
	}
	if _, refused, err := p.ada.store.Claim(t.Context(), p.bob.User, []identity.DeviceID{p.laptop.Device}); err != nil ||
		len(refused) != 1 || refused[0].Reason != keypackages.ReasonUnlisted {
		t.Errorf("claiming of the laptop: %v, %v", refused, err)
	}
	if err := p.laptop.store.Refill(t.Context()); err == nil {
		t.Error("the removed device still publishes")
	}
}
