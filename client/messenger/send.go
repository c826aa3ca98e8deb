package messenger

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"conclave/api"
	"conclave/client/courier"
	"conclave/client/history"
	"conclave/client/vault"
	"conclave/core/message"
	"conclave/core/mls"
)

// Send says something in a conversation. It is stored on this device when Send
// returns, and goes to the server when there is a connection; [Messenger.Sent] waits
// for that.
func (m *Messenger) Send(ctx context.Context, to ID, body message.Body) (ID, error) {
	m.mu.Lock()
	defer m.unlock()
	c, err := m.conv(to)
	if err != nil {
		return ID{}, err
	}
	b, before := m.history.Begin(), c.doc
	id, err := m.say(ctx, c, b, body)
	if err != nil {
		c.forget(before)
		return ID{}, err
	}
	more := c.queued
	c.queued = nil
	if err := m.save(ctx, c, b, more...); err != nil {
		return ID{}, err
	}
	m.wake()
	return id, nil
}

// forget drops what was queued and not stored.
func (c *conv) forget(before doc) { c.doc, c.queued = before, nil }

// say numbers a content, puts it into the history and queues it. What has to be stored
// is in c.queued.
func (m *Messenger) say(ctx context.Context, c *conv, b *history.Batch, body message.Body) (ID, error) {
	if _, listens := body.(message.Receipt); !listens && !c.mayWrite(m.user) {
		return ID{}, ErrEnded
	}
	s, err := c.state()
	if err != nil {
		return ID{}, err
	}
	x := &message.Content{Counter: c.doc.Counter + 1, Time: m.now(), Body: body}
	copy(x.Previous[:], c.doc.Previous)
	_, _ = rand.Read(x.ID[:])
	switch body.(type) {
	case message.Text, message.File:
		x.ExpiresAfter = s.Policy.Disappearing
	}
	encoded, err := x.Encode()
	if err != nil {
		return ID{}, err
	}
	if err := m.take(ctx, c, b, sender{user: m.user, device: m.self}, x, encoded); err != nil {
		return ID{}, err
	}
	digest := message.DigestOf(encoded)
	c.doc.Counter, c.doc.Previous = x.Counter, digest[:]
	c.queued = append(c.queued, vault.Change{Key: ownKey(c.id, x.Counter), Value: encoded})
	if x.Counter > keepOwn {
		c.queued = append(c.queued, vault.Change{Key: ownKey(c.id, x.Counter-keepOwn)})
	}
	return ID(x.ID), nil
}

// Sent waits until the server has a message, and returns its sequence number.
func (m *Messenger) Sent(ctx context.Context, in, id ID) (uint64, error) {
	m.mu.Lock()
	c := m.convs[in]
	m.unlock()
	if c == nil {
		return 0, ErrUnknown
	}
	var seq uint64
	var failed error
	err := m.wait(ctx, c, func() bool {
		if seq = c.sent[id]; seq != 0 {
			return true
		}
		h, err := m.history.Message(ctx, in, id)
		if err != nil {
			return false
		}
		if h.State == history.StateFailed {
			failed = errors.New("messenger: the message was not sent: " + h.Reason)
		}
		seq = h.Seq
		return seq != 0 || failed != nil
	})
	return seq, errors.Join(err, failed)
}

// confirm notes that the server has a content of this device at a row.
func (m *Messenger) confirm(ctx context.Context, c *conv, b *history.Batch, id ID, seq uint64) error {
	if c.doc.SentTo < c.doc.Counter {
		encoded, err := m.cfg.DB.Get(ctx, ownKey(c.id, c.doc.SentTo+1))
		if err != nil {
			return err
		}
		if x, err := message.Decode(encoded); err == nil && ID(x.ID) == id {
			c.doc.SentTo++
		}
	}
	if len(c.sent) > keepOwn {
		clear(c.sent)
	}
	c.sent[id] = seq
	m.emit(Event{Kind: EventMessage, Conversation: c.id, Message: id})
	if err := b.Sent(ctx, c.id, id, seq); err != nil && !harmless(err) {
		return err
	}
	return nil
}

// flush sends what waits in a conversation, one after another, until nothing does or
// there is no connection.
func (m *Messenger) flush(ctx context.Context, c *conv) {
	for ctx.Err() == nil {
		req, err := m.next(ctx, c)
		if errors.Is(err, mls.ErrPendingProposals) {
			if !m.letGo(ctx, c, true) {
				return
			}
			continue
		}
		if err != nil || req == nil {
			return
		}
		if !m.carry(ctx, c, req) {
			return
		}
	}
}

