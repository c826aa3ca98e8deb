package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"conclave/client/account"
	"conclave/client/conn"
	"conclave/client/remote"
	remotenative "conclave/client/remote/native"
	"conclave/client/vault"
	vaultnative "conclave/client/vault/native"
	"conclave/core/identity"
)

// clientFlags are the flags of every command that is one of the account.
type clientFlags struct {
	Home   string `help:"Folder of this device. Default: conclave in the user's configuration folder." type:"path" env:"CONCLAVE_HOME" placeholder:"DIR"`
	Server string `help:"Address of the server. It is remembered." env:"CONCLAVE_SERVER" placeholder:"URL"`
	Roots  string `help:"File of certificates (PEM) to trust besides those of the system." type:"path" env:"CONCLAVE_ROOTS" placeholder:"FILE"`
	JSON   bool   `name:"json" help:"Print one JSON object for each result."`
	Device string `name:"device-name" help:"Name of this device in the list. It is remembered. Default: the name of the machine." env:"CONCLAVE_DEVICE_NAME" placeholder:"NAME"`
}

// Where the vault holds the address of the server and the name of this device.
const (
	serverKey = "cli/server"
	nameKey   = "cli/device-name"
)

var errNoServer = errors.New("no server is known here yet; give its address with --server https://HOST")

// testOnlyCheap makes passphrases and passwords cost next to nothing.
var testOnlyCheap bool

// cheapWorkFactor is the logarithm of a cost of about a millisecond.
const cheapWorkFactor = 4

// A device is the account on this machine while a command runs.
type device struct {
	*account.Account
	env   *env
	flags *clientFlags
	vault *vaultnative.Store
	doer  *remotenative.Doer
}

// open opens the vault and the account in it.
func (f *clientFlags) open(e *env) (*device, error) {
	home, err := f.home()
	if err != nil {
		return nil, err
	}
	store, err := openVault(e, home)
	if err != nil {
		return nil, err
	}
	d, err := f.openAccount(e, store)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return d, nil
}

func (f *clientFlags) openAccount(e *env, store *vaultnative.Store) (*device, error) {
	server, err := f.address(e.ctx, store)
	if err != nil {
		return nil, err
	}
	name, err := f.deviceName(e.ctx, store)
	if err != nil {
		return nil, err
	}
	conf := remotenative.Config{Server: server}
	if f.Roots != "" {
		roots, err := conn.LoadRoots(f.Roots)
		if err != nil {
			return nil, fmt.Errorf("--roots %s: %w", f.Roots, err)
		}
		conf.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}
	}
	doer, err := remotenative.New(conf)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("--server: %w", err)}
	}
	a, err := account.Open(e.ctx, account.Config{
		Server: remote.New(doer), Vault: store, Class: identity.CommandLine,
		DeviceName: name, TestOnlyCheap: testOnlyCheap,
	})
	if err != nil {
		doer.Close()
		return nil, err
	}
	return &device{Account: a, env: e, flags: f, vault: store, doer: doer}, nil
}

// close gives the vault back to other programs.
func (d *device) close() error {
	d.doer.Close()
	return d.vault.Close()
}

// home returns the folder that was given, or the usual one.
func (f *clientFlags) home() (string, error) {
	if f.Home != "" {
		return f.Home, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no folder for this device: %v; give one with --home", err)
	}
	return filepath.Join(dir, "conclave"), nil
}

// deviceName returns the name that was given, and remembers it, the one that was
// remembered, or that of the machine.
func (f *clientFlags) deviceName(ctx context.Context, store vault.Store) (string, error) {
	if f.Device != "" {
		if err := identity.CheckName(f.Device); err != nil {
			return "", &exitError{exitUsage, errors.New("--device-name needs 1 to 64 bytes of text")}
		}
		return f.Device, store.Put(ctx, nameKey, []byte(f.Device))
	}
	known, err := store.Get(ctx, nameKey)
	switch {
	case err == nil:
		return string(known), nil
	case !errors.Is(err, vault.ErrMissing):
		return "", err
	}
	return machineName(), nil
}

// machineName returns the name of the machine, as far as it can be one of a
// device.
func machineName() string {
	name, _ := os.Hostname()
	name, _, _ = strings.Cut(name, ".")
	if identity.CheckName(name) != nil {
		return "command line"
	}
	return name
}

// address returns the server that was given, and remembers it, or the one that
// was remembered.
func (f *clientFlags) address(ctx context.Context, store vault.Store) (string, error) {
	known, err := store.Get(ctx, serverKey)
	if err != nil && !errors.Is(err, vault.ErrMissing) {
		return "", err
	}
	switch {
	case f.Server == "" && len(known) == 0:
		return "", &exitError{exitUsage, errNoServer}
	case f.Server == "" || f.Server == string(known):
		return string(known), nil
	}
	if _, err := remotenative.New(remotenative.Config{Server: f.Server}); err != nil {
		return "", &exitError{exitUsage, fmt.Errorf("--server: %w", err)}
	}
	return f.Server, store.Put(ctx, serverKey, []byte(f.Server))
}

// run opens the account, does what a command is for, looks after the directory
// and explains what went wrong.
func (f *clientFlags) run(e *env, do func(d *device) error) (err error) {
	d, err := f.open(e)
	if err != nil {
		return explainAccount(err)
	}
	defer func() { err = errors.Join(err, d.close()) }()
	did := do(d)
	d.monitor(did)
	return explainAccount(did)
}

// monitor looks after the directory at most once an hour and prints what it
// finds to standard error. What the command itself failed with is printed by
// main.
func (d *device) monitor(did error) {
	if d.env.ctx.Err() != nil {
		return
	}
	if s, err := d.Status(d.env.ctx); err != nil || s.User == "" || !d.MonitorDue() {
		return
	}
	alarms, err := d.Monitor(d.env.ctx)
	for i := range alarms {
		_, _ = fmt.Fprintln(d.env.stderr, tellAlarm(&alarms[i]))
	}
	if err != nil && did == nil {
		_, _ = fmt.Fprintf(d.env.stderr, "conclave: the directory could not be looked after: %v\n", explainAccount(err))
	}
}

// print writes a result: v as JSON, or what text writes.
func (d *device) print(v any, text func(w io.Writer)) error {
	if d.flags.JSON {
		return json.NewEncoder(d.env.stdout).Encode(v)
	}
	text(d.env.stdout)
	return nil
}

// say writes a line for a person to standard error.
func (d *device) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.env.stderr, format+"\n", args...)
}

// openVault opens the vault of this device.
func openVault(e *env, home string) (*vaultnative.Store, error) {
	given := os.Getenv("CONCLAVE_PASSPHRASE")
	factor := 0
	if testOnlyCheap {
		factor = cheapWorkFactor
	}
	return vaultnative.Open(filepath.Join(home, "vault"), vaultnative.Options{
		PreferPassphrase: given != "",
		WorkFactor:       factor,
		Passphrase: func(isNew bool) (string, error) {
			if given != "" {
				return given, nil
			}
			t := e.terminal()
			switch {
			case t == nil && isNew:
				return "", vaultnative.ErrNoKeyring
			case t == nil:
				return "", vault.ErrLocked
			case isNew:
				_, _ = fmt.Fprintln(e.stderr, "This machine has no keyring. A passphrase will keep the keys of this device.")
				return t.newSecret("Passphrase for this device", "Again")
			default:
				return t.secret("Passphrase of this device")
			}
		},
	})
}
