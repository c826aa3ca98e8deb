package messenger

// An EventKind says what changed.
type EventKind string

// The kinds.
const (
	EventConversation EventKind = "conversation" // its members, name, unread count or state
	EventMessage      EventKind = "message"      // one came or changed
	EventTyping       EventKind = "typing"       // User is writing, for the next few seconds
	EventTrouble      EventKind = "trouble"      // Text names what the user is told
)

// An Event says that something changed: read it from the history.
type Event struct {
	Kind         EventKind `json:"kind"`
	Conversation ID        `json:"conversation"`
	Message      ID        `json:"message,omitzero"`
	User         ID        `json:"user,omitzero"`
	Text         string    `json:"text,omitempty"` // of EventTrouble: id of a text
}

// What a user is told in a line of a conversation; it is the Text of
// a history.Message of history.KindNotice.
const (
	NoticeAdded      = "member.added"       // Mentions were added by From
	NoticeRemoved    = "member.removed"     // Mentions were removed by From
	NoticeLeft       = "member.left"        // Mentions left
	NoticeChanged    = "group.changed"      // From changed the name, roles or rules
	NoticeUnreadable = "message.unreadable" // a message cannot be opened
	NoticeMissing    = "message.missing"    // messages of From were held back; they are asked for again
	NoticeForked     = "message.forked"     // From's device tells two stories
	NoticeUnknown    = "message.unknown"    // a later version is needed to show it
	NoticeRefused    = "commit.refused"     // From tried what they may not
	NoticeGhost      = "commit.ghost"       // a device was to be added that is in nobody's list
	NoticeLost       = "state.lost"         // this device lost its place
)

func (m *Messenger) emit(e Event) { m.events = append(m.events, e) }
