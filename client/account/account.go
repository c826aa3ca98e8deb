package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"conclave/api"
	"conclave/client/directory"
	"conclave/client/remote"
	"conclave/client/vault"
	"conclave/core/identity"
)

// Config is what an Account stands on.
type Config struct {
	Server     *remote.Server // the Account sets its token
	Vault      vault.Store
	Class      identity.Class
	DeviceName string           // name of this device for the list, 1 to 64 bytes
	Now        func() time.Time // nil: time.Now
	// TestOnlyCheap stretches passwords at next to no cost, whatever the server is
	// told and says.
	TestOnlyCheap bool
}

// An Account is a person's account on one device. It may be used concurrently.
type Account struct {
	cfg    Config
	server *remote.Server
	dir    *directory.Client
	mail   *mailbox

	publishing sync.Mutex // one change of the own record at a time

	mu     sync.Mutex // guards the rest
	state  *state
	prf    *passkey // of the last passkey that was used here
	checks map[string]*Check
	shown  map[identity.UserID][32]byte // identity keys of contacts as they were returned last
	events int                          // position of Next in the mailbox
}

// Open returns the account that the vault holds, which may be none yet. It asks
// the server nothing.
func Open(ctx context.Context, cfg Config) (*Account, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := identity.CheckName(cfg.DeviceName); err != nil {
		return nil, fmt.Errorf("name of this device: %w", err)
	}
	s, err := load(ctx, cfg.Vault)
	if err != nil {
		return nil, err
	}
	d, err := directory.Open(ctx, directory.Config{Server: cfg.Server, Store: cfg.Vault, Now: cfg.Now})
	if err != nil {
		return nil, err
	}
	cfg.Server.SetToken(s.Session.Token)
	a := &Account{cfg: cfg, server: cfg.Server, dir: d, state: s, checks: make(map[string]*Check), shown: make(map[identity.UserID][32]byte)}
	a.mail = newMailbox(cfg.Server.Mail)
	return a, nil
}

func (a *Account) now() uint64 { return uint64(a.cfg.Now().UnixMilli()) }

// Status says how far the account has come, from the vault alone.
func (a *Account) Status(context.Context) (Status, error) { return a.status(), nil }

func (a *Account) status() Status {
	s := a.read()
	d := a.dir.Status()
	out := Status{
		Stage: s.stage(), Server: d.Origin, User: s.User, Handle: s.Handle, Name: s.Name,
		Backup: s.Backup.Counter, Checkpoint: Checkpoint{d.Head.Size, d.Head.Root.String()},
		Witnesses: d.Witnesses, Needed: d.Policy, Alarms: d.Open,
	}
	if id := s.Keys.deviceID(); !id.IsZero() {
		out.Device = id.String()
	}
	if own := a.dir.Own(); own != nil {
		out.Version, out.Devices = own.Version, len(own.Record.Devices)
	}
	return out
}

// Methods asks the server how one may sign in.
func (a *Account) Methods(ctx context.Context) (Methods, error) {
	m, err := a.server.AuthMethods(ctx)
	if err != nil {
		return Methods{}, err
	}
	return Methods{
		Password: m.Password, Passkey: m.Passkey, Registration: m.Registration,
		OIDC: providers(m.OIDC), LDAP: providers(m.LDAP),
	}, nil
}

func providers(in []api.AuthProvider) []Provider {
	out := make([]Provider, len(in))
	for i, p := range in {
		out[i] = Provider(p)
	}
	return out
}

// Refresh looks the own identity up in the directory, goes on with what a crash
// or a lost connection stopped, and returns the new Status.
func (a *Account) Refresh(ctx context.Context) (Status, error) {
	if err := a.resume(ctx); err != nil {
		return a.status(), err
	}
	return a.status(), nil
}

