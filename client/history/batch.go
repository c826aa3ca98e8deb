package history

import (
	"context"
	"maps"
	"slices"
	"strings"

	"conclave/client/vault"
)

// A Batch collects changes of the history. Its methods see what was changed in it
// before. Nothing is stored until the caller gives [Batch.Changes] to
// [vault.Database.Apply], alone or with other changes. If a method fails, drop
// the Batch, unless the error is one that this package names: then it changed
// nothing.
//
// A Batch is for one goroutine and at most 2000 messages, and between Begin and Apply nobody else may apply
// another: whoever owns the conversations keeps one at a time.
type Batch struct {
	h       *History
	changes map[string][]byte // nil value: removed
}

// Begin returns an empty Batch.
func (h *History) Begin() *Batch { return &Batch{h, make(map[string][]byte)} }

// Changes returns what the Batch changed, one change a key, sorted.
func (b *Batch) Changes() []vault.Change {
	all := make([]vault.Change, 0, len(b.changes))
	for _, k := range slices.Sorted(maps.Keys(b.changes)) {
		all = append(all, vault.Change{Key: k, Value: b.changes[k]})
	}
	return all
}

// get returns a value as it will be.
func (b *Batch) get(ctx context.Context, key string) ([]byte, error) {
	v, changed := b.changes[key]
	switch {
	case !changed:
		return b.h.db.Get(ctx, key)
	case v == nil:
		return nil, vault.ErrMissing
	default:
		return v, nil
	}
}

// overlay is what a Batch reads from.
type overlay struct{ b *Batch }

func (o overlay) Get(ctx context.Context, key string) ([]byte, error) { return o.b.get(ctx, key) }

// Range returns the entries as they will be.
func (o overlay) Range(ctx context.Context, from, to string, limit int, reverse bool) ([]vault.Entry, error) {
	var entries []vault.Entry
	changed := 0
	for k, v := range o.b.changes {
		if k < from || k >= to {
			continue
		}
		changed++
		if v != nil {
			entries = append(entries, vault.Entry{Key: k, Value: v})
		}
	}
	stored, err := o.b.h.db.Range(ctx, from, to, min(limit+changed, vault.MaxRange), reverse)
	if err != nil {
		return nil, err
	}
	for _, e := range stored {
		if _, ok := o.b.changes[e.Key]; !ok {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b vault.Entry) int { return strings.Compare(a.Key, b.Key) })
	if reverse {
		slices.Reverse(entries)
	}
	return entries[:min(limit, len(entries))], nil
}

// put sets a record.
func (b *Batch) put(key string, v any) error {
	e, err := encode(v)
	if err != nil {
		return err
	}
	b.changes[key] = e
	return nil
}

func (b *Batch) remove(key string) { b.changes[key] = nil }

// Conversation returns a conversation as it will be.
func (b *Batch) Conversation(ctx context.Context, id ID) (*Conversation, error) {
	return readConversation(ctx, overlay{b}, id)
}

// Message returns a message as it will be.
func (b *Batch) Message(ctx context.Context, conversation, id ID) (*Message, error) {
	return readMessage(ctx, overlay{b}, conversation, id)
}

// putMessage stores m where it belongs.
func (b *Batch) putMessage(m *Message) error { return b.put(m.key(), m) }

func (b *Batch) putConversation(c *Conversation) error { return b.put(conversationKey(c.ID), c) }
