package directory

import (
	"context"

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

// Pin takes over what an invite says: before first use, or, if only the policy is
// new and none was pinned, after it. Otherwise a pin that differs is an *AlarmError
// server-identity.
func (c *Client) Pin(ctx context.Context, p *Pin) error { return ErrPin }

// Pinned returns the pin, nil before first use.
func (c *Client) Pinned() *Pin { return nil }
