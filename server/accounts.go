package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"conclave/auth"
	"conclave/delivery"
	"conclave/directory"
	"conclave/directory/witness"
	"conclave/store/postgres"
	"conclave/store/sqlite"
	"conclave/store/tables"
)

// An AccountsConfig says how accounts and the key directory work. Both are there
// if there is a data folder. Zero fields mean the default.
type AccountsConfig struct {
	// Off leaves accounts out although there is a data folder.
	Off bool
	// Database is the URL of a PostgreSQL database; a SQLite file in the data folder.
	Database string
	// Origin is the name of the directory's log, which clients pin; the host of
	// Public. It stays the same for ever.
	Origin string
	// Public is where browsers find the server, "https://conclave.example"; the URL
	// of the server.
	Public string
	// WitnessPolicy is the text of a C2SP tlog-policy: who cosigns the log; nobody.
	WitnessPolicy string
	// WitnessFor are the verifier keys of the logs of other servers that this one
	// cosigns.
	WitnessFor []string

	Registration auth.Registration // open
	OIDC         []auth.OIDCConfig
	LDAP         []auth.LDAPConfig
	Limits       auth.Limits
	Cost         auth.Cost

	// MinInterval is the least time between two epochs, Heartbeat the longest; see
	// directory.Config.
	MinInterval, Heartbeat time.Duration
}

// opening is how long the database may take to open and the map to load.
const opening = 5 * time.Minute

// accounts are what a server with accounts has besides meetings.
type accounts struct {
	log       *slog.Logger
	store     *tables.Tables
	directory *directory.Directory
	auth      *auth.Service
	packages  *delivery.KeyPackages
	witness   *witness.Witness

	running atomic.Int64 // 1 while the directory runs
	ran     bool         // and has closed itself; read by close, after run
	closed  sync.Once
}

// openAccounts opens the database and loads the directory; nil if the server has
// no accounts. The caller must call close.
func (s *Server) openAccounts() (a *accounts, err error) {
	cfg := s.cfg.Accounts
	if cfg.Off || s.cfg.Data == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), opening)
	defer cancel()
	public, err := s.publicURL()
	if err != nil {
		return nil, err
	}
	if cfg.Origin == "" {
		cfg.Origin = public.Hostname()
	}
	if strings.ContainsFunc(cfg.Origin, func(r rune) bool { return r <= ' ' || r == '+' }) {
		return nil, fmt.Errorf("origin %q: a name has no spaces and no +, such as conclave.example", cfg.Origin)
	}
	keys := filepath.Join(s.cfg.Data, "keys")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	a = &accounts{log: s.log}
	if cfg.Database != "" {
		a.store, err = postgres.Open(ctx, cfg.Database, s.log)
	} else {
		a.store, err = sqlite.Open(ctx, filepath.Join(s.cfg.Data, "conclave.db"), s.log)
	}
	if err != nil {
		return nil, err
	}
	if err := a.open(ctx, cfg, public, s.cfg.Data, keys); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// open makes what works on the database.
func (a *accounts) open(ctx context.Context, cfg AccountsConfig, public *url.URL, data, keys string) error {
	secrets, err := directory.LoadSecrets(filepath.Join(keys, "directory"), cfg.Origin)
	if err != nil {
		return err
	}
	a.directory, err = directory.New(ctx, directory.Config{
		Store:       a.store.Directory(),
		Dir:         filepath.Join(data, "log"),
		Secrets:     secrets,
		Policy:      cfg.WitnessPolicy,
		MinInterval: cfg.MinInterval,
		Heartbeat:   cfg.Heartbeat,
		Log:         a.log,
	})
	if err != nil {
		return fmt.Errorf("opening the directory: %w", err)
	}
	states, err := witness.NewFileStore(filepath.Join(data, "witness"))
	if err != nil {
		return err
	}
	a.witness, err = witness.New(witness.Config{Key: secrets.WitnessKey(), Logs: cfg.WitnessFor, Store: states, Log: a.log})
	if err != nil {
		return err
	}
	a.packages = delivery.NewKeyPackages(a.store.KeyPackages(), time.Now)
	c := auth.Config{
		Store: a.store.Auth(), Directory: a.directory, Public: public, Registration: cfg.Registration,
		OIDC: cfg.OIDC, LDAP: cfg.LDAP, Limits: cfg.Limits, Cost: cfg.Cost, Log: a.log,
		Published: a.packages.Keep,
	}
	if c.Secret, err = loadSecret(filepath.Join(keys, "accounts")); err != nil {
		return err
	}
	a.auth, err = auth.New(c)
	return err
}

