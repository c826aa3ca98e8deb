package messenger

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"

	"conclave/api"
	"conclave/client/courier"
	"conclave/client/keypackages"
	"conclave/core/conversation"
	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/tlsenc"
)

// maxTries is how often a commit is made again because somebody else's was first.
const maxTries = 200

// A newcomer is a device to be added, with a KeyPackage that was judged.
type newcomer struct {
	user ID
	keypackages.Claimed
}

// A plan is what a commit is to do, as of one epoch.
type plan struct {
	add     []newcomer
	remove  []leaf
	leaving []leaf              // whose removal waits as a proposal; none: what waits is left out
	state   *conversation.State // nil: as it is
}

// commit changes a conversation: prepare is asked, under the lock, what there is to do
// in the present epoch; nil is nothing any more. It is asked again whenever another
// member's commit was first. commit returns when the change is merged here.
func (m *Messenger) commit(ctx context.Context, c *conv, prepare func(*conv) (*plan, error)) error {
	select {
	case c.committing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.committing }()
	for range maxTries {
		p, err := m.pending(ctx, c, prepare)
		if p == nil || err != nil {
			return err
		}
		done, err := m.finish(ctx, c, p)
		if done || err != nil {
			return err
		}
	}
	return ErrBusy
}

// pending makes a commit and stores it, or returns the one that waits.
func (m *Messenger) pending(ctx context.Context, c *conv, prepare func(*conv) (*plan, error)) (*own, error) {
	m.mu.Lock()
	defer m.unlock()
	if _, err := m.conv(c.id); err != nil {
		return nil, err
	}
	if c.doc.Pending != nil {
		return c.doc.Pending, nil // of before a restart or a lost connection; then prepare is asked
	}
	todo, err := prepare(c)
	if todo == nil || err != nil {
		return nil, err
	}
	o, err := c.options(todo)
	if err != nil {
		return nil, err
	}
	var made *mls.Commit
	err = m.leased(ctx, c, func() (err error) {
		made, err = c.group.Commit(o)
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := m.outgoing(c, todo, made)
	if err != nil {
		return nil, errors.Join(err, c.group.DiscardCommit())
	}
	c.doc.Pending = p
	return p, m.save(ctx, c, nil)
}

// options says what to ask of MLS.
func (c *conv) options(p *plan) (mls.CommitOptions, error) {
	o := mls.CommitOptions{WithoutTree: true, WelcomePerJoiner: true, WithoutPending: len(p.leaving) == 0}
	for i := range p.add {
		o.Add = append(o.Add, p.add[i].Message)
	}
	for _, l := range p.remove {
		o.Remove = append(o.Remove, l.index)
	}
	if p.state != nil {
		e, err := extensions(p.state)
		if err != nil {
			return o, err
		}
		o.Extensions = &e
	}
	return o, nil
}

// extensions returns the GroupContext's extensions of a conversation.
func extensions(s *conversation.State) (mlswire.Extensions, error) {
	data, err := s.Encode()
	if err != nil {
		return nil, err
	}
	w, required := tlsenc.NewWriter(32), conversation.Required()
	required.Encode(w)
	return mlswire.Extensions{
		{Type: mlswire.ExtensionTypeRequiredCapabilities, Data: w.Bytes()},
		{Type: conversation.ExtensionType, Data: data},
	}, nil
}

// outgoing returns a commit as it goes to the server.
func (m *Messenger) outgoing(c *conv, todo *plan, made *mls.Commit) (*own, error) {
	p := &own{Epoch: c.group.Epoch(), Message: made.Message}
	_, _ = rand.Read(p.ID[:])
	if len(made.Welcomes) != len(todo.add) {
		return nil, errors.New("messenger: a Welcome is missing")
	}
	for i := range todo.add {
		p.Added = append(p.Added, added{todo.add[i].user, ID(todo.add[i].Device.ID), made.Welcomes[i].Message})
	}
	for _, l := range slices.Concat(todo.remove, todo.leaving) {
		p.Removed = append(p.Removed, l.device[:])
	}
	if len(todo.add) == 0 {
		return p, nil
	}
	tree, err := m.nextTree(c)
	p.Tree = tree
	return p, err
}

// nextTree returns the ratchet tree of the epoch that the pending commit begins.
func (m *Messenger) nextTree(c *conv) ([]byte, error) {
	state := c.group.Snapshot()
	defer state.Erase()
	g, err := m.cfg.Keys.Client().Restore(secret.New(state.Expose()))
	if err != nil {
		return nil, err
	}
	defer g.Erase()
	if err := g.MergeCommit(); err != nil {
		return nil, err
	}
	return g.RatchetTree(), nil
}

// finish brings a commit to the server and waits until its epoch, or another's, begins
// here. It returns false if another commit was first.
func (m *Messenger) finish(ctx context.Context, c *conv, p *own) (bool, error) {
	req := &api.SendCommit{Group: c.id[:], ClientMessageId: p.ID[:], Epoch: p.Epoch, Message: p.Message, Removed: p.Removed, RatchetTree: p.Tree}
	for i := range p.Added {
		a := &p.Added[i]
		req.Added = append(req.Added, &api.AddedDevice{User: a.User[:], Device: a.Device[:], Welcome: a.Welcome})
	}
	reply, err := m.cfg.Link.Call(ctx, &api.DeliveryRequest{Body: &api.DeliveryRequest_SendCommit{SendCommit: req}})
	var refused *courier.RefusalError
	var upTo uint64
	switch {
	case errors.As(err, &refused) && refused.Code == api.RefusalCode_REFUSAL_CODE_STALE_EPOCH:
		upTo = refused.Head
	case errors.As(err, &refused) && refused.Code == api.RefusalCode_REFUSAL_CODE_SLOW_DOWN:
		pause(ctx, refused.Wait)
		return false, ctx.Err()
	case errors.As(err, &refused):
		return false, errors.Join(err, m.discard(ctx, c, p.ID))
	case err != nil:
		return false, err // it stays, and is sent again
	default:
		upTo = reply.GetSent().GetSeq()
	}
	if err := m.reached(ctx, c, upTo); err != nil {
		return false, err
	}
	m.mu.Lock()
	merged := c.doc.Merged == p.ID
	m.unlock()
	if merged {
		return true, nil
	}
	return false, m.discard(ctx, c, p.ID)
}

// discard forgets a commit that will never be the group's next.
func (m *Messenger) discard(ctx context.Context, c *conv, id ID) error {
	m.mu.Lock()
	defer m.unlock()
	if c.doc.Pending == nil || c.doc.Pending.ID != id {
		return nil
	}
	c.doc.Pending = nil
	if c.group != nil && c.group.HasPendingCommit() {
		if err := c.group.DiscardCommit(); err != nil {
			return err
		}
		c.dirty = true
	}
	return m.save(ctx, c, nil)
}