// next seals the next content that waits; nil: none does.
func (m *Messenger) next(ctx context.Context, c *conv) (*api.SendMessage, error) {
	m.mu.Lock()
	defer m.unlock()
	if !c.follows() || !c.doc.Created || c.doc.SentTo >= c.doc.Counter {
		return nil, nil
	}
	encoded, err := m.cfg.DB.Get(ctx, ownKey(c.id, c.doc.SentTo+1))
	if err != nil {
		return nil, err
	}
	x, err := message.Decode(encoded)
	if err != nil {
		return nil, err
	}
	var sealed []byte
	err = m.leased(ctx, c, func() (err error) {
		sealed, err = c.group.Protect(encoded, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.SendMessage{Group: c.id[:], ClientMessageId: x.ID[:], Epoch: c.group.Epoch(), Message: sealed}, nil
}

// carry brings a message to the server, and reports whether to go on.
func (m *Messenger) carry(ctx context.Context, c *conv, req *api.SendMessage) bool {
	reply, err := m.cfg.Link.Call(ctx, &api.DeliveryRequest{Body: &api.DeliveryRequest_SendMessage{SendMessage: req}})
	var refused *courier.RefusalError
	switch {
	case errors.As(err, &refused):
		return m.again(ctx, c, refused)
	case err != nil || reply.GetSent() == nil:
		return false
	}
	m.mu.Lock()
	defer m.unlock()
	b := m.history.Begin()
	id, _ := idOf(req.ClientMessageId)
	if err := m.confirm(ctx, c, b, id, reply.GetSent().GetSeq()); err != nil {
		return false
	}
	return m.save(ctx, c, b) == nil
}

// again waits for what a refusal asks for, and reports whether to try again.
func (m *Messenger) again(ctx context.Context, c *conv, refused *courier.RefusalError) bool {
	switch refused.Code {
	case api.RefusalCode_REFUSAL_CODE_STALE_EPOCH:
		return m.reached(ctx, c, refused.Head) == nil
	case api.RefusalCode_REFUSAL_CODE_SLOW_DOWN, api.RefusalCode_REFUSAL_CODE_BUSY, api.RefusalCode_REFUSAL_CODE_FULL:
		return pause(ctx, max(refused.Wait, time.Second))
	default:
		return false
	}
}

// pause waits, and reports whether ctx still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// reply says what was left to say while rows were read: receipts, requests for what is
// missing and answers to those of others.
func (m *Messenger) reply(ctx context.Context, c *conv) error {
	m.mu.Lock()
	defer m.unlock()
	if len(c.delivered)+len(c.answers) == 0 {
		return nil
	}
	if _, err := m.conv(c.id); err != nil {
		c.delivered, c.answers = nil, nil
		return nil // nobody is there to be told
	}
	bodies := c.answers
	slices.SortFunc(c.delivered, func(a, b message.ID) int { return bytes.Compare(a[:], b[:]) })
	for part := range slices.Chunk(slices.Compact(c.delivered), message.MaxIDs) {
		bodies = append(bodies, message.Receipt{Delivered: slices.Clone(part)})
	}
	c.delivered, c.answers = nil, nil
	b, before := m.history.Begin(), c.doc
	for _, body := range bodies {
		if _, err := m.say(ctx, c, b, body); err != nil {
			c.forget(before)
			return err
		}
	}
	more := c.queued
	c.queued = nil
	return m.save(ctx, c, b, more...)
}

// MarkRead says that the user has read a conversation up to and with a row.
func (m *Messenger) MarkRead(ctx context.Context, in ID, seq uint64) error {
	m.mu.Lock()
	defer m.unlock()
	c := m.convs[in]
	if c == nil {
		return ErrUnknown
	}
	b, before := m.history.Begin(), c.doc
	ids, err := b.MarkRead(ctx, in, seq)
	if err != nil {
		return err
	}
	var more []vault.Change
	if _, err := m.conv(in); err == nil && !m.cfg.NoReceipts && m.audience(c) < smallest {
		slices.SortFunc(ids, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
		for part := range slices.Chunk(ids, message.MaxIDs) {
			r := message.Receipt{}
			for _, id := range part {
				r.Read = append(r.Read, message.ID(id))
			}
			if _, err := m.say(ctx, c, b, r); err != nil {
				c.forget(before)
				return err
			}
		}
		more, c.queued = c.queued, nil
	}
	m.emit(Event{Kind: EventConversation, Conversation: in})
	m.wake()
	return m.save(ctx, c, b, more...)
}

// Set changes what only this device keeps of a conversation: draft, muted, pinned,
// archived.
func (m *Messenger) Set(ctx context.Context, in ID, set func(*history.Conversation)) error {
	m.mu.Lock()
	defer m.unlock()
	c := m.convs[in]
	if c == nil {
		return ErrUnknown
	}
	b := m.history.Begin()
	if err := b.Change(ctx, in, set); err != nil {
		return err
	}
	m.emit(Event{Kind: EventConversation, Conversation: in})
	return m.save(ctx, c, b)
}

// Typing tells those who are connected that the user is writing, at most every three
// seconds.
func (m *Messenger) Typing(ctx context.Context, in ID) error {
	m.mu.Lock()
	c, err := m.conv(in)
	if err == nil && m.cfg.Now().Sub(m.typing[in]) < 3*time.Second {
		m.unlock()
		return nil
	}
	if err != nil {
		m.unlock()
		return err
	}
	m.typing[in] = m.cfg.Now()
	x := &message.Content{Time: m.now(), Body: message.Typing{}}
	_, _ = rand.Read(x.ID[:])
	var sealed []byte
	encoded, err := x.Encode()
	if err == nil {
		c.dirty = true
		sealed, err = c.group.Protect(encoded, nil)
	}
	m.unlock()
	if err != nil {
		return nil //nolint:nilerr // it may be lost: a message that waits saves the group first
	}
	_, err = m.cfg.Link.Call(ctx, &api.DeliveryRequest{Body: &api.DeliveryRequest_Ephemeral{Ephemeral: &api.Ephemeral{Group: in[:], Payload: sealed}}})
	return err
}
