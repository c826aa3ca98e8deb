package history

import (
	"context"
	"errors"
	"time"

	"conclave/client/vault"
)

// Expire removes up to 100 messages whose time has come by now, with all that was
// said of them, and returns how many. Call it until that is 0, with a new Batch
// each time; then wait for [History.NextExpiry].
func (b *Batch) Expire(ctx context.Context, now time.Time) (int, error) {
	entries, err := overlay{b}.Range(ctx, "h/x/", "h/x/"+number(millis(now)+1), 100, false)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		var x expiry
		if err := decode(e.Value, &x); err != nil {
			return 0, err
		}
		b.remove(e.Key)
		if err := b.Remove(ctx, x.Conversation, x.Message); err != nil && !errors.Is(err, ErrNoMessage) {
			return 0, err
		}
	}
	return len(entries), nil
}

// Remove removes a message from this device, with its reactions and receipts.
// Others keep theirs.
func (b *Batch) Remove(ctx context.Context, conversation, id ID) error {
	m, err := b.Message(ctx, conversation, id)
	if err != nil {
		return err
	}
	c, err := b.Conversation(ctx, conversation)
	if err != nil {
		return err
	}
	b.remove(m.key())
	b.remove(indexKey(conversation, id))
	if !m.Expires.IsZero() {
		b.remove(expiryKey(m))
	}
	err = each(ctx, overlay{b}, receiptsPrefix(conversation, id), func(key string, _ []byte) error {
		b.remove(key)
		return nil
	})
	if err != nil {
		return err
	}
	if b.unread(c, m) {
		c.Unread--
	}
	if c.Last != nil && c.Last.ID == id {
		if c.Last, err = b.last(ctx, conversation); err != nil {
			return err
		}
	}
	return b.putConversation(c)
}

// last returns a glance at the newest message that is left; nil: none.
func (b *Batch) last(ctx context.Context, conversation ID) (*Last, error) {
	for _, prefix := range []string{pendingPrefix(conversation), messagesPrefix(conversation)} {
		entries, err := overlay{b}.Range(ctx, prefix, vault.End(prefix), 1, true)
		if err != nil {
			return nil, err
		}
		if len(entries) == 1 {
			var m Message
			if err := decode(entries[0].Value, &m); err != nil {
				return nil, err
			}
			return glance(&m), nil
		}
	}
	return nil, nil
}

// Forget removes up to 1000 records of a conversation and all that was said in
// it from this device, and reports whether it is gone. Until then call it again,
// with a new Batch each time.
func (b *Batch) Forget(ctx context.Context, conversation ID) (gone bool, err error) {
	left := 1000
	id := conversation.String() + "/"
	for _, prefix := range []string{"h/m/" + id, "h/p/" + id, "h/i/" + id, "h/r/" + id} {
		for left > 0 {
			entries, err := overlay{b}.Range(ctx, prefix, vault.End(prefix), min(left, page), false)
			if err != nil {
				return false, err
			}
			for _, e := range entries {
				b.remove(e.Key)
			}
			left -= len(entries)
			if len(entries) < page {
				break
			}
		}
	}
	if left <= 0 {
		return false, nil
	}
	b.remove(conversationKey(conversation)) // what expires is left to Expire
	return true, nil
}
