package history

import (
	"context"
	"errors"
	"slices"
	"time"

	"conclave/client/vault"
)

// maxDevices is how many devices of one user are told apart in receipts.
const maxDevices = 64

// Receive notes that a device of another member has a message of one's own, or
// that it was read there. Receipts for other messages, or from oneself, change
// nothing.
func (b *Batch) Receive(ctx context.Context, conversation, id, user, device ID, read bool, at time.Time) error {
	m, err := b.Message(ctx, conversation, id)
	if err != nil {
		return err
	}
	if m.From != b.h.self || user == b.h.self || m.Kind == KindNotice || m.Seq == 0 {
		return nil
	}
	key := receiptKey(conversation, id, user)
	devices, err := b.receipts(ctx, key)
	if err != nil {
		return err
	}
	hadRead := slices.ContainsFunc(devices, func(r Receipt) bool { return !r.Read.IsZero() })
	hadAny := len(devices) > 0
	i := slices.IndexFunc(devices, func(r Receipt) bool { return r.Device == device })
	if i < 0 {
		if len(devices) >= maxDevices {
			return nil
		}
		i = len(devices)
		devices = append(devices, Receipt{Device: device, Delivered: at})
	}
	if read && devices[i].Read.IsZero() {
		devices[i].Read = at
	}
	if err := b.put(key, devices); err != nil {
		return err
	}
	if !hadAny {
		m.Delivered++
	}
	if read && !hadRead {
		m.Read++
	}
	m.State = m.tick()
	return b.putMessage(m)
}

func (b *Batch) receipts(ctx context.Context, key string) ([]Receipt, error) {
	value, err := b.get(ctx, key)
	if errors.Is(err, vault.ErrMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var devices []Receipt
	if err := decode(value, &devices); err != nil {
		return nil, err
	}
	return devices, nil
}

// MarkRead says that this user read a conversation up to and with seq, here or on
// another device, and returns the ids of the messages of others that were unread
// until then, at most 1000, for the receipts. It never goes back.
func (b *Batch) MarkRead(ctx context.Context, conversation ID, seq uint64) ([]ID, error) {
	c, err := b.Conversation(ctx, conversation)
	if err != nil || seq <= c.ReadTo {
		return nil, err
	}
	var newly []ID
	read := 0
	from, to := vault.End(seqPrefix(conversation, c.ReadTo)), vault.End(seqPrefix(conversation, seq))
	for read < c.Unread {
		entries, err := overlay{b}.Range(ctx, from, to, page, false)
		if err != nil {
			return nil, err
		}
		messages, err := messagesOf(entries)
		if err != nil {
			return nil, err
		}
		for i := range messages {
			if !b.unread(c, &messages[i]) {
				continue
			}
			read++
			if len(newly) < 1000 {
				newly = append(newly, messages[i].ID)
			}
		}
		if len(entries) < page {
			break
		}
		from = entries[len(entries)-1].Key + "!"
	}
	c.Unread, c.ReadTo = max(c.Unread-read, 0), seq
	return newly, b.putConversation(c)
}
