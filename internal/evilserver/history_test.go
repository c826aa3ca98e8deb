package evilserver

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/client/account"
	core "conclave/core/account"
	"conclave/directory"
	"conclave/directory/witness"
)

// TestFrozen is MS-09: the log stands still for more than a day.
func TestFrozen(t *testing.T) {
	t.Parallel()
	s := New(t, quick())
	f := s.Front(s.World())
	ada := register(t, f, "ada")
	register(t, f, "bob")
	before := ada.knows("bob")
	ada.ahead = 25 * time.Hour
	_, err := ada.Lookup(t.Context(), "bob")
	ada.alarmed(err, "frozen", "MS-09")
	ada.ahead = 0
	ada.honest("bob", before)
}

// TestClock is MS-43: the clock of the device is made to lag by a day.
func TestClock(t *testing.T) {
	t.Parallel()
	s := New(t, quick())
	f := s.Front(s.World())
	ada := register(t, f, "ada")
	register(t, f, "bob")
	before := ada.knows("bob")
	ada.ahead = -24 * time.Hour
	_, err := ada.Lookup(t.Context(), "bob")
	ada.alarmed(err, "clock", "MS-43")
	ada.ahead = 0
	ada.honest("bob", before)
}

// TestRollback is MS-10: the server goes back to an older state of its own.
func TestRollback(t *testing.T) {
	t.Parallel()
	s := New(t, quick())
	world := s.World()
	f := s.Front(world)
	ada := register(t, f, "ada")
	register(t, f, "bob")
	old := world.Fork()
	register(t, f, "carol")
	before := ada.knows("carol")
	f.Show(old)
	_, err := ada.Lookup(t.Context(), "bob")
	ada.alarmed(err, "rollback", "MS-10")
	f.Show(world)
	ada.honest("carol", before)
}

// TestOtherKeys is MS-14: another server answers at the same address.
func TestOtherKeys(t *testing.T) {
	t.Parallel()
	s := New(t, quick())
	world := s.World()
	f := s.Front(world)
	ada := register(t, f, "ada")
	register(t, f, "bob")
	before := ada.knows("bob")
	f.Show(s.World())
	_, err := ada.Lookup(t.Context(), "bob")
	ada.alarmed(err, "server-identity", "MS-14")
	f.Show(world)
	ada.honest("bob", before)
}

