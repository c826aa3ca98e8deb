package history

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Edit replaces the text of a message. Only its sender's user may; otherwise the
// error wraps [ErrNotAllowed].
func (b *Batch) Edit(ctx context.Context, conversation, id, by ID, text string, at time.Time) error {
	if len(text) > MaxText {
		return ErrSize
	}
	m, err := b.Message(ctx, conversation, id)
	if err != nil {
		return err
	}
	switch {
	case m.From != by || m.Kind == KindNotice:
		return ErrNotAllowed
	case !m.Deleted.IsZero():
		return nil // what is gone stays gone
	}
	m.Text, m.Edited = text, at
	return b.save(ctx, m)
}

// Erase takes from a message all that was said and leaves that it was there. Only
// its sender's user may, or whom the rules of the conversation let: then
// moderator is true.
func (b *Batch) Erase(ctx context.Context, conversation, id, by ID, moderator bool, at time.Time) error {
	m, err := b.Message(ctx, conversation, id)
	if err != nil {
		return err
	}
	switch {
	case m.Kind == KindNotice, m.From != by && !moderator:
		return ErrNotAllowed
	case !m.Deleted.IsZero():
		return nil
	}
	c, err := b.Conversation(ctx, conversation)
	if err != nil {
		return err
	}
	if b.unread(c, m) {
		c.Unread--
		if err := b.putConversation(c); err != nil {
			return err
		}
	}
	m.Text, m.Content, m.File, m.Mentions, m.Reactions, m.ReplyTo = "", nil, nil, nil, nil, ID{}
	m.Kind, m.Deleted = KindText, at
	return b.save(ctx, m)
}

// React puts the emoji of a user to a message, or takes it away.
func (b *Batch) React(ctx context.Context, conversation, id, by ID, emoji string, remove bool) error {
	if emoji == "" || len(emoji) > maxEmoji {
		return fmt.Errorf("%w: a reaction has 1 to %d bytes", ErrInvalid, maxEmoji)
	}
	m, err := b.Message(ctx, conversation, id)
	if err != nil || !m.Deleted.IsZero() {
		return err
	}
	r := Reaction{by, emoji}
	i := slices.Index(m.Reactions, r)
	switch {
	case remove && i >= 0:
		m.Reactions = slices.Delete(m.Reactions, i, i+1)
	case remove, i >= 0:
		return nil
	default:
		count := 0
		for _, o := range m.Reactions {
			if o.From == by {
				count++
			}
		}
		if count >= MaxReactions {
			return fmt.Errorf("%w: a user has %d reactions to a message", ErrSize, MaxReactions)
		}
		m.Reactions = append(m.Reactions, r)
	}
	return b.putMessage(m)
}

// save stores a message whose text changed.
func (b *Batch) save(ctx context.Context, m *Message) error {
	if err := b.glanceAgain(ctx, m); err != nil {
		return err
	}
	return b.putMessage(m)
}
