package directory

import (
	"context"
	"fmt"

	"conclave/core/keytrans"
)

// A Pin is who a server is. It never comes from the answers that it judges.
type Pin struct {
	Keys keytrans.ServerKeys
	// Policy says which witnesses must confirm the directory: a C2SP tlog-policy.
	// Empty: none.
	Policy string
	// Head is the checkpoint in the invite, which the server must build on; zero:
	// none.
	Head GossipHead
}

// newVerifier returns the verifier of a pin. Errors wrap keytrans.ErrFormat.
func newVerifier(p *pinDoc) (*keytrans.Verifier, *keytrans.Policy, error) {
	policy, err := keytrans.ParsePolicy(p.Policy)
	if err != nil {
		return nil, nil, err
	}
	v, err := keytrans.NewVerifier(p.Keys, policy)
	return v, policy, err
}

// Pin takes over what an invite says: before first use, or, if the keys are those
// pinned and only the policy is new and none was pinned, after it. Otherwise a pin
// that differs is an *AlarmError server-identity that wraps [ErrPin].
func (c *Client) Pin(ctx context.Context, p *Pin) error {
	doc := &pinDoc{Keys: p.Keys, Policy: p.Policy, Invited: true}
	if p.Head.Size > 0 && p.Head.Origin != "" && p.Head.Origin != p.Keys.Origin {
		return fmt.Errorf("%w: its checkpoint is of another log", ErrPin)
	}
	c.mu.Lock()
	err := c.pinLocked(ctx, doc, &p.Head)
	ready := !c.untried()
	c.mu.Unlock()
	if err != nil || p.Head.Size == 0 || !ready {
		return err
	}
	head := p.Head
	head.Origin = p.Keys.Origin
	return c.keepHead(ctx, waitingHead{Head: head, Received: c.now()})
}

// untried reports whether no answer was accepted yet: the checkpoint, if there is
// one, is an invite's, and another invite may replace it. Call it locked.
func (c *Client) untried() bool { return c.state.Head == nil || c.state.Head.Time == 0 }

func (c *Client) pinLocked(ctx context.Context, doc *pinDoc, head *GossipHead) error {
	v, policy, err := newVerifier(doc)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPin, err)
	}
	site := c.site
	first := c.untried() && head.Size > 0
	if old := c.site.Pin; old != nil {
		switch {
		case old.Keys != doc.Keys:
			return c.raiseLocked(ctx, &finding{
				Alarm: Alarm{ID: IDServerIdentity, Attack: "MS-14", Detail: "the invite names other keys than those pinned"},
				cause: ErrPin,
			})
		case !doc.Invited || old.Policy == doc.Policy && old.Invited && !first:
			return nil
		case old.Policy != "" && doc.Policy != old.Policy:
			return c.raiseLocked(ctx, &finding{
				Alarm: Alarm{ID: IDServerIdentity, Attack: "MS-14", Detail: "the invite names other witnesses than those pinned"},
				cause: ErrPin,
			})
		}
	}
	site.Pin = doc
	site.Witnesses = 0
	// The first answer is held against the invite's checkpoint like against one that
	// was verified here.
	h := &keytrans.Head{Checkpoint: keytrans.Checkpoint{Size: head.Size, Root: head.Root}, Note: head.Note}
	if first {
		site.Head = h.Encode()
	}
	if err := c.putSite(ctx, site); err != nil {
		return err
	}
	c.verifier, c.policy = v, policy
	if first {
		next := cloneState(c.state)
		next.Head = h
		c.state = next
	}
	return nil
}

// Pinned returns the pin, nil before first use.
func (c *Client) Pinned() *Pin {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.site.Pin == nil {
		return nil
	}
	return &Pin{Keys: c.site.Pin.Keys, Policy: c.site.Pin.Policy, Head: c.head()}
}

// trust pins the server's keys at first use if no invite did.
func (c *Client) trust(ctx context.Context) error {
	c.mu.Lock()
	pinned := c.site.Pin != nil
	c.mu.Unlock()
	if pinned {
		return nil
	}
	conf, err := c.server.DirectoryConfig(ctx)
	if err != nil {
		return err
	}
	if len(conf.VRFKey) != keytrans.HashSize {
		return fmt.Errorf("%w: the VRF key has %d bytes", ErrPin, len(conf.VRFKey))
	}
	doc := &pinDoc{Keys: keytrans.ServerKeys{Origin: conf.Origin, LogKey: conf.LogKey, VRFKey: [32]byte(conf.VRFKey)}}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.site.Pin != nil { // somebody else was first
		return nil
	}
	return c.pinLocked(ctx, doc, &GossipHead{})
}