// TestSplitView is MS-11: Ada and Bob are shown two histories under one key. The
// codes that they show each other tell.
func TestSplitView(t *testing.T) {
	t.Parallel()
	s := New(t, quick())
	world := s.World()
	fa, fb := s.Front(world), s.Front(world)
	ada, bob := register(t, fa, "ada"), register(t, fb, "bob")
	ada.knows("bob")
	bob.knows("ada")
	other := world.Fork()
	fb.Show(other)
	register(t, s.Front(world), "carol")
	register(t, s.Front(world), "eve")
	register(t, s.Front(other), "dave")
	ada.knows("carol")
	bob.knows("dave")
	check, err := bob.ShowQR(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ada.ScanQR(t.Context(), "bob", check.State().QR); err == nil {
		t.Fatal("Ada accepted the code of another history")
	}
	ada.hasAlarm("split", "MS-11")
	if c := contact(t, ada, "bob"); c.Verified == "qr" {
		t.Error("Bob counts as verified")
	}
}

// witnessed returns a world whose log another world witnesses, the policy that
// says so, and the witness.
func witnessed(t *testing.T) (world *World, policy string) {
	t.Helper()
	s := New(t, quick())
	world = s.World()
	logKey := vkeys(t, world).log
	cfg := quick()
	cfg.Accounts.WitnessFor = []string{logKey}
	cellar := New(t, cfg).World()
	policy = fmt.Sprintf("log %s\nwitness cellar %s %s/witness\nquorum cellar\n", logKey, vkeys(t, cellar).witness, cellar.URL())
	world.Stop()
	world.server.config.Accounts.WitnessPolicy = policy
	world.Start()
	return world, policy
}

type keys struct{ log, witness string }

func vkeys(t *testing.T, w *World) keys {
	t.Helper()
	secrets, err := directory.LoadSecrets(filepath.Join(w.Data(), "keys", "directory"), Origin)
	if err != nil {
		t.Fatal(err)
	}
	states, err := witness.NewFileStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	own, err := witness.New(witness.Config{Key: secrets.WitnessKey(), Store: states})
	if err != nil {
		t.Fatal(err)
	}
	return keys{secrets.Public().LogKey, own.VerifierKey()}
}

// invited returns somebody who came by an invite of Ada with this policy.
func invited(t *testing.T, f *Front, ada *device, handle, policy string) (*device, error) {
	t.Helper()
	link, err := ada.Invite(t.Context(), strings.TrimPrefix(f.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	i, err := core.ParseInvite(link)
	if err != nil {
		t.Fatal(err)
	}
	i.Policy = policy
	if link, err = i.Link(); err != nil {
		t.Fatal(err)
	}
	d := newDevice(t, f, "phone of "+handle)
	_, err = d.UseInvite(t.Context(), link)
	return d, err
}

// TestWitnesses is MS-12, MS-13 and MS-41: a server whose log is not confirmed by
// the witnesses that the invite names is not believed.
func TestWitnesses(t *testing.T) {
	t.Parallel()
	world, policy := witnessed(t)
	f := world.server.Front(world)
	ada := register(t, f, "ada")
	bob, err := invited(t, f, ada, "bob", policy)
	if err != nil {
		t.Fatalf("with the cosignature: %v", err)
	}
	if s, err := bob.Status(t.Context()); err != nil || s.Witnesses != 1 || s.Needed != 1 {
		t.Errorf("status %+v, %v", s, err)
	}
	before := bob.knows("ada")
	strip := func(note []byte) []byte { // all but the log's own signature
		lines := bytes.SplitAfter(note, []byte("\n"))
		return bytes.Join(lines[:len(lines)-2], nil)
	}
	forge := func(note []byte) []byte {
		lines := bytes.SplitAfter(note, []byte("\n"))
		last := lines[len(lines)-2]
		at := &last[len(last)-9] // in the base64 of the signature
		if *at == 'A' {
			*at = 'B'
		} else {
			*at = 'A'
		}
		return bytes.Join(lines, nil)
	}
	twice := func(note []byte) []byte {
		lines := bytes.SplitAfter(note, []byte("\n"))
		return append(strip(note), append(bytes.Clone(lines[len(lines)-3]), lines[len(lines)-3]...)...)
	}
	for name, change := range map[string]func([]byte) []byte{"stripped": strip, "forged": forge, "the log's own twice": twice} {
		f.Lie(lookupRoute, Change(editNote(t, change)))
		_, err = bob.Lookup(t.Context(), "ada")
		if a := alarmOf(err); a == nil || a.ID != "witness" || a.Attack != "MS-12" && a.Attack != "MS-13" {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.Lie(lookupRoute, nil)
	bob.honest("ada", before)

	// The witness saw one history; the fork of it gets no signature.
	fork := world.Fork()
	register(t, world.server.Front(world), "carol")
	register(t, world.server.Front(fork), "dave")
	bob.knows("carol")
	eve := newDevice(t, world.server.Front(fork), "phone of eve")
	link, err := ada.Invite(t.Context(), "conclave.test")
	if err != nil {
		t.Fatal(err)
	}
	i, err := core.ParseInvite(link)
	if err != nil {
		t.Fatal(err)
	}
	i.Policy, i.Size, i.Root = policy, 0, [32]byte{}
	if link, err = i.Link(); err != nil {
		t.Fatal(err)
	}
	if _, err = eve.UseInvite(t.Context(), link); alarmOf(err) == nil || alarmOf(err).ID != "witness" {
		t.Errorf("a history that the witness did not sign: %v", err)
	}
}

// TestForeignInvite is MS-35: a link whose keys are not those of the server that it
// leads to.
func TestForeignInvite(t *testing.T) {
	t.Parallel()
	s := New(t, quick())
	f := s.Front(s.World())
	ada := register(t, f, "ada")
	link, err := ada.Invite(t.Context(), "conclave.test")
	if err != nil {
		t.Fatal(err)
	}
	bob := newDevice(t, s.Front(s.World()), "phone")
	if _, err := bob.UseInvite(t.Context(), link); !errors.Is(err, account.ErrInvite) && alarmOf(err) == nil {
		t.Errorf("an invite to another server: %v", err)
	}
	if status, err := bob.SignUpPassword(t.Context(), "bob", "Bob", password, ""); err == nil {
		t.Errorf("signed up at a server with other keys: %+v", status)
	}
	broken := link[:len(link)-3]
	if _, err := newDevice(t, f, "phone").UseInvite(t.Context(), broken); err == nil {
		t.Error("half a link was taken")
	}
}

// TestSignInWithoutKeys is MS-34: a session that the server, or whoever knows the
// password, made. It reads nothing, and the other devices say so.
func TestSignInWithoutKeys(t *testing.T) {
	t.Parallel()
	s := New(t, quick())
	f := s.Front(s.World())
	bob := register(t, f, "bob")
	other := newDevice(t, f, "Firefox on Linux")
	status, err := other.SignInPassword(t.Context(), "bob", password)
	if err != nil || status.Stage != account.StageNoKeys {
		t.Fatalf("signing in: %+v, %v", status, err)
	}
	if err := other.Revoke(t.Context(), status.Device); err == nil {
		t.Error("a session without keys changed the list of devices")
	}
	if _, err := bob.Monitor(t.Context()); err != nil && !isAlarm(err) {
		t.Fatal(err)
	}
	bob.hasAlarm("signin-no-keys", "MS-34")
}

// TestBackups is MS-32: an older backup, and one of somebody else.
func TestBackups(t *testing.T) {
	t.Parallel()
	s := New(t, quick())
	world := s.World()
	f := s.Front(world)
	bob := register(t, f, "bob")
	ada := register(t, s.Front(world), "ada")
	var old, foreign []byte
	keep := func(into *[]byte) Hook {
		return Change(func(b []byte) []byte { *into = bytes.Clone(b); return b })
	}
	open := "POST /api/v1/account/backup/open"
	recoverAs := func(handle string, words []string) (*device, error) {
		d := newDevice(t, f, "new phone")
		if _, err := d.SignInPassword(t.Context(), handle, password); err != nil {
			t.Fatal(err)
		}
		_, err := d.Recover(t.Context(), strings.Join(words, " "))
		return d, err
	}
	f.Lie(open, keep(&foreign))
	if _, err := recoverAs("ada", ada.words); err != nil {
		t.Fatal(err)
	}
	f.Lie(open, keep(&old))
	if _, err := recoverAs("bob", bob.words); err != nil {
		t.Fatal(err)
	}
	bob.knows("ada")
	if _, err := bob.ConfirmNumber(t.Context(), "ada"); err != nil { // a newer backup
		t.Fatal(err)
	}
	for _, lie := range []struct {
		name string
		body []byte
	}{{"an older", old}, {"a foreign", foreign}} {
		name, body := lie.name, lie.body
		f.Lie(open, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			Answer{http.StatusOK, http.Header{"Content-Type": {"application/json"}}, body}.Write(w)
		})
		d, err := recoverAs("bob", bob.words)
		if err == nil {
			t.Errorf("%s backup was restored", name)
			continue
		}
		if st, _ := d.Status(t.Context()); st.Stage != account.StageNoKeys {
			t.Errorf("%s backup: stage %s", name, st.Stage)
		}
		d.hasAlarm("backup-old", "MS-32")
	}
}

// TestNoSecretReachesTheServer looks for secrets of Ada's in everything that her
// server keeps.
func TestNoSecretReachesTheServer(t *testing.T) {
	t.Parallel()
	s := New(t, quick())
	world := s.World()
	ada := register(t, s.Front(world), "ada")
	world.Stop()
	for _, secret := range []string{password, strings.Join(ada.words, " ")} {
		err := filepath.WalkDir(world.Data(), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if err == nil && bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s holds a secret", filepath.Base(path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
