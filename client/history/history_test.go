package history

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"conclave/client/vault"
)

var (
	self, ada, bob = ID{1}, ID{2}, ID{3}
	talk           = ID{9}
	start          = time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
)

// A world is a history with one conversation.
type world struct {
	*testing.T
	db *vault.Memory
	h  *History
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, db: vault.NewMemory()}
	w.h = New(w.db, self)
	w.do(func(b *Batch) error {
		return b.SetConversation(t.Context(), Conversation{ID: talk, Title: "Talk", Kind: "group", Unread: 7, ReadTo: 99})
	})
	return w
}

// do applies one batch.
func (w *world) do(changes ...func(b *Batch) error) {
	w.Helper()
	b := w.h.Begin()
	for _, change := range changes {
		if err := change(b); err != nil {
			w.Fatal(err)
		}
	}
	w.apply(b)
}

func (w *world) apply(b *Batch) {
	w.Helper()
	if err := w.db.Apply(w.Context(), b.Changes()); err != nil {
		w.Fatal(err)
	}
}

func (w *world) add(all ...Message) {
	w.Helper()
	w.do(func(b *Batch) error {
		for _, m := range all {
			if err := b.Add(w.Context(), m); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) conversation() *Conversation {
	w.Helper()
	c, err := w.h.Conversation(w.Context(), talk)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

func (w *world) message(id ID) *Message {
	w.Helper()
	m, err := w.h.Message(w.Context(), talk, id)
	if err != nil {
		w.Fatal(err)
	}
	return m
}

// texts returns the log, then what is pending.
func (w *world) texts() []string {
	w.Helper()
	all, err := w.h.Messages(w.Context(), talk, Position{}, 1000)
	if err != nil {
		w.Fatal(err)
	}
	pending, err := w.h.Pending(w.Context(), talk)
	if err != nil {
		w.Fatal(err)
	}
	var texts []string
	for _, m := range append(all, pending...) {
		texts = append(texts, m.Text)
	}
	return texts
}

func (w *world) wants(want ...string) {
	w.Helper()
	if got := w.texts(); !slices.Equal(got, want) {
		w.Errorf("messages %q, want %q", got, want)
	}
}

// at returns a message with an id, at a place in the log.
func at(id byte, seq uint64, from ID, text string) Message {
	when := start.Add(time.Duration(id) * time.Second)
	return Message{
		Conversation: talk, ID: ID{id}, Seq: seq, From: from, Device: ID{from[0], 1}, Sent: when, Arrived: when,
		Kind: KindText, Text: text,
	}
}

func TestMessages(t *testing.T) {
	w := newWorld(t)
	w.add(at(1, 1, ada, "one"), at(2, 2, bob, "two"), at(3, 0, self, "mine"))
	w.add(at(4, 3, ada, "three"), at(4, 3, ada, "three"), at(1, 1, ada, "one"))
	w.wants("one", "two", "three", "mine")
	if c := w.conversation(); c.Unread != 3 || c.ReadTo != 0 || c.Last.Text != "three" || !c.Active.Equal(start.Add(4*time.Second)) {
		t.Errorf("conversation %+v, last %+v", c, c.Last)
	}
	w.do(func(b *Batch) error { return b.Sent(t.Context(), talk, ID{3}, 4) })
	w.wants("one", "two", "three", "mine")
	if m := w.message(ID{3}); m.Seq != 4 || m.State != StateSent {
		t.Errorf("sent: %+v", m)
	}
	w.add(at(3, 4, self, "mine")) // and here it comes in the log
	w.wants("one", "two", "three", "mine")
	page, err := w.h.Messages(t.Context(), talk, w.message(ID{4}).Position(), 1)
	if err != nil || len(page) != 1 || page[0].Text != "two" {
		t.Errorf("before the third: %+v, %v", page, err)
	}
	w.do(func(b *Batch) error { return b.Remove(t.Context(), talk, ID{2}) })
	w.wants("one", "three", "mine")
	if c := w.conversation(); c.Unread != 2 {
		t.Errorf("unread %d after a removal, want 2", c.Unread)
	}
}

// TestUsedID lets another member use the id of a message before it comes.
func TestUsedID(t *testing.T) {
	w := newWorld(t)
	w.add(at(1, 1, bob, "forged"), at(1, 2, ada, "true"), at(1, 2, ada, "true"))
	w.wants("forged", "true")
	w.add(at(1, 2, ada, "true"))
	w.wants("forged", "true")
	if m := w.message(ID{1}); m.Text != "forged" {
		t.Errorf("the id means %q", m.Text)
	}
}

func TestRefused(t *testing.T) {
	w := newWorld(t)
	w.add(at(1, 1, ada, "one"), at(2, 2, self, "two"))
	long := string(make([]byte, MaxText+1))
	text := func(change func(m *Message)) func(b *Batch) error {
		m := at(9, 9, ada, "x")
		change(&m)
		return func(b *Batch) error { return b.Add(t.Context(), m) }
	}
	for name, c := range map[string]struct {
		want error
		do   func(b *Batch) error
	}{
		"long":           {ErrSize, text(func(m *Message) { m.Text = long })},
		"no id":          {ErrInvalid, text(func(m *Message) { m.ID = ID{} })},
		"no place":       {ErrInvalid, text(func(m *Message) { m.Seq = 0 })},
		"huge place":     {ErrInvalid, text(func(m *Message) { m.Seq = 1 << 63 })},
		"kind":           {ErrInvalid, text(func(m *Message) { m.Kind = "dance" })},
		"no file":        {ErrInvalid, text(func(m *Message) { m.Kind = KindFile })},
		"no talk":        {ErrNoConversation, text(func(m *Message) { m.Conversation = ID{8} })},
		"edit":           {ErrNotAllowed, func(b *Batch) error { return b.Edit(t.Context(), talk, ID{1}, bob, "two", start) }},
		"long edit":      {ErrSize, func(b *Batch) error { return b.Edit(t.Context(), talk, ID{1}, ada, long, start) }},
		"erase":          {ErrNotAllowed, func(b *Batch) error { return b.Erase(t.Context(), talk, ID{1}, bob, false, start) }},
		"edit nothing":   {ErrNoMessage, func(b *Batch) error { return b.Edit(t.Context(), talk, ID{7}, ada, "x", start) }},
		"react":          {ErrInvalid, func(b *Batch) error { return b.React(t.Context(), talk, ID{1}, bob, "", false) }},
		"title":          {ErrSize, func(b *Batch) error { return b.SetConversation(t.Context(), Conversation{ID: talk, Title: long}) }},
		"remove nothing": {ErrNoMessage, func(b *Batch) error { return b.Remove(t.Context(), talk, ID{7}) }},
	} {
		b := w.h.Begin()
		if err := c.do(b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if len(b.Changes()) != 0 {
			t.Errorf("%s changed %d records", name, len(b.Changes()))
		}
	}
}

func TestEditEraseReact(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	w.add(at(1, 1, ada, "one"), at(2, 2, bob, "two"))
	w.do(func(b *Batch) error { return b.Edit(ctx, talk, ID{2}, bob, "2", start) },
		func(b *Batch) error { return b.React(ctx, talk, ID{2}, ada, "+1", false) },
		func(b *Batch) error { return b.React(ctx, talk, ID{2}, ada, "+1", false) },
		func(b *Batch) error { return b.React(ctx, talk, ID{2}, self, "heart", false) },
		func(b *Batch) error { return b.React(ctx, talk, ID{2}, ada, "+1", true) })
	m := w.message(ID{2})
	if m.Text != "2" || m.Edited.IsZero() || !slices.Equal(m.Reactions, []Reaction{{self, "heart"}}) {
		t.Errorf("message %+v", m)
	}
	if c := w.conversation(); c.Last.Text != "2" {
		t.Errorf("the list shows %q", c.Last.Text)
	}
	w.do(func(b *Batch) error { return b.Erase(ctx, talk, ID{2}, bob, false, start) },
		func(b *Batch) error { return b.Erase(ctx, talk, ID{1}, bob, true, start) },
		func(b *Batch) error { return b.Edit(ctx, talk, ID{2}, bob, "again", start) })
	if m := w.message(ID{2}); m.Text != "" || m.Deleted.IsZero() || m.Reactions != nil {
		t.Errorf("what was deleted is %+v", m)
	}
	if c := w.conversation(); c.Unread != 0 || !c.Last.Deleted || c.Last.Text != "" {
		t.Errorf("unread %d, last %+v", c.Unread, c.Last)
	}
	for i := range MaxReactions + 1 {
		b := w.h.Begin()
		w.add(at(3, 3, ada, "three"))
		err := b.React(ctx, talk, ID{3}, bob, fmt.Sprint(i), false)
		if (i == MaxReactions) != errors.Is(err, ErrSize) {
			t.Errorf("reaction %d: %v", i, err)
		}
		w.apply(b)
	}
}

func TestFailed(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	w.add(at(1, 0, self, "mine"))
	if s := w.message(ID{1}).State; s != StateSending {
		t.Errorf("new: %s", s)
	}
	w.do(func(b *Batch) error { return b.Failed(ctx, talk, ID{1}, "removed") })
	if m := w.message(ID{1}); m.State != StateFailed || m.Reason != "removed" {
		t.Errorf("failed: %s, %q", m.State, m.Reason)
	}
	w.do(func(b *Batch) error { return b.Retry(ctx, talk, ID{1}) })
	if m := w.message(ID{1}); m.State != StateSending || m.Reason != "" {
		t.Errorf("again: %s, %q", m.State, m.Reason)
	}
	w.do(func(b *Batch) error { return b.Sent(ctx, talk, ID{1}, 5) }, func(b *Batch) error { return b.Failed(ctx, talk, ID{1}, "late") })
	if m := w.message(ID{1}); m.State != StateSent || m.Seq != 5 {
		t.Errorf("sent: %s at %d", m.State, m.Seq)
	}
}

func TestTicks(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	m := at(1, 1, self, "mine")
	m.Audience = 2
	w.add(m, at(2, 2, ada, "hers"))
	for i, c := range []struct {
		user, device ID
		read         bool
		want         State
	}{
		{ada, ID{1}, false, StateSent},
		{ada, ID{2}, false, StateSent},
		{self, ID{1}, true, StateSent},
		{bob, ID{1}, false, StateDelivered},
		{ada, ID{2}, true, StateDelivered},
		{ada, ID{1}, true, StateDelivered},
		{ada, ID{1}, false, StateDelivered},
		{bob, ID{1}, true, StateRead},
	} {
		w.do(func(b *Batch) error {
			return errors.Join(b.Receive(ctx, talk, ID{1}, c.user, c.device, c.read, start), b.Receive(ctx, talk, ID{2}, c.user, c.device, c.read, start))
		})
		if got := w.message(ID{1}).State; got != c.want {
			t.Errorf("step %d: %s, want %s", i, got, c.want)
		}
	}
	all, err := w.h.Receipts(ctx, talk, ID{1})
	if err != nil || len(all) != 3 || all[0].User != ada || all[2].User != bob || all[1].Read.IsZero() {
		t.Errorf("receipts %+v, %v", all, err)
	}
	if all, err := w.h.Receipts(ctx, talk, ID{2}); err != nil || len(all) != 0 {
		t.Errorf("receipts of another's message: %+v, %v", all, err)
	}
}

func TestMarkRead(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	notice := at(250, 100, ada, "joined")
	notice.Kind = KindNotice
	var all []Message
	for i := range 200 {
		from := ada
		if i%2 == 1 {
			from = self
		}
		all = append(all, at(byte(i+1), uint64(i+1), from, "x"))
	}
	w.add(append(all, notice)...)
	var ids []ID
	read := func(seq uint64) func(b *Batch) error {
		return func(b *Batch) (err error) {
			ids, err = b.MarkRead(ctx, talk, seq)
			return err
		}
	}
	w.do(read(11))
	if c := w.conversation(); c.Unread != 94 || len(ids) != 6 || ids[5] != (ID{11}) {
		t.Errorf("unread %d, newly %v", c.Unread, ids)
	}
	w.do(read(5))
	w.do(func(b *Batch) error { return b.Add(ctx, at(201, 201, bob, "new")) }, read(201))
	if c := w.conversation(); c.Unread != 0 || len(ids) != 95 || c.ReadTo != 201 {
		t.Errorf("unread %d, %d newly, to %d", c.Unread, len(ids), c.ReadTo)
	}
	w.add(at(202, 202, bob, "newer"))
	if c := w.conversation(); c.Unread != 1 {
		t.Errorf("unread %d", c.Unread)
	}
}
