package account

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"conclave/auth"
	"conclave/client/remote"
	"conclave/client/remote/native"
	"conclave/client/vault"
	"conclave/core/identity"
	"conclave/server"
)

// site is the real server that all tests share; each uses handles of its own.
var site struct {
	url  string
	stop func() error
}

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil { // they wait for the server's disk, not for a processor
		panic(err)
	}
	code, err := serveAndRun(m)
	if err != nil {
		panic(err)
	}
	os.Exit(code)
}

func serveAndRun(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "conclave-account")
	if err != nil {
		return 0, err
	}
	s, err := server.Listen(server.Config{
		Listen: "127.0.0.1:0", MediaListen: "127.0.0.1:0", Data: dir, NoMediaTCP: true,
		Accounts: server.AccountsConfig{
			Origin: "conclave.test", MinInterval: time.Millisecond,
			Limits: auth.Limits{AddressPerMinute: 1 << 20, AccountPerMinute: 1 << 20, GlobalPerSecond: 1 << 20, LookupsPerMinute: 1 << 20},
			Cost:   auth.Cost{MemoryKiB: 64, Time: 1},
		},
	})
	if err != nil {
		return 0, err
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // ends with ctx, and is waited for below
	site.url = s.URL()
	if err := opened(ctx, s.URL()); err != nil {
		stop()
		return 0, errors.Join(err, <-ended)
	}
	code := m.Run()
	stop()
	return code, errors.Join(<-ended, os.RemoveAll(dir))
}

// opened waits until the directory has published its first epoch.
func opened(ctx context.Context, url string) error {
	doer, err := native.New(native.Config{Server: url})
	if err != nil {
		return err
	}
	defer doer.Close()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for range 6000 {
		if _, err = remote.New(doer).Checkpoint(ctx); err == nil {
			return nil
		}
		<-again.C
	}
	return err
}

// A phone is one device of a person in a test: its vault outlives the program.
type phone struct {
	*Account
	t     *testing.T
	name  string
	vault vault.Store
	wire  *wire
	clock func() time.Time
}

