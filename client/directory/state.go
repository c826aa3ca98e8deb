package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"conclave/client/vault"
	"conclave/core/identity"
	"conclave/core/keytrans"
)

// What is stored, one value each: "server", "own", "user/ID", "alarm/KEY" and
// "evidence/KEY" below the client's prefix. Each Put is atomic, and they are
// ordered so that a crash between two loses nothing that was shown: alarms with
// their evidence first, then pins, the checkpoint last. A pin that is newer than the
// checkpoint is only stricter.

// formatState is the format of the stored documents.
const formatState = 1

// Bounds of what is stored.
const (
	maxHeads   = 32 // heads of others that wait to be compared
	maxRefusal = 64 // contacts whose lookups fail
	maxChanges = 64 // of a contact
)

// A siteDoc is what is known of the server.
type siteDoc struct {
	Format    int
	Pin       *pinDoc            `json:",omitempty"`
	Head      []byte             `json:",omitempty"` // keytrans.Head
	Witnesses int                // that confirm Head
	Trouble   *trouble           `json:",omitempty"`
	Heads     []waitingHead      `json:",omitempty"` // of others, oldest first
	Refused   map[string]refusal `json:",omitempty"` // by handle or user
	Behind    bool               // contacts wait to be monitored
}

type pinDoc struct {
	Keys    keytrans.ServerKeys
	Policy  string
	Invited bool // not first use
}

// trouble is what keeps new contacts paused.
type trouble struct {
	ID         string
	Since      uint64
	Have, Want uint64
	// Lasting trouble is a proven lie: it stays until a person dismisses the alarm.
	Lasting bool
	Alarm   string // key
}

// An ownDoc is what this device knows of its own account.
type ownDoc struct {
	Format int
	User   identity.UserID
	// Key is the identity key that this device holds or was given by another; zero:
	// it has none.
	Key [32]byte
	// Pending is the record that this device is publishing.
	Pending []byte `json:",omitempty"`
	// Suspect is one more than the greatest version that monitoring saw and no
	// lookup has explained; 0: none.
	Suspect uint64
	// Shown is the answer that showed it.
	Shown  *Evidence `json:",omitempty"`
	Tries  int       // to have it explained
	Behind bool      // epochs wait to be monitored
}

// A userDoc is what is known of a user. One that another own device told of has
// no record until this device has looked it up itself.
type userDoc struct {
	Format    int
	State     []byte // keytrans.UserState
	Handle    string
	Record    []byte `json:",omitempty"` // encoded
	Verified  Level
	Reset     bool
	FirstSeen uint64
	Seen      uint64
	Changes   []Change `json:",omitempty"`

	state  *keytrans.UserState
	record *identity.Record // nil if Record is empty
}

// load reads everything.
func (c *Client) load(ctx context.Context) error {
	c.state = &keytrans.State{
		Users:   make(map[[16]byte]*keytrans.UserState),
		Handles: make(map[string][16]byte),
	}
	c.users = make(map[identity.UserID]*userDoc)
	c.alarms = make(map[string]*Alarm)
	if _, err := c.get(ctx, "server", &c.site); err != nil {
		return err
	}
	if _, err := c.get(ctx, "own", &c.own); err != nil {
		return err
	}
	if err := c.loadSite(); err != nil {
		return err
	}
	keys, err := c.store.Keys(ctx, c.prefix+"user/")
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := c.loadUser(ctx, strings.TrimPrefix(key, c.prefix)); err != nil {
			return err
		}
	}
	return c.loadAlarms(ctx)
}

func (c *Client) loadSite() error {
	if p := c.site.Pin; p != nil {
		v, policy, err := newVerifier(p)
		if err != nil {
			return fmt.Errorf("%w: the pin", ErrState)
		}
		c.verifier, c.policy = v, policy
	}
	if len(c.site.Head) == 0 {
		return nil
	}
	head, err := keytrans.ParseHead(c.site.Head)
	if err != nil {
		return fmt.Errorf("%w: the checkpoint", ErrState)
	}
	c.state.Head = head
	return nil
}

func (c *Client) loadUser(ctx context.Context, key string) error {
	user, err := identity.ParseUserID(strings.TrimPrefix(key, "user/"))
	if err != nil {
		return fmt.Errorf("%w: a key", ErrState)
	}
	d := new(userDoc)
	if found, err := c.get(ctx, key, d); err != nil || !found {
		return err
	}
	if d.state, err = keytrans.ParseUserState(d.State); err != nil || d.state.User != user {
		return fmt.Errorf("%w: a contact", ErrState)
	}
	if len(d.Record) > 0 {
		if d.record, err = identity.ParseRecord(d.Record); err != nil {
			return fmt.Errorf("%w: a record", ErrState)
		}
	}
	if have, ok := c.state.Handles[d.Handle]; ok && have != user {
		return fmt.Errorf("%w: two contacts with one handle", ErrState)
	}
	c.users[user] = d
	c.state.Users[user] = d.state
	c.state.Handles[d.Handle] = user
	return nil
}

// get reads a document; false if there is none.
func (c *Client) get(ctx context.Context, key string, out any) (bool, error) {
	b, err := c.store.Get(ctx, c.prefix+key)
	if errors.Is(err, vault.ErrMissing) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(b, out); err != nil {
		return false, fmt.Errorf("%w: %s", ErrState, key)
	}
	return true, nil
}

func (c *Client) put(ctx context.Context, key string, doc any) error {
	b, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return c.store.Put(ctx, c.prefix+key, b)
}

// putSite stores a changed copy of the site and takes it over. Call it locked.
func (c *Client) putSite(ctx context.Context, s siteDoc) error {
	s.Format = formatState
	if err := c.put(ctx, "server", &s); err != nil {
		return err
	}
	c.site = s
	return nil
}

// putOwn is putSite for the own account.
func (c *Client) putOwn(ctx context.Context, o ownDoc) error {
	o.Format = formatState
	if err := c.put(ctx, "own", &o); err != nil {
		return err
	}
	c.own = o
	return nil
}

// putUser is putSite for a user; d is not changed afterwards.
func (c *Client) putUser(ctx context.Context, d *userDoc) error {
	d.Format = formatState
	d.State = d.state.Encode()
	if err := c.put(ctx, "user/"+identity.UserID(d.state.User).String(), d); err != nil {
		return err
	}
	c.users[d.state.User] = d
	next := cloneState(c.state)
	next.Users[d.state.User] = d.state
	next.Handles[d.Handle] = d.state.User
	c.state = next
	return nil
}

// cloneState copies the maps, so that the old state can go on being read.
func cloneState(s *keytrans.State) *keytrans.State {
	return &keytrans.State{Head: s.Head, Users: maps.Clone(s.Users), Handles: maps.Clone(s.Handles)}
}
