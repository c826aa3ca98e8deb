package history

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// A Line is one message of an export. It has no keys.
type Line struct {
	Conversation ID         `json:"conversation"`
	ID           ID         `json:"id"`
	Seq          uint64     `json:"seq"`
	From         ID         `json:"from"`
	Device       ID         `json:"device"`
	Sent         time.Time  `json:"sent_at"`
	Kind         Kind       `json:"kind"`
	Text         string     `json:"text,omitempty"`
	ReplyTo      ID         `json:"reply_to,omitzero"`
	Mentions     []ID       `json:"mentions,omitempty"`
	Name         string     `json:"file_name,omitempty"`
	Type         string     `json:"file_type,omitempty"`
	Size         int64      `json:"file_size,omitempty"`
	Edited       time.Time  `json:"edited_at,omitzero"`
	Deleted      time.Time  `json:"deleted_at,omitzero"`
	Reactions    []Reaction `json:"reactions,omitempty"`
	State        State      `json:"state,omitempty"`
}

// Line returns m as an export has it.
func (m *Message) Line() Line {
	l := Line{
		m.Conversation, m.ID, m.Seq, m.From, m.Device, m.Sent.UTC(), m.Kind, m.Text, m.ReplyTo, m.Mentions, "", "", 0,
		m.Edited, m.Deleted, m.Reactions, m.State,
	}
	if m.File != nil {
		l.Name, l.Type, l.Size = m.File.Name, m.File.Type, m.File.Size
	}
	return l
}

// ExportJSON writes the messages of a conversation as JSON, one [Line] a line,
// oldest first. Messages that disappear are not exported.
func (h *History) ExportJSON(ctx context.Context, conversation ID, w io.Writer) error {
	e := json.NewEncoder(w)
	return h.export(ctx, conversation, func(m *Message) error { return e.Encode(m.Line()) })
}

// ExportText writes the messages of a conversation to be read, oldest first: the
// time in UTC, who, and what. name returns what to call a user. No message can look
// like another: what follows its first line is indented, and characters that
// control a screen are shown as codes. Messages that disappear are not exported.
func (h *History) ExportText(ctx context.Context, conversation ID, w io.Writer, name func(user ID) string) error {
	return h.export(ctx, conversation, func(m *Message) error {
		_, err := fmt.Fprintf(w, "%s  %s: %s\n", m.Sent.UTC().Format("2006-01-02 15:04"), oneLine(name(m.From)), m.readable())
		return err
	})
}

func (m *Message) readable() string {
	if !m.Deleted.IsZero() {
		return "(deleted)"
	}
	text := shown(m.Text)
	if m.File != nil {
		text = strings.TrimRight(fmt.Sprintf("[file %s, %d bytes] %s", oneLine(m.File.Name), m.File.Size, text), " ")
	}
	if !m.Edited.IsZero() {
		text += " (edited)"
	}
	return text
}

// shown makes a text that stays in its place.
func shown(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = oneLine(lines[i])
	}
	return strings.Join(lines, "\n    ")
}

// oneLine shows control and format characters as codes; joiners are letters.
func oneLine(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r != '\t' && r != '\u200c' && r != '\u200d' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			fmt.Fprintf(&b, "<U+%04X>", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (h *History) export(ctx context.Context, conversation ID, write func(*Message) error) error {
	if _, err := h.Conversation(ctx, conversation); err != nil {
		return err
	}
	for _, prefix := range []string{messagesPrefix(conversation), pendingPrefix(conversation)} {
		err := each(ctx, h.db, prefix, func(_ string, value []byte) error {
			var m Message
			if err := decode(value, &m); err != nil {
				return err
			}
			if m.ExpiresAfter > 0 {
				return nil
			}
			return write(&m)
		})
		if err != nil {
			return fmt.Errorf("history: exporting: %w", err)
		}
	}
	return nil
}
