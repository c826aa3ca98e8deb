package messenger

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"

	"conclave/api"
	"conclave/core/conversation"
	"conclave/core/mls"
	"conclave/core/mlswire"
)

// Leave ends this user's part in a group: it asks the others to remove all devices of
// this user, which the next who is awake does.
func (m *Messenger) Leave(ctx context.Context, in ID) error {
	c, err := m.find(in)
	if err != nil {
		return err
	}
	return m.depart(ctx, c)
}

// depart proposes to remove all devices of this user, in the present epoch.
func (m *Messenger) depart(ctx context.Context, c *conv) error {
	messages, err := m.departure(ctx, c)
	if err != nil {
		return err
	}
	for _, sealed := range messages {
		req := &api.SendMessage{Group: c.id[:], Epoch: sealed.epoch, Message: sealed.message, ClientMessageId: sealed.id[:]}
		if _, err := m.cfg.Link.Call(ctx, &api.DeliveryRequest{Body: &api.DeliveryRequest_SendMessage{SendMessage: req}}); err != nil {
			return errors.Join(err, m.stay(ctx, c))
		}
	}
	return nil
}

// A proposal of this device.
type proposal struct {
	id      ID
	epoch   uint64
	message []byte
}

// departure proposes to remove all devices of this user.
func (m *Messenger) departure(ctx context.Context, c *conv) ([]proposal, error) {
	m.mu.Lock()
	defer m.unlock()
	s, err := c.state()
	if err != nil {
		return nil, err
	}
	owners, mine := 0, false
	for _, e := range s.Roles {
		if e.Role == conversation.Owner {
			owners++
			mine = mine || ID(e.User) == m.user
		}
	}
	if s.Kind == conversation.Direct || mine && owners == 1 {
		return nil, ErrLastOwner
	}
	all, err := leaves(c.group.Members())
	if err != nil {
		return nil, err
	}
	if err := m.save(ctx, c, nil); err != nil {
		return nil, err
	}
	var out []proposal
	for _, l := range all {
		if l.user != m.user {
			continue
		}
		c.dirty = true
		sealed, err := c.group.ProposeRemove(l.index, mls.SendOptions{})
		if err != nil {
			return nil, err
		}
		p := proposal{epoch: c.group.Epoch(), message: sealed}
		_, _ = rand.Read(p.id[:])
		out = append(out, p)
	}
	c.doc.Leaving = true
	return out, m.save(ctx, c, nil)
}

// stay takes back proposals that did not all reach the server.
func (m *Messenger) stay(ctx context.Context, c *conv) error {
	m.mu.Lock()
	defer m.unlock()
	if c.group == nil {
		return nil
	}
	for _, p := range c.group.Proposals() {
		c.group.DropProposal(p.Ref)
	}
	c.dirty, c.doc.Leaving = true, false
	return m.save(ctx, c, nil)
}

// letGo commits the proposals of other users to leave, and reports whether it did.
// Proposals that do not let whole users go stop all messages, so if that is in the way
// they are cleared; who still wants to leave asks again.
func (m *Messenger) letGo(ctx context.Context, c *conv, inTheWay bool) bool {
	did := false
	err := m.commit(ctx, c, func(c *conv) (*plan, error) {
		p, err := c.departures(m.user)
		if p == nil && err == nil && inTheWay && !c.doc.Leaving && len(c.group.Proposals()) > 0 {
			p = &plan{}
		}
		did = p != nil
		return p, err
	})
	return did && err == nil
}

// departing reports whether other users wait to be let go, with all their devices.
func (c *conv) departing(self ID) bool {
	p, err := c.departures(self)
	return p != nil && err == nil
}

// departures returns what lets other users go who wait for it; nil if nobody does, or a
// proposal that waits lets no whole user go, or this one.
func (c *conv) departures(self ID) (*plan, error) {
	if len(c.group.Proposals()) == 0 {
		return nil, nil
	}
	all, err := leaves(c.group.Members())
	if err != nil {
		return nil, err
	}
	removed := make(map[mls.LeafIndex]bool)
	for _, p := range c.group.Proposals() {
		r, ok := p.Proposal.(*mlswire.Remove)
		if !ok {
			return nil, nil
		}
		removed[mls.LeafIndex(r.Removed)] = true
	}
	p, gone := &plan{}, make(map[ID]bool)
	for _, l := range all {
		if removed[l.index] {
			p.leaving = append(p.leaving, l)
			gone[l.user] = true
		}
	}
	for _, l := range all {
		if gone[l.user] && (!removed[l.index] || l.user == self) {
			return nil, nil
		}
	}
	if len(gone) == 0 {
		return nil, nil
	}
	old, err := c.state()
	if err != nil {
		return nil, err
	}
	next := *old
	next.Roles = slices.DeleteFunc(slices.Clone(old.Roles), func(e conversation.Entry) bool { return gone[ID(e.User)] })
	p.state = &next
	return p, nil
}