// newPhone returns a device that nobody has used.
func newPhone(t *testing.T, name string) *phone {
	t.Helper()
	p := &phone{t: t, name: name, vault: vault.NewMemory(), clock: time.Now}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// start starts the program anew with what the vault holds.
func (p *phone) start() error {
	doer, err := native.New(native.Config{Server: site.url})
	if err != nil {
		return err
	}
	p.t.Cleanup(doer.Close)
	p.wire = &wire{Doer: doer}
	p.Account, err = Open(p.t.Context(), Config{
		Server: remote.New(p.wire), Vault: p.vault, Class: identity.Native, DeviceName: p.name,
		Now: p.clock, TestOnlyCheap: true,
	})
	return err
}

// A wire carries requests, and lets a test see, fail or change them.
type wire struct {
	remote.Doer
	mu   sync.Mutex
	hook func(r remote.Request, do func() (remote.Response, error)) (remote.Response, error)
}

func (w *wire) Do(ctx context.Context, r remote.Request) (remote.Response, error) {
	w.mu.Lock()
	hook := w.hook
	w.mu.Unlock()
	do := func() (remote.Response, error) { return w.Doer.Do(ctx, r) }
	if hook == nil {
		return do()
	}
	return hook(r, do)
}

func (w *wire) set(hook func(r remote.Request, do func() (remote.Response, error)) (remote.Response, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hook = hook
}

// handleFor returns a handle that no other test has, and that is not like one.
func handleFor(t *testing.T, name string) string {
	t.Helper()
	random := make([]byte, 10)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(name)
	for _, x := range random {
		b.WriteByte("abdefghkpqstuxyz"[x%16]) // none looks like another
	}
	return b.String()
}

const testPassword = "correct horse battery staple"

// register signs up and confirms the recovery code.
func (p *phone) register(handle string) (words []string) {
	p.t.Helper()
	ctx := p.t.Context()
	if _, err := p.SignUpPassword(ctx, handle, "Name of "+handle, testPassword, ""); err != nil {
		p.t.Fatalf("sign-up: %v", err)
	}
	r, err := p.CreateIdentity(ctx, "", "")
	if err != nil {
		p.t.Fatalf("identity: %v", err)
	}
	p.confirmWords(r)
	return r.Words
}

func (p *phone) confirmWords(r Recovery) {
	p.t.Helper()
	s, err := p.ConfirmRecovery(p.t.Context(), [2]string{r.Words[r.Confirm[0]-1], r.Words[r.Confirm[1]-1]})
	if err != nil || s.Stage != StageReady {
		p.t.Fatalf("confirming the code: %+v, %v", s, err)
	}
}

// login signs in and expects a stage.
func (p *phone) login(handle string, want Stage) {
	p.t.Helper()
	s, err := p.SignInPassword(p.t.Context(), handle, testPassword)
	if err != nil || s.Stage != want {
		p.t.Fatalf("sign-in: stage %q, %v; want %q", s.Stage, err, want)
	}
}

// finish drives a comparison to its end; answer says whether the symbols match.
func finish(ctx context.Context, c *Check, answer func(CheckState) bool) (CheckState, error) {
	for {
		s, err := c.Wait(ctx)
		if err != nil || isEnd(s.Phase) {
			return s, err
		}
		if s.Phase != PhaseCompare {
			continue
		}
		if answer(s) {
			s, err = c.Match(ctx)
		} else {
			s, err = c.Differ(ctx)
		}
		if err != nil || isEnd(s.Phase) {
			return s, err
		}
	}
}

// both drives the two sides of a comparison, and checks that they saw the same.
func both(t *testing.T, a, b *Check, match bool) (x, y CheckState) {
	t.Helper()
	var wg sync.WaitGroup
	var errA, errB error
	shown := make([][]Symbol, 2)
	wg.Go(func() {
		x, errA = finish(t.Context(), a, func(s CheckState) bool { shown[0] = s.Symbols; return match })
	})
	wg.Go(func() {
		y, errB = finish(t.Context(), b, func(s CheckState) bool { shown[1] = s.Symbols; return true })
	})
	wg.Wait()
	if errA != nil || errB != nil {
		t.Fatalf("comparison: %v; %v", errA, errB)
	}
	if match && (len(shown[0]) != 7 || fmt.Sprint(shown[0]) != fmt.Sprint(shown[1])) {
		t.Fatalf("symbols differ: %v and %v", shown[0], shown[1])
	}
	return x, y
}

// addByQR adds a new device by the code that it shows.
func addByQR(t *testing.T, old, fresh *phone) {
	t.Helper()
	c, err := fresh.RequestDevice(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.ApproveQR(t.Context(), c.State().QR); err != nil {
		t.Fatal(err)
	}
	s, err := finish(t.Context(), c, func(CheckState) bool { t.Error("symbols after a code"); return false })
	if err != nil || s.Phase != PhaseDone {
		t.Fatalf("new device: %+v, %v", s, err)
	}
	ready(t, fresh)
}

func ready(t *testing.T, p *phone) Status {
	t.Helper()
	s, err := p.Refresh(t.Context())
	if err != nil || s.Stage != StageReady {
		t.Fatalf("%s: %+v, %v", p.name, s, err)
	}
	return s
}

// verifyByEmoji has two people compare symbols.
func verifyByEmoji(t *testing.T, a, b *phone, aHandle, bHandle string) {
	t.Helper()
	x, err := a.VerifyEmoji(t.Context(), bHandle)
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.VerifyEmoji(t.Context(), aHandle)
	if err != nil {
		t.Fatal(err)
	}
	if s, r := both(t, x, y, true); s.Phase != PhaseDone || r.Phase != PhaseDone {
		t.Fatalf("phases %+v and %+v", s, r)
	}
}

// level is how a person is verified on a device.
func (p *phone) level(handle string) string {
	p.t.Helper()
	list, err := p.Contacts(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	for i := range list {
		if list[i].Handle == handle {
			return list[i].Verified
		}
	}
	return "unknown"
}

var errCut = errors.New("the line was cut")
