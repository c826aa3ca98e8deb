package history

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"conclave/client/vault"
)

// A Conversation is what a list of conversations shows.
type Conversation struct {
	ID           ID            `json:"id"`
	Title        string        `json:"title"`
	Kind         string        `json:"kind"` // direct, group or notes
	Muted        bool          `json:"muted,omitempty"`
	Pinned       bool          `json:"pinned,omitempty"`
	Archived     bool          `json:"archived,omitempty"`
	Left         bool          `json:"left,omitempty"` // this user is no member any more
	Draft        string        `json:"draft,omitempty"`
	Disappearing time.Duration `json:"disappearing,omitempty"` // for new messages; 0: they stay
	Unread       int           `json:"unread,omitempty"`
	ReadTo       uint64        `json:"read_to,omitempty"` // sequence number up to which all is read
	Last         *Last         `json:"last,omitempty"`
	Active       time.Time     `json:"active,omitzero"` // when the last message arrived; orders the list
}

// Last is a glance at the last message of a conversation.
type Last struct {
	ID      ID        `json:"id"`
	Seq     uint64    `json:"seq,omitempty"`
	From    ID        `json:"from"`
	Sent    time.Time `json:"sent"`
	Kind    Kind      `json:"kind"`
	Text    string    `json:"text,omitempty"` // the first maxGlance bytes at most
	Deleted bool      `json:"deleted,omitempty"`
}

const maxGlance = 240

// glance returns what a list shows of m.
func glance(m *Message) *Last {
	text := strings.ToValidUTF8(m.Text[:min(len(m.Text), maxGlance)], "") // without half a character at the end
	return &Last{m.ID, m.Seq, m.From, m.Sent, m.Kind, text, !m.Deleted.IsZero()}
}

// Conversation returns one conversation, or an error wrapping
// [ErrNoConversation].
func (h *History) Conversation(ctx context.Context, id ID) (*Conversation, error) {
	return readConversation(ctx, h.db, id)
}

// getter is what a History and a Batch read from.
type getter interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Range(ctx context.Context, from, to string, limit int, reverse bool) ([]vault.Entry, error)
}

func readConversation(ctx context.Context, from getter, id ID) (*Conversation, error) {
	b, err := from.Get(ctx, conversationKey(id))
	if errors.Is(err, vault.ErrMissing) {
		return nil, ErrNoConversation
	}
	if err != nil {
		return nil, err
	}
	var c Conversation
	return &c, decode(b, &c)
}

// Conversations returns all conversations: those that are pinned first, then by
// the time of the last message, newest first.
func (h *History) Conversations(ctx context.Context) ([]Conversation, error) {
	var all []Conversation
	err := each(ctx, h.db, "h/c/", func(_ string, value []byte) error {
		var c Conversation
		if err := decode(value, &c); err != nil {
			return err
		}
		all = append(all, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Conversation) int {
		if a.Pinned != b.Pinned {
			if a.Pinned {
				return -1
			}
			return 1
		}
		return cmp.Or(b.Active.Compare(a.Active), slices.Compare(a.ID[:], b.ID[:]))
	})
	return all, nil
}

// page is how many entries are read at one time: with MaxText, some MiB.
const page = 128

// each calls do with all entries under a prefix, a page at a time.
func each(ctx context.Context, from getter, prefix string, do func(key string, value []byte) error) error {
	for start := prefix; ; {
		entries, err := from.Range(ctx, start, vault.End(prefix), page, false)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := do(e.Key, e.Value); err != nil {
				return err
			}
		}
		if len(entries) < page {
			return nil
		}
		start = entries[len(entries)-1].Key + "!" // before every byte of a key
	}
}
