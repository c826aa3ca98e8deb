package history

import (
	"context"
	"errors"
	"slices"
	"time"

	"conclave/client/vault"
)

// Messages returns up to limit messages before a position, oldest first; before
// the zero Position are the newest. The limit is 1 to 1000.
func (h *History) Messages(ctx context.Context, conversation ID, before Position, limit int) ([]Message, error) {
	to := vault.End(messagesPrefix(conversation))
	if before != (Position{}) {
		to = seqPrefix(conversation, before.Seq) + before.ID.String()
	}
	entries, err := h.db.Range(ctx, messagesPrefix(conversation), to, min(limit, 1000), true)
	if err != nil {
		return nil, err
	}
	slices.Reverse(entries)
	return messagesOf(entries)
}

// Pending returns up to 1000 messages that are not at the server yet, oldest
// first: what is sending, and what failed.
func (h *History) Pending(ctx context.Context, conversation ID) ([]Message, error) {
	prefix := pendingPrefix(conversation)
	entries, err := h.db.Range(ctx, prefix, vault.End(prefix), 1000, false)
	if err != nil {
		return nil, err
	}
	return messagesOf(entries)
}

func messagesOf(entries []vault.Entry) ([]Message, error) {
	all := make([]Message, len(entries))
	for i, e := range entries {
		if err := decode(e.Value, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Message returns one message by its id, or an error wrapping [ErrNoMessage].
func (h *History) Message(ctx context.Context, conversation, id ID) (*Message, error) {
	return readMessage(ctx, h.db, conversation, id)
}

func readMessage(ctx context.Context, from getter, conversation, id ID) (*Message, error) {
	key, err := from.Get(ctx, indexKey(conversation, id))
	if err == nil {
		return readMessageAt(ctx, from, string(key))
	}
	if errors.Is(err, vault.ErrMissing) {
		return nil, ErrNoMessage
	}
	return nil, err
}

func readMessageAt(ctx context.Context, from getter, key string) (*Message, error) {
	b, err := from.Get(ctx, key)
	if errors.Is(err, vault.ErrMissing) {
		return nil, ErrNoMessage
	}
	if err != nil {
		return nil, err
	}
	var m Message
	return &m, decode(b, &m)
}

// NextExpiry returns when the next message disappears; ok is false if none does.
func (h *History) NextExpiry(ctx context.Context) (at time.Time, ok bool, err error) {
	entries, err := h.db.Range(ctx, "h/x/", vault.End("h/x/"), 1, false)
	if err != nil || len(entries) == 0 {
		return time.Time{}, false, err
	}
	var e expiry
	if err := decode(entries[0].Value, &e); err != nil {
		return time.Time{}, false, err
	}
	return e.At, true, nil
}

// expiry is what the index of messages that disappear has.
type expiry struct {
	At           time.Time `json:"at"`
	Conversation ID        `json:"conversation"`
	Message      ID        `json:"message"`
}

// A Receipt is how far a message of one's own got with one device.
type Receipt struct {
	User      ID        `json:"-"`
	Device    ID        `json:"device"`
	Delivered time.Time `json:"delivered,omitzero"`
	Read      time.Time `json:"read,omitzero"`
}

// Receipts returns what the devices of others said of a message, by user.
func (h *History) Receipts(ctx context.Context, conversation, message ID) ([]Receipt, error) {
	var all []Receipt
	prefix := receiptsPrefix(conversation, message)
	err := each(ctx, h.db, prefix, func(key string, value []byte) error {
		var user ID
		if err := user.UnmarshalText([]byte(key[len(prefix):])); err != nil {
			return vault.ErrDamaged
		}
		var devices []Receipt
		if err := decode(value, &devices); err != nil {
			return err
		}
		for _, r := range devices {
			r.User = user
			all = append(all, r)
		}
		return nil
	})
	return all, err
}
