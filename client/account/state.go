package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"conclave/client/vault"
	"conclave/core/account"
	"conclave/core/identity"
	"conclave/core/secret"
)

// stateKey is where the vault holds the state. It is one value, so that each
// step is taken as a whole or not at all.
const stateKey = "account/state"

// state is what this device knows of its account. Its bytes are secret: it goes
// to the vault and nowhere else.
type state struct {
	User    string  `json:"user,omitempty"`
	Handle  string  `json:"handle,omitempty"`
	Name    string  `json:"name,omitempty"`
	Session session `json:"session,omitzero"`

	Keys    *keys    `json:"keys,omitempty"`  // of a device that is listed, or was
	Fresh   *fresh   `json:"fresh,omitempty"` // a sign-up or reset until the code is confirmed
	Join    *join    `json:"join,omitempty"`  // keys that came, until this device is listed
	Asked   *asked   `json:"asked,omitempty"` // the request of this device
	Flow    *flow    `json:"flow,omitempty"`  // a sign-in that goes on in a browser
	Renewal *renewal `json:"renewal,omitempty"`
	Exists  bool     `json:"exists,omitempty"`  // the account has an identity
	Removed bool     `json:"removed,omitempty"` // this device was removed

	Backup  backup             `json:"backup"`
	People  map[string]*person `json:"people,omitempty"`  // by user
	Known   []string           `json:"known,omitempty"`   // devices that were approved here
	Seen    map[string]string  `json:"seen,omitempty"`    // sessions without keys that were told, and the alarms
	Checked uint64             `json:"checked,omitempty"` // last Monitor, milliseconds since 1970
}

// session is a sign-in.
type session struct {
	Token    string `json:"token,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	Method   string `json:"method,omitempty"`
	Bound    bool   `json:"bound,omitempty"`
}

// keys are the private keys of a device.
type keys struct {
	Identity []byte `json:"identity"` // seed
	Device   []byte `json:"device"`   // seed
	Backup   []byte `json:"backup"`
}

// fresh is an identity that was just made.
type fresh struct {
	Keys      keys     `json:"keys"`
	Words     []string `json:"words"`
	Confirm   [2]int   `json:"confirm"`
	Record    []byte   `json:"record"`
	Backup    backup   `json:"backup"`
	Published bool     `json:"published"`
	Stored    bool     `json:"stored"` // the backup
}

// join is what a device got that is not listed yet.
type join struct {
	Keys     keys   `json:"keys"`
	Approver string `json:"approver,omitempty"` // device; empty: the recovery code
}

// asked is the request of a device without keys.
type asked struct {
	Device  []byte `json:"device"` // seed of its key
	Private []byte `json:"private"`
	Request []byte `json:"request"`
	QR      string `json:"qr"`
	Created uint64 `json:"created"`
}

// flow is a sign-in that a browser takes part in.
type flow struct {
	ID       string `json:"id"`
	Method   string `json:"method"`
	Verifier []byte `json:"verifier,omitempty"`
}

// backup is the newest backup that this device made or read.
type backup struct {
	Counter uint64   `json:"counter"`
	Blob    []byte   `json:"blob,omitempty"`
	Auths   [][]byte `json:"auths,omitempty"` // what the server asks for before it gives the backup out
	Dirty   bool     `json:"dirty,omitempty"` // there is something that it does not hold
}

// person is what this device keeps of somebody beside what client/directory
// does.
type person struct {
	Statement []byte `json:"statement,omitempty"` // core/account.Statement, by the own identity key
	Shown     []byte `json:"shown,omitempty"`     // identity key whose safety number was shown last
	Handled   uint64 `json:"handled,omitempty"`   // time of the last message of a comparison that is over
	Failures  int    `json:"failures,omitempty"`  // of comparisons, since the last good one
	Paused    uint64 `json:"paused,omitempty"`    // until when, milliseconds since 1970
}

// load reads the state from the vault.
func load(ctx context.Context, v vault.Store) (*state, error) {
	s := new(state)
	b, err := v.Get(ctx, stateKey)
	if errors.Is(err, vault.ErrMissing) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the account: %w", err)
	}
	defer clear(b)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("reading the account: %w", vault.ErrDamaged)
	}
	return s, nil
}

// update changes the state and stores it; if change or the vault fails, nothing
// changes.
func (a *Account) update(ctx context.Context, change func(s *state) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, err := a.state.clone()
	if err != nil {
		return err
	}
	if err := change(s); err != nil {
		return err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("storing the account: %w", err)
	}
	defer clear(b)
	if err := a.cfg.Vault.Put(ctx, stateKey, b); err != nil {
		return fmt.Errorf("storing the account: %w", err)
	}
	a.state = s
	a.server.SetToken(s.Session.Token)
	return nil
}

// read returns a copy of the state, for the caller alone.
func (a *Account) read() *state {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, err := a.state.clone()
	if err != nil {
		panic("account: internal error: " + err.Error()) // it was marshalled before
	}
	return s
}

func (s *state) clone() (*state, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	out := new(state)
	return out, json.Unmarshal(b, out)
}

// stage says how far the state has come.
func (s *state) stage() Stage {
	switch {
	case s.Removed:
		return StageRemoved
	case s.Session.Token == "":
		return StageSignedOut
	case s.unconfirmed() != nil:
		return StageUnconfirmed
	case s.Keys != nil && s.Fresh == nil:
		return StageReady
	case s.Exists && s.Fresh == nil:
		return StageNoKeys
	default:
		return StageNoIdentity
	}
}

func (s *state) userID() (identity.UserID, error) { return identity.ParseUserID(s.User) }

// identityKey returns the identity key; the caller erases it.
func (k *keys) identityKey() (*account.IdentityKey, error) {
	seed := secret.New(k.Identity)
	defer seed.Erase()
	return account.NewIdentityKey(seed)
}

// deviceKey returns the key of this device; the caller erases it.
func (k *keys) deviceKey() (*account.DeviceKey, error) {
	seed := secret.New(k.Device)
	defer seed.Erase()
	return account.NewDeviceKey(seed)
}

// deviceID returns the name of this device, or zero if there is none.
func (k *keys) deviceID() identity.DeviceID {
	if k == nil {
		return identity.DeviceID{}
	}
	d, err := k.deviceKey()
	if err != nil {
		return identity.DeviceID{}
	}
	defer d.Erase()
	return d.ID()
}

// person returns what is kept of a user, made if need be.
func (s *state) person(user string) *person {
	if s.People == nil {
		s.People = make(map[string]*person)
	}
	p := s.People[user]
	if p == nil {
		p = new(person)
		s.People[user] = p
	}
	return p
}

// statements returns what the person said of others, by user.
func (s *state) statements() [][]byte {
	var out [][]byte
	for _, user := range slices.Sorted(maps.Keys(s.People)) {
		if p := s.People[user]; len(p.Statement) > 0 {
			out = append(out, p.Statement)
		}
	}
	return out
}
