package directory

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"time"

	"conclave/client/remote"
	"conclave/client/vault"
	"conclave/core/identity"
	"conclave/core/keytrans"
)

// A Client is what one device knows of one server's directory. It may be used
// concurrently.
//
// Requests and the verification of answers run without the lock, against a
// [keytrans.State] that nobody changes: what an answer teaches goes into a new one,
// and only if the parts it was verified against are still the current ones.
type Client struct {
	server *remote.Server
	store  vault.Store
	prefix string // of keys in store
	clock  func() time.Time

	mu       sync.Mutex // guards all below, and is held while the store writes
	verifier *keytrans.Verifier
	policy   *keytrans.Policy
	state    *keytrans.State // never changed, only replaced
	site     siteDoc
	own      ownDoc
	users    map[identity.UserID]*userDoc // values are never changed, only replaced
	alarms   map[string]*Alarm            // by key
	good     uint64                       // answers accepted since Open
}

var nameRule = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// Open returns a Client with the state that the store holds. It asks the server
// nothing. A Pin that differs from the stored one is an *AlarmError
// server-identity that wraps [ErrPin].
func Open(ctx context.Context, cfg Config) (*Client, error) {
	name := cfg.Name
	if name == "" {
		name = "default"
	}
	if !nameRule.MatchString(name) {
		return nil, fmt.Errorf("directory: the name of a server has bytes other than a-z, 0-9, dots and dashes")
	}
	c := &Client{server: cfg.Server, store: cfg.Store, prefix: "directory/" + name + "/", clock: cfg.Now}
	if c.clock == nil {
		c.clock = time.Now
	}
	if err := c.load(ctx); err != nil {
		return nil, err
	}
	if cfg.Pin != nil {
		if err := c.Pin(ctx, cfg.Pin); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// now is the clock in milliseconds since 1970.
func (c *Client) now() uint64 { return uint64(max(c.clock().UnixMilli(), 0)) }

// A Status says how things stand with the directory.
type Status struct {
	Origin    string // of the log; empty before anything is pinned
	Invited   bool   // the pin comes from an invite, not from first use
	Head      GossipHead
	Time      uint64 // of the newest epoch seen, milliseconds since 1970
	Witnesses int    // that confirm Head
	Policy    int    // independent witnesses that the pin names
	// Trouble is the message id of what keeps new contacts paused, or empty; Since
	// is since when, Have and Want its numbers, as in [Alarm].
	Trouble    string
	Since      uint64
	Have, Want uint64
	// Behind says that there are epochs or contacts not looked at yet: call Monitor
	// again.
	Behind bool
	Open   int // alarms that are neither dismissed nor over
}

// Status returns how things stand.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{Behind: c.own.Behind || c.site.Behind, Head: c.head(), Witnesses: c.site.Witnesses}
	if p := c.site.Pin; p != nil {
		s.Origin, s.Invited, s.Policy = p.Keys.Origin, p.Invited, len(c.policy.Witnesses())
	}
	if h := c.state.Head; h != nil {
		s.Time = h.Time
	}
	if t := c.site.Trouble; t != nil {
		s.Trouble, s.Since, s.Have, s.Want = t.ID, t.Since, t.Have, t.Want
	}
	for _, a := range c.alarms {
		if !a.Dismissed && a.Ended == 0 {
			s.Open++
		}
	}
	return s
}
