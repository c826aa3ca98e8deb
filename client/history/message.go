package history

import (
	"fmt"
	"math"
	"time"
)

// A State is how far a message of one's own got: what its tick shows. The
// messages of others have none.
type State string

// States, in their order but for StateFailed.
const (
	StateSending   State = "sending"   // not at the server yet
	StateSent      State = "sent"      // the server has it
	StateDelivered State = "delivered" // a device of each other member has it
	StateRead      State = "read"      // each other member read it
	StateFailed    State = "failed"    // see Message.Reason
)

// A Kind is what a message is.
type Kind string

// Kinds.
const (
	KindText   Kind = "text"
	KindFile   Kind = "file"   // Message.File, with Text as caption
	KindNotice Kind = "notice" // what the messenger says: members, gaps; never unread
)

// A Message is one line of a conversation.
type Message struct {
	Conversation ID            `json:"conversation"`
	ID           ID            `json:"id"`
	Seq          uint64        `json:"seq,omitempty"` // in the group's log; 0: one's own, not at the server yet; a notice has that of the row it is about or follows
	From         ID            `json:"from"`
	Device       ID            `json:"device"`
	Sent         time.Time     `json:"sent"`    // says the sender
	Arrived      time.Time     `json:"arrived"` // on this device, by its clock
	Kind         Kind          `json:"kind"`
	Text         string        `json:"text,omitempty"`
	ReplyTo      ID            `json:"reply_to,omitzero"`
	Mentions     []ID          `json:"mentions,omitempty"`
	File         *File         `json:"file,omitempty"`
	Content      []byte        `json:"content,omitempty"` // encoded, for who asks for it again; may be nil
	ExpiresAfter time.Duration `json:"expires_after,omitempty"`

	// What follows is kept by the Batch.

	Edited    time.Time  `json:"edited,omitzero"`
	Deleted   time.Time  `json:"deleted,omitzero"` // nothing of what was said is left
	Expires   time.Time  `json:"expires,omitzero"`
	Reactions []Reaction `json:"reactions,omitempty"`
	State     State      `json:"state,omitempty"`
	Reason    string     `json:"reason,omitempty"`    // id of the text that says why it failed
	Audience  int        `json:"audience,omitempty"`  // other members when it was sent; set by who adds it
	Delivered int        `json:"delivered,omitempty"` // of them, who has it
	Read      int        `json:"read,omitempty"`      // of them, who read it
}

// A File is what a message shows of an attachment.
type File struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Size       int64  `json:"size"`
	Descriptor []byte `json:"descriptor"` // with the key that opens it: never exported
}

// A Reaction is an emoji that a user put to a message.
type Reaction struct {
	From  ID     `json:"from"`
	Emoji string `json:"emoji"`
}

const (
	maxEmoji    = 64  // bytes
	maxFileName = 512 // bytes, and of a type
)

// check returns an error wrapping ErrInvalid or ErrSize unless m can be kept.
func (m *Message) check() error {
	switch {
	case m.Conversation.IsZero() || m.ID.IsZero():
		return fmt.Errorf("%w: a message needs its conversation and an id", ErrInvalid)
	case m.Kind != KindText && m.Kind != KindFile && m.Kind != KindNotice:
		return fmt.Errorf("%w: a message has a kind that is not known", ErrInvalid)
	case (m.Kind == KindFile) != (m.File != nil):
		return fmt.Errorf("%w: a message of kind file has a file, and no other", ErrInvalid)
	case m.ExpiresAfter < 0:
		return fmt.Errorf("%w: a message expires before it is sent", ErrInvalid)
	case m.Seq > math.MaxInt64:
		return fmt.Errorf("%w: a sequence number is too large", ErrInvalid)
	case len(m.Text) > MaxText, len(m.Content) > MaxContent, len(m.Mentions) > MaxMentions:
		return ErrSize
	case m.File != nil && (len(m.File.Name) > maxFileName || len(m.File.Type) > maxFileName || len(m.File.Descriptor) > MaxFile):
		return ErrSize
	}
	return nil
}

// key is where m is stored.
func (m *Message) key() string {
	if m.Seq == 0 {
		return pendingKey(m)
	}
	return seqPrefix(m.Conversation, m.Seq) + m.ID.String()
}

// A Position is a place in the log of a conversation, to page from.
type Position struct {
	Seq uint64
	ID  ID
}

// Position returns the place of m.
func (m *Message) Position() Position { return Position{m.Seq, m.ID} }

// tick returns the state that the counts make.
func (m *Message) tick() State {
	switch {
	case m.State == "" || m.Seq == 0:
		return m.State
	case m.Audience > 0 && m.Read >= m.Audience:
		return StateRead
	case m.Audience > 0 && m.Delivered >= m.Audience:
		return StateDelivered
	default:
		return StateSent
	}
}