// run runs the directory and the service until ctx ends. A directory that cannot
// go on does not end meetings: updates are refused from then on, and the log and
// metrics say so.
func (a *accounts) run(ctx context.Context) error {
	var wg sync.WaitGroup
	var errs [2]error
	a.ran = true
	a.running.Store(1)
	wg.Go(func() {
		defer a.running.Store(0)
		if errs[0] = a.directory.Run(ctx); errs[0] != nil {
			errs[0] = fmt.Errorf("directory: %w", errs[0])
			a.log.ErrorContext(ctx, "the directory has stopped: restart the server", slog.Any("error", errs[0]))
		}
	})
	wg.Go(func() { errs[1] = a.auth.Run(ctx) })
	wg.Wait()
	return errors.Join(errs[:]...)
}

// runAccounts runs the accounts, if there are any, until the function that it
// returns is called: after the last request, which may wait for the directory.
func (s *Server) runAccounts(ctx context.Context) (stop func() error) {
	a := s.accounts
	if a == nil {
		return func() error { return nil }
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx) }()
	return func() error {
		cancel()
		return errors.Join(<-ended, a.close())
	}
}

// stopWaiting answers the requests that wait for something to happen.
func (a *accounts) stopWaiting() {
	if a != nil {
		a.auth.Close()
	}
}

// close closes the directory and then the database. The first call counts.
func (a *accounts) close() (err error) {
	if a == nil {
		return nil
	}
	a.closed.Do(func() {
		if a.directory != nil && !a.ran {
			a.directory.Close()
		}
		err = a.store.Close()
	})
	return err
}

// publicURL returns where browsers find the server.
func (s *Server) publicURL() (*url.URL, error) {
	text := s.cfg.Accounts.Public
	switch {
	case text != "":
	case s.cfg.Accounts.Origin != "" && s.cfg.usesTLS():
		text = "https://" + s.cfg.Accounts.Origin
	default:
		text = s.URL()
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("public address %q: give one such as https://conclave.example", text)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// loadSecret reads 32 random bytes from a file that only the owner can read. It
// makes it if it is missing.
func loadSecret(path string) (secret [32]byte, err error) {
	b, err := os.ReadFile(path) //nolint:gosec // in the folder that the operator names
	switch {
	case errors.Is(err, fs.ErrNotExist):
		rand.Read(secret[:]) // never fails: it crashes the program instead
		return secret, writeNew(path, secret[:])
	case err != nil:
		return secret, fmt.Errorf("reading the secret of accounts: %w", err)
	case len(b) != len(secret):
		return secret, fmt.Errorf("the secret of accounts in %s is damaged: restore it from a backup", path)
	}
	return [32]byte(b), nil
}

// writeNew writes a file that is either missing or whole after a crash.
func writeNew(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "new-") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Before the directory has published its first epoch it answers nobody. That
// takes some 30 ms; connections wait in the listener meanwhile.
const (
	directoryLook = 5 * time.Millisecond
	directoryWait = 3 * time.Second // then clients are told to try again
)

// awaitDirectory waits until clients can be answered, if there are accounts.
func (s *Server) awaitDirectory(ctx context.Context) {
	if s.accounts == nil {
		return
	}
	again := time.NewTicker(directoryLook)
	defer again.Stop()
	for range directoryWait / directoryLook {
		if s.accounts.directory.Ready() == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}
