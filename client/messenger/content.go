package messenger

import (
	"context"
	"errors"
	"slices"
	"time"

	"conclave/client/history"
	"conclave/core/conversation"
	"conclave/core/message"
)

// A sender is who says something, as MLS proves it, and where it stands in the log.
type sender struct {
	user, device ID
	seq          uint64
}

// smallest is up to how many users a conversation has receipts: in larger ones they
// would be most of the traffic.
const smallest = 32

// content judges the order of what another device says, and takes it in.
func (m *Messenger) content(ctx context.Context, c *conv, b *history.Batch, from sender, x *message.Content, encoded []byte) error {
	l, err := m.ledger(ctx, c, from.device)
	if err != nil {
		return err
	}
	v := l.Take(x, encoded)
	switch v.Order {
	case message.Duplicate, message.Old:
		return nil
	case message.Fork:
		m.emit(Event{Kind: EventTrouble, Conversation: c.id, User: from.user, Text: NoticeForked})
		return m.notice(ctx, c, b, from.seq, NoticeForked, from.user, nil)
	case message.InOrder, message.Gap, message.Late:
	case message.Uncounted:
		if _, ok := x.Body.(message.Typing); ok {
			m.emit(Event{Kind: EventTyping, Conversation: c.id, User: from.user})
		}
		return nil
	}
	c.touched[from.device] = true
	if v.Order == message.Gap {
		if err := m.notice(ctx, c, b, from.seq, NoticeMissing, from.user, nil); err != nil {
			return err
		}
		ask := message.Resend{Device: message.Device(from.device), Counters: l.Missing(message.MaxIDs)}
		c.answers = append(c.answers, ask)
	}
	if err := m.take(ctx, c, b, from, x, encoded); err != nil && !harmless(err) {
		return err
	}
	return nil
}

// harmless reports whether an error only says that there is nothing to change, or that
// the sender may not.
func harmless(err error) bool {
	return errors.Is(err, history.ErrNoMessage) || errors.Is(err, history.ErrNotAllowed) ||
		errors.Is(err, history.ErrSize) || errors.Is(err, history.ErrInvalid)
}

// take brings a content into the history. It is called for this device's own too.
func (m *Messenger) take(ctx context.Context, c *conv, b *history.Batch, from sender, x *message.Content, encoded []byte) error {
	at := time.UnixMilli(int64(x.Time & (1<<62 - 1)))
	var target ID
	var err error
	switch body := x.Body.(type) {
	case message.Text, message.File:
		return m.add(ctx, c, b, from, x, encoded)
	case message.Edit:
		target = ID(body.Target)
		err = b.Edit(ctx, c.id, target, from.user, body.Text, at)
	case message.Delete:
		target = ID(body.Target)
		err = b.Erase(ctx, c.id, target, from.user, m.moderates(c, from.user), at)
	case message.Reaction:
		target = ID(body.Target)
		err = b.React(ctx, c.id, target, from.user, body.Emoji, body.Remove)
	case message.Receipt:
		return m.receipt(ctx, c, b, from, body)
	case message.Resend:
		m.resend(ctx, c, body)
		return nil
	case message.Again:
		again, bad := message.Decode(body.Original)
		if bad != nil {
			return nil //nolint:nilerr // a member's nonsense changes nothing
		}
		if _, nested := again.Body.(message.Again); nested {
			return nil
		}
		return m.content(ctx, c, b, from, again, body.Original)
	case message.Unknown:
		return m.notice(ctx, c, b, from.seq, NoticeUnknown, from.user, nil)
	default: // Pin, Merged, History: this version shows nothing of them
		return nil
	}
	m.emit(Event{Kind: EventMessage, Conversation: c.id, Message: target})
	return err
}

// moderates reports whether the rules let a user delete what others wrote.
func (m *Messenger) moderates(c *conv, user ID) bool {
	s, err := c.state()
	if err != nil || s.Kind != conversation.Group {
		return false
	}
	role, ok := s.Role(conversation.User(user))
	return ok && role <= conversation.Admin
}

// mayWrite reports whether a user may say more than receipts.
func (c *conv) mayWrite(user ID) bool {
	s, err := c.state()
	if err != nil {
		return false
	}
	role, ok := s.Role(conversation.User(user))
	return ok && role < conversation.Reader
}

// add adds a message that is shown.
func (m *Messenger) add(ctx context.Context, c *conv, b *history.Batch, from sender, x *message.Content, encoded []byte) error {
	if !c.mayWrite(from.user) {
		return m.notice(ctx, c, b, from.seq, NoticeRefused, from.user, nil)
	}
	h := history.Message{
		Conversation: c.id, ID: ID(x.ID), Seq: from.seq, From: from.user, Device: from.device,
		Sent: time.UnixMilli(int64(x.Time & (1<<62 - 1))), Arrived: m.cfg.Now(), Kind: history.KindText,
		ExpiresAfter: time.Duration(x.ExpiresAfter) * time.Second,
	}
	switch body := x.Body.(type) {
	case message.Text:
		h.Text, h.ReplyTo = body.Text, ID(body.ReplyTo)
		for _, u := range body.Mentions {
			h.Mentions = append(h.Mentions, ID(u))
		}
	case message.File:
		h.Kind, h.Text = history.KindFile, body.Caption
		h.File = &history.File{Name: body.Name, Type: body.Media, Size: int64(min(body.File.Size, 1<<62)), Descriptor: body.File.Encode()}
		if len(encoded) <= history.MaxContent {
			h.Content = slices.Clone(encoded)
		}
	}
	if from.device == m.self {
		h.Audience = m.audience(c)
	}
	if err := b.Add(ctx, h); err != nil {
		return err
	}
	m.emit(Event{Kind: EventMessage, Conversation: c.id, Message: h.ID})
	if from.user == m.user || m.cfg.NoReceipts || m.audience(c) >= smallest {
		return nil
	}
	c.delivered = append(c.delivered, x.ID)
	return nil
}

// audience returns how many other users there are.
func (m *Messenger) audience(c *conv) int {
	s, err := c.state()
	if err != nil {
		return 0
	}
	return len(s.Roles) - 1
}

// receipt notes how far messages got.
func (m *Messenger) receipt(ctx context.Context, c *conv, b *history.Batch, from sender, r message.Receipt) error {
	for _, list := range []struct {
		ids  []message.ID
		read bool
	}{{r.Delivered, false}, {r.Read, true}} {
		for _, id := range list.ids {
			err := b.Receive(ctx, c.id, ID(id), from.user, from.device, list.read, m.cfg.Now())
			if err != nil && !harmless(err) {
				return err
			}
			m.emit(Event{Kind: EventMessage, Conversation: c.id, Message: ID(id)})
		}
	}
	return nil
}

// resend answers somebody who misses contents of this device.
func (m *Messenger) resend(ctx context.Context, c *conv, r message.Resend) {
	if ID(r.Device) != m.self {
		return
	}
	for _, counter := range r.Counters {
		original, err := m.cfg.DB.Get(ctx, ownKey(c.id, counter))
		if err != nil || c.answered[counter] >= maxAnswers {
			continue // long gone, or asked for too often
		}
		c.answered[counter]++
		if x, err := message.Decode(original); err != nil || x.Body.Kind() == message.KindAgain {
			continue
		}
		c.answers = append(c.answers, message.Again{Original: original})
	}
}

// maxAnswers is how often a content is sent again while the program runs.
const maxAnswers = 8
