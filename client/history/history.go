// Package history keeps what was said: conversations, their messages with edits,
// deletions, reactions and receipts, what disappears and when, and what was not
// read yet. It lives in a [vault.Database] under keys that begin with "h/".
//
// [History] reads. A [Batch] collects changes and returns them as
// [vault.Change]s, so that they are applied in one step with the MLS state and
// the cursor they belong to. Nothing here looks at a clock or a network: times are
// parameters.
//
// Keys are in the clear in the database. They hold identifiers, sequence numbers
// and times, never a word.
package history

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"conclave/client/vault"
)

// Limits of what is stored.
const (
	MaxText      = 64 << 10 // bytes of a message, a caption or a draft
	MaxContent   = 96 << 10 // bytes of Message.Content
	MaxTitle     = 256      // bytes
	MaxReactions = 8        // of one user to one message
	MaxMentions  = 1000
	MaxFile      = 16 << 10 // bytes of File.Descriptor
)

var (
	// ErrNoMessage says that there is no such message, or none any more. Who joined
	// late gets edits and reactions for what they never saw: go on without.
	ErrNoMessage = errors.New("history: there is no such message")
	// ErrNoConversation says that a conversation was not made yet or was forgotten.
	ErrNoConversation = errors.New("history: there is no such conversation")
	// ErrNotAllowed says that a user changes what another wrote.
	ErrNotAllowed = errors.New("history: only who wrote a message may change it")
	// ErrSize says that something is longer than this package keeps.
	ErrSize = errors.New("history: too long; say less")
	// ErrInvalid says that a message lacks what it must have.
	ErrInvalid = errors.New("history: invalid")
)

// An ID names a conversation (the id of its MLS group), a message (its client
// message id), a user or a device. As text it is 32 hexadecimal digits.
type ID [16]byte

// String returns the hexadecimal form.
func (i ID) String() string { return hex.EncodeToString(i[:]) }

// IsZero reports whether the ID was never set.
func (i ID) IsZero() bool { return i == ID{} }

// MarshalText implements encoding.TextMarshaler.
func (i ID) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *ID) UnmarshalText(text []byte) error {
	if len(text) != 2*len(i) {
		return fmt.Errorf("%w: an id has %d digits", ErrInvalid, 2*len(i))
	}
	_, err := hex.Decode(i[:], text)
	return err
}

// History reads what a Database has. It may be used concurrently; it keeps
// nothing in memory.
type History struct {
	db   vault.Database
	self ID
}

// New returns the history in db of the user self.
func New(db vault.Database, self ID) *History { return &History{db, self} }

// Keys: conversations by id; messages by sequence number and id; what has none yet by
// time; the key of a message by its id; what expires by time; receipts of a user.
// Numbers have 16 hexadecimal digits, so that they sort.
func conversationKey(c ID) string       { return "h/c/" + c.String() }
func messagesPrefix(c ID) string        { return "h/m/" + c.String() + "/" }
func seqPrefix(c ID, seq uint64) string { return messagesPrefix(c) + number(seq) + "/" }
func pendingPrefix(c ID) string         { return "h/p/" + c.String() + "/" }
func pendingKey(m *Message) string {
	return pendingPrefix(m.Conversation) + number(millis(m.Sent)) + "/" + m.ID.String()
}
func indexKey(c, m ID) string { return "h/i/" + c.String() + "/" + m.String() }
func expiryKey(m *Message) string {
	return "h/x/" + number(millis(m.Expires)) + "/" + m.Conversation.String() + "/" + m.ID.String()
}

func receiptsPrefix(c, m ID) string   { return "h/r/" + c.String() + "/" + m.String() + "/" }
func receiptKey(c, m ID, u ID) string { return receiptsPrefix(c, m) + u.String() }

func number(n uint64) string { return fmt.Sprintf("%016x", n) }

// millis is the time for keys, in milliseconds; what is before 1970 is 1970.
func millis(t time.Time) uint64 { return uint64(max(t.UnixMilli(), 0)) }

func encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return b, nil
}

func decode(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: a record of the history is not of this version", vault.ErrDamaged)
	}
	return nil
}
