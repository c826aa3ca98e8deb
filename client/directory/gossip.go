package directory

import (
	"context"

	"conclave/core/identity"
	"conclave/core/keytrans"
)

// A GossipHead is a checkpoint as people tell each other: in invites, QR codes,
// the comparison of symbols and later in every group.
type GossipHead struct {
	Origin string
	Size   uint64
	Root   keytrans.Hash
	// Note is the signed checkpoint, where there is room for it. With it a split
	// can be proven to others.
	Note []byte
}

// Head returns the newest checkpoint that was verified; Size is 0 if there is none.
func (c *Client) Head() GossipHead { return GossipHead{} }

// Gossip compares what from was told with what this device was told. If no proof
// joins the two the error is an *AlarmError split. If the server does not answer,
// or has not come so far yet, the head is kept and compared later. from may be
// zero.
func (c *Client) Gossip(ctx context.Context, from identity.UserID, theirs GossipHead) error {
	return ErrState
}
