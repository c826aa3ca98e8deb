package history

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// SetConversation makes a conversation or changes what is known of it. What the
// Batch counts itself (Unread, ReadTo, Last, Active) stays as it is.
func (b *Batch) SetConversation(ctx context.Context, c Conversation) error {
	switch {
	case c.ID.IsZero():
		return fmt.Errorf("%w: a conversation needs an id", ErrInvalid)
	case len(c.Title) > MaxTitle, len(c.Draft) > MaxText:
		return ErrSize
	}
	old, err := b.Conversation(ctx, c.ID)
	if errors.Is(err, ErrNoConversation) {
		old, err = &Conversation{}, nil
	}
	if err != nil {
		return err
	}
	c.Unread, c.ReadTo, c.Last, c.Active = old.Unread, old.ReadTo, old.Last, old.Active
	return b.putConversation(&c)
}

// Change changes a conversation by a function, as SetConversation does.
func (b *Batch) Change(ctx context.Context, id ID, change func(*Conversation)) error {
	c, err := b.Conversation(ctx, id)
	if err != nil {
		return err
	}
	change(c)
	c.ID = id
	return b.SetConversation(ctx, *c)
}

// Add adds a message to its conversation, or confirms one of one's own that was
// sending: with a sequence number it is at the server. To add what is there
// already changes nothing, and what the Batch keeps of a message is not taken from
// m. A message whose id another device used before is kept under another id. An expiry is counted from the arrival on this device.
func (b *Batch) Add(ctx context.Context, m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	if m.Seq == 0 && m.From != b.h.self {
		return fmt.Errorf("%w: a message of another needs a sequence number", ErrInvalid)
	}
	c, err := b.Conversation(ctx, m.Conversation)
	if err != nil {
		return err
	}
	old, err := b.Message(ctx, m.Conversation, m.ID)
	switch {
	case errors.Is(err, ErrNoMessage):
		return b.add(c, &m)
	case err != nil:
		return err
	case old.From == m.From && old.Device == m.Device:
		if old.Seq == 0 && m.Seq != 0 {
			return b.Sent(ctx, m.Conversation, m.ID, m.Seq)
		}
		return nil // once more
	}
	m.ID = m.otherID()
	if _, err := b.Message(ctx, m.Conversation, m.ID); !errors.Is(err, ErrNoMessage) {
		return err // once more
	}
	return b.add(c, &m)
}

// otherID returns another id for a message whose id a message of another device
// had before: by chance never, but the server sees ids, and with a member it could
// so keep a message from being shown.
func (m *Message) otherID() ID {
	h := sha256.New()
	for _, part := range [][]byte{[]byte("Conclave 1.0 other id"), m.ID[:], m.From[:], m.Device[:]} {
		h.Write(part)
	}
	return ID(h.Sum(nil)[:len(m.ID)])
}

func (b *Batch) add(c *Conversation, m *Message) error {
	m.Edited, m.Deleted, m.Expires, m.Reactions = time.Time{}, time.Time{}, time.Time{}, nil
	m.State, m.Reason, m.Delivered, m.Read = "", "", 0, 0
	if m.From == b.h.self && m.Kind != KindNotice {
		m.State = StateSending
		m.State = m.tick()
	}
	if m.ExpiresAfter > 0 {
		m.Expires = m.Arrived.Add(m.ExpiresAfter)
		if err := b.put(expiryKey(m), expiry{m.Expires, m.Conversation, m.ID}); err != nil {
			return err
		}
	}
	b.changes[indexKey(m.Conversation, m.ID)] = []byte(m.key())
	if b.unread(c, m) {
		c.Unread++
	}
	if c.Last == nil || m.Seq == 0 || m.Seq >= c.Last.Seq {
		c.Last, c.Active = glance(m), m.Arrived
	}
	if err := b.putConversation(c); err != nil {
		return err
	}
	return b.putMessage(m)
}

// unread reports whether m counts as not read.
func (b *Batch) unread(c *Conversation, m *Message) bool {
	return m.From != b.h.self && m.Kind != KindNotice && m.Deleted.IsZero() && m.Seq > c.ReadTo
}

// Sent says that the server has a message of one's own, at seq.
func (b *Batch) Sent(ctx context.Context, conversation, id ID, seq uint64) error {
	m, err := b.Message(ctx, conversation, id)
	if err != nil {
		return err
	}
	if m.Seq != 0 {
		return nil
	}
	b.remove(m.key())
	m.Seq, m.Reason = seq, ""
	m.State = m.tick()
	b.changes[indexKey(conversation, id)] = []byte(m.key())
	if err := b.glanceAgain(ctx, m); err != nil {
		return err
	}
	return b.putMessage(m)
}

// Failed says why a message of one's own is not at the server and is not sent any
// more; reason is the id of a text. Retry makes it sending again.
func (b *Batch) Failed(ctx context.Context, conversation, id ID, reason string) error {
	return b.pending(ctx, conversation, id, StateFailed, reason)
}

// Retry makes a message that failed sending again.
func (b *Batch) Retry(ctx context.Context, conversation, id ID) error {
	return b.pending(ctx, conversation, id, StateSending, "")
}

func (b *Batch) pending(ctx context.Context, conversation, id ID, s State, reason string) error {
	m, err := b.Message(ctx, conversation, id)
	if err != nil || m.Seq != 0 {
		return err
	}
	m.State, m.Reason = s, reason
	return b.putMessage(m)
}

// glanceAgain renews the glance at the last message if that is m.
func (b *Batch) glanceAgain(ctx context.Context, m *Message) error {
	c, err := b.Conversation(ctx, m.Conversation)
	if err != nil || c.Last == nil || c.Last.ID != m.ID {
		return err
	}
	c.Last = glance(m)
	return b.putConversation(c)
}
