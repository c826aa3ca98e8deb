package meeting

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"time"
	"unicode"

	"conclave/api"
	"conclave/core/session"
)

// chatID returns the id of an own message as drivers see it. That of another's
// begins with the name of its device: a member may copy the id of a message that
// is not theirs.
func chatID(id session.MessageID) string { return hex.EncodeToString(id[:]) }

// delivery says where a message of this client is.
//
//	queued --sealed, sent--> asked --Accepted or own DataSent--> (gone, ChatSent)
//	   ^                       |  \--refused--> failed --RetryChat--> queued
//	   |                       v connection lost
//	   +--not in the log--- unsure --in the log--> (gone, ChatSent)
type delivery uint8

const (
	chatQueued delivery = iota
	chatAsked
	chatUnsure
	chatFailed
)

// An outgoing message waits until the server has it in the log. Its id stays the
// same when it is sealed again, so that receivers show it once.
type outgoing struct {
	id       session.MessageID
	text     string
	sentAt   time.Time
	sealed   []byte
	delivery delivery
}

func (o *outgoing) requeue() {
	if o.delivery != chatFailed {
		o.delivery, o.sealed = chatQueued, nil
	}
}

// SendChat sends text to all members, now or when there is a connection, and
// returns the message's id. Control characters other than tab and line feed are
// left out. It returns ErrTooLarge for more than 4096 bytes and for none, and
// ErrOutboxFull if too many messages wait.
func (m *Meeting) SendChat(now time.Time, text string) (string, error) {
	text = cleanText(text)
	switch {
	case m.phase == phaseOver:
		return "", ErrOver
	case text == "" || len(text) > session.MaxText:
		return "", ErrTooLarge
	case len(m.outbox) >= maxOutbox:
		return "", ErrOutboxFull
	}
	id, err := session.NewMessageID(m.cfg.Rand)
	if err != nil {
		return "", err
	}
	o := &outgoing{id: id, text: text, sentAt: now}
	m.outbox = append(m.outbox, o)
	c := Chat{ID: chatID(id), Name: m.cfg.Name, Text: text, SentAt: now, You: true}
	if m.group != nil {
		c.Index = Index(m.group.Self())
	}
	m.emit(c)
	m.settle(now)
	return c.ID, nil
}

// cleanText returns text without what a chat message may not hold, see
// session.Group.SealData.
func cleanText(text string) string {
	if len(text) > 2*session.MaxText {
		return text // too large anyway
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// RetryChat sends a message again that ended in ChatFailed. It returns
// ErrUnknownChat if there is none with this id.
func (m *Meeting) RetryChat(now time.Time, id string) error {
	if m.phase == phaseOver {
		return ErrOver
	}
	for _, o := range m.outbox {
		if o.delivery == chatFailed && chatID(o.id) == id {
			o.delivery = chatQueued
			m.settle(now)
			return nil
		}
	}
	return ErrUnknownChat
}

func (m *Meeting) hasQueuedChat() bool {
	return slices.ContainsFunc(m.outbox, func(o *outgoing) bool { return o.delivery == chatQueued })
}

// sendChats seals what waits with the keys of the current epoch, in order.
func (m *Meeting) sendChats(now time.Time) {
	if !m.canSeal() || now.Before(m.chatAfter) {
		return
	}
	m.chatAfter = time.Time{}
	asked := 0
	for _, o := range m.outbox {
		if o.delivery == chatAsked {
			asked++
		}
	}
	for _, o := range m.outbox {
		if o.delivery != chatQueued {
			continue
		}
		if asked >= maxDataInFlight || !m.canAsk() {
			return
		}
		sealed, err := m.seal(session.Message{Kind: session.Chat, ID: o.id, SentAt: o.sentAt, Text: o.text})
		if err != nil {
			m.fail(FailUnknown, 0)
			return
		}
		o.sealed, o.delivery = sealed, chatAsked
		asked++
		m.ask(now, request{kind: requestChat, chat: o}, dataFrame(sealed))
	}
}

// chatReply handles the server's answer to one message.
func (m *Meeting) chatReply(now time.Time, o *outgoing, accepted *api.Accepted, refusal *api.Error) {
	switch {
	case o.delivery != chatAsked: // its own DataSent came first
	case accepted != nil:
		m.sent(o)
	case isTransient(refusal.GetCode()):
		m.chatAfter = now.Add(limitedPause)
		o.requeue()
	default:
		o.delivery, o.sealed = chatFailed, nil
		m.emit(ChatFailed{ID: chatID(o.id)})
	}
}

// isTransient reports whether a message that was refused so is to be sealed and
// sent again: the server asks for less, or has begun an epoch that this client
// is about to hear of.
func isTransient(code api.ErrorCode) bool {
	return code == api.ErrorCode_ERROR_CODE_RATE_LIMITED || code == api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT
}

// confirm reports whether sealed is a message of this client that comes back in
// the log.
func (m *Meeting) confirm(sealed []byte) bool {
	for _, o := range m.outbox {
		if o.sealed != nil && bytes.Equal(o.sealed, sealed) {
			m.sent(o)
			return true
		}
	}
	return false
}

// sent forgets a message that is in the log.
func (m *Meeting) sent(o *outgoing) {
	m.outbox = slices.DeleteFunc(m.outbox, func(p *outgoing) bool { return p == o })
	o.delivery = chatUnsure // an answer still to come finds nothing to do
	m.emit(ChatSent{ID: chatID(o.id)})
}

// A chatName tells messages apart. The device belongs to it, so that nobody can
// keep another's message from being shown by using its id first.
type chatName struct {
	from deviceHash
	id   session.MessageID
}

// A chatRing remembers the last maxSeenChats messages.
type chatRing struct {
	set   map[chatName]struct{}
	order []chatName
}

// add reports whether id was not there before.
func (r *chatRing) add(id chatName) bool {
	if _, ok := r.set[id]; ok {
		return false
	}
	if r.set == nil {
		r.set = make(map[chatName]struct{})
	}
	if len(r.order) >= maxSeenChats {
		delete(r.set, r.order[0])
		r.order = r.order[1:]
	}
	r.set[id] = struct{}{}
	r.order = append(r.order, id)
	return true
}