// resume looks the own identity up and does what is left to do.
func (a *Account) resume(ctx context.Context) error {
	s := a.read()
	if s.Session.Token == "" {
		return ErrSignedOut
	}
	user, err := s.userID()
	if err != nil {
		return err
	}
	own, err := a.own(ctx, user)
	if errors.Is(err, directory.ErrUnknown) {
		if s.Fresh != nil {
			return a.finishFresh(ctx)
		}
		return nil // CreateIdentity comes next
	}
	if err != nil {
		return err
	}
	if !s.Exists || s.Name != own.Name || s.Handle != own.Handle {
		err := a.update(ctx, func(s *state) error {
			s.Exists, s.Name, s.Handle = true, own.Name, own.Handle
			return nil
		})
		if err != nil {
			return err
		}
	}
	switch {
	case s.Fresh != nil:
		return a.finishFresh(ctx)
	case s.Join != nil:
		return a.finishJoin(ctx)
	case s.Keys != nil:
		return a.keepUp(ctx, own)
	default:
		return nil
	}
}

// keepUp compares the own record with what this device knows and takes over what
// the account's other devices did.
func (a *Account) keepUp(ctx context.Context, own *directory.Contact) error {
	s := a.read()
	key, err := s.Keys.identityKey()
	if err != nil {
		return err
	}
	defer key.Erase()
	id := s.Keys.deviceID()
	if own.Record.IdentityKey != key.Public() {
		return ErrOtherIdentity
	}
	if own.Record.Device(id) == nil {
		return a.wasRemoved(ctx, own.Record.WasRemoved(id))
	}
	if err := a.dismissKnown(ctx); err != nil {
		return err
	}
	if err := a.bind(ctx); err != nil {
		return err
	}
	if err := a.catchUp(ctx, own.Record); err != nil {
		return err
	}
	if s = a.read(); s.Backup.Dirty || s.Backup.Counter < own.Record.Backup {
		return a.pushBackup(ctx)
	}
	return nil
}

// wasRemoved forgets the keys of a device that the account no longer has. The
// identity key itself has signed that.
func (a *Account) wasRemoved(ctx context.Context, remembered bool) error {
	err := a.update(ctx, func(s *state) error {
		s.Removed = true
		s.Keys, s.Fresh, s.Join, s.Asked, s.Renewal = nil, nil, nil, nil, nil
		s.Backup = backup{}
		s.People = nil
		return nil
	})
	if err == nil && !remembered {
		return fmt.Errorf("%w (the directory does not list it)", ErrRemoved)
	}
	return errors.Join(ErrRemoved, err)
}

// dismissKnown takes the alarms about devices from the list that the person
// approved here.
func (a *Account) dismissKnown(ctx context.Context) error {
	known := a.read().Known
	for _, x := range a.dir.Alarms() {
		if x.ID == directory.IDOwnDevice && !x.Dismissed && slices.Contains(known, x.DeviceID.String()) {
			if err := a.dir.Dismiss(ctx, x.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// bind makes the session one of this device.
func (a *Account) bind(ctx context.Context) error {
	s := a.read()
	if s.Session.Bound || s.Session.Token == "" || s.Keys == nil {
		return nil
	}
	endpoint, err := parseEndpoint(s.Session.Endpoint)
	if err != nil {
		return err
	}
	key, err := s.Keys.deviceKey()
	if err != nil {
		return err
	}
	defer key.Erase()
	signature := key.SignBind(endpoint)
	if _, err := a.server.Bind(ctx, &api.Bind{Device: key.ID().String(), Signature: signature[:]}); err != nil {
		return err
	}
	return a.update(ctx, func(s *state) error {
		s.Session.Bound = true
		return nil
	})
}

// parseEndpoint reads the public id of a session.
func parseEndpoint(s string) ([16]byte, error) {
	id, err := identity.ParseDeviceID(s) // the same text
	if err != nil {
		return [16]byte{}, fmt.Errorf("%w: the endpoint of a session", remote.ErrAnswer)
	}
	return id, nil
}
