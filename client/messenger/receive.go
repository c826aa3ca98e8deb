package messenger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"conclave/api"
	"conclave/client/history"
	"conclave/client/keypackages"
	"conclave/core/conversation"
	"conclave/core/message"
	"conclave/core/mls"
	"conclave/core/mlswire"
)

// rows reads a part of a conversation's log and stores what came of it.
func (m *Messenger) rows(ctx context.Context, r *api.Rows) error {
	id, ok := idOf(r.GetGroup())
	if !ok {
		return nil
	}
	m.mu.Lock()
	defer m.unlock()
	c := m.convs[id]
	if c == nil || c.group == nil || c.doc.Broken != "" {
		m.lost(id)
		return nil
	}
	b := m.history.Begin()
	var stop error
	for _, row := range r.GetRows() {
		if row.GetSeq() <= c.doc.Cursor {
			continue
		}
		if row.GetSeq() != c.doc.Cursor+1 {
			m.emit(Event{Kind: EventTrouble, Conversation: id, Text: NoticeMissing})
			break
		}
		if stop = m.row(ctx, c, b, row); stop != nil {
			break
		}
		c.doc.Cursor = row.GetSeq()
		if c.group.IsRemoved() {
			break
		}
	}
	if err := m.save(ctx, c, b); err != nil {
		return err
	}
	m.acks[id] = c.doc.Cursor
	m.wake()
	return stop
}

// row reads one row. Only an error that may pass later is returned, and then nothing
// of the row happened.
func (m *Messenger) row(ctx context.Context, c *conv, b *history.Batch, row *api.Row) error {
	if len(row.GetMessage()) == 0 {
		return m.skipped(ctx, c, b, row)
	}
	if row.GetKind() == api.RowKind_ROW_KIND_COMMIT {
		return m.commitRow(ctx, c, b, row)
	}
	sender, _ := idOf(row.GetSender())
	if sender == m.self {
		id, _ := idOf(row.GetClientMessageId())
		return m.confirm(ctx, c, b, id, row.GetSeq())
	}
	received, err := c.group.Process(row.GetMessage())
	if err != nil {
		return m.notice(ctx, c, b, row.GetSeq(), NoticeUnreadable, ID{}, nil)
	}
	c.dirty = true
	switch got := received.(type) {
	case *mls.Application:
		return m.application(ctx, c, b, got, row.GetSeq())
	case *mls.Proposed:
		m.proposed(c, got)
	}
	return nil
}

// skipped handles a row that the server has deleted. A message is lost to this device,
// and asked for by its ledger; a commit ends what it can follow.
func (m *Messenger) skipped(ctx context.Context, c *conv, b *history.Batch, row *api.Row) error {
	if row.GetKind() == api.RowKind_ROW_KIND_COMMIT {
		return m.breaks(ctx, c, b, row.GetSeq(), NoticeLost, ID{})
	}
	return nil
}

// proposed keeps a proposal of a device to go, and forgets all others: members change a
// conversation by commits alone.
func (m *Messenger) proposed(c *conv, p *mls.Proposed) {
	remove, ok := p.Proposal.(*mlswire.Remove)
	if ok && p.Sender.Type == mlswire.SenderTypeMember {
		sender, in := c.group.Member(mls.LeafIndex(p.Sender.Index))
		target, there := c.group.Member(mls.LeafIndex(remove.Removed))
		a, _, _ := keypackages.ParseCredential(sender.Credential)
		b, _, _ := keypackages.ParseCredential(target.Credential)
		if in && there && a == b {
			m.wake()
			return
		}
	}
	c.group.DropProposal(p.Ref)
}

// commitRow follows the group into its next epoch.
func (m *Messenger) commitRow(ctx context.Context, c *conv, b *history.Batch, row *api.Row) error {
	if p := c.doc.Pending; p != nil && bytes.Equal(p.Message, row.GetMessage()) {
		return m.mergeOwn(ctx, c, b, row.GetSeq())
	}
	received, err := c.group.Process(row.GetMessage())
	staged, ok := received.(*mls.StagedCommit)
	if err != nil || !ok {
		return m.breaks(ctx, c, b, row.GetSeq(), NoticeLost, ID{})
	}
	before, err := c.state()
	if err != nil {
		return m.breaks(ctx, c, b, row.GetSeq(), NoticeLost, ID{})
	}
	ch, err := m.allowed(ctx, c, staged)
	switch {
	case errors.Is(err, errLater):
		staged.Discard()
		return err
	case errors.Is(err, ErrGhost):
		staged.Discard()
		return m.breaks(ctx, c, b, row.GetSeq(), NoticeGhost, m.userAt(c, staged.Committer()))
	case err != nil:
		staged.Discard()
		return m.breaks(ctx, c, b, row.GetSeq(), NoticeRefused, m.userAt(c, staged.Committer()))
	}
	if err := c.group.Merge(staged); err != nil {
		return m.breaks(ctx, c, b, row.GetSeq(), NoticeLost, ID{})
	}
	c.dirty, c.doc.Pending = true, nil
	return m.told(ctx, c, b, row.GetSeq(), ch, before)
}

// mergeOwn installs the epoch that this device began.
func (m *Messenger) mergeOwn(ctx context.Context, c *conv, b *history.Batch, seq uint64) error {
	before, err := c.state()
	if err != nil {
		return m.breaks(ctx, c, b, seq, NoticeLost, ID{})
	}
	was, err := leaves(c.group.Members())
	if err != nil {
		return err
	}
	if err := c.group.MergeCommit(); err != nil {
		return m.breaks(ctx, c, b, seq, NoticeLost, ID{})
	}
	mine := c.doc.Pending
	c.dirty, c.doc.Merged, c.doc.Pending = true, mine.ID, nil
	ch, err := m.difference(c, was)
	if err != nil {
		return err
	}
	for i := range mine.Added {
		ch.new = append(ch.new, mine.Added[i].Device)
	}
	return m.told(ctx, c, b, seq, ch, before)
}

// difference returns what this device's own commit did, by who was there before.
func (m *Messenger) difference(c *conv, was []leaf) (*change, error) {
	now, err := leaves(c.group.Members())
	if err != nil {
		return nil, err
	}
	users := func(list []leaf) map[ID]bool {
		out := make(map[ID]bool)
		for _, l := range list {
			out[l.user] = true
		}
		return out
	}
	before, after, ch := users(was), users(now), &change{by: m.user}
	for u := range after {
		if !before[u] {
			ch.AddedUsers = append(ch.AddedUsers, conversation.User(u))
		}
	}
	for u := range before {
		if !after[u] {
			ch.RemovedUsers = append(ch.RemovedUsers, conversation.User(u))
		}
	}
	ch.New, err = c.state()
	return ch, err
}

// told writes into the history what a commit did.
func (m *Messenger) told(ctx context.Context, c *conv, b *history.Batch, seq uint64, ch *change, before *conversation.State) error {
	for _, device := range ch.new { // it counts from 1, also if it was there before
		c.ledgers[device], c.touched[device] = new(message.Ledger), true
	}
	for _, n := range []struct {
		text  string
		users []conversation.User
	}{{NoticeAdded, ch.AddedUsers}, {NoticeRemoved, ch.RemovedUsers}, {NoticeLeft, ch.Left}} {
		if len(n.users) == 0 {
			continue
		}
		if err := m.notice(ctx, c, b, seq, n.text, ch.by, n.users); err != nil {
			return err
		}
	}
	if ch.New != nil && before != nil && (ch.New.Name != before.Name || ch.New.Policy != before.Policy) {
		if err := m.notice(ctx, c, b, seq, NoticeChanged, ch.by, nil); err != nil {
			return err
		}
	}
	return m.show(ctx, c, b)
}

// show brings what the list of conversations says in line with the group.
func (m *Messenger) show(ctx context.Context, c *conv, b *history.Batch) error {
	gone := c.group == nil || c.group.IsRemoved()
	m.emit(Event{Kind: EventConversation, Conversation: c.id})
	if gone {
		return b.Change(ctx, c.id, func(h *history.Conversation) { h.Left = true })
	}
	s, err := c.state()
	if err != nil {
		return err
	}
	return b.Change(ctx, c.id, func(h *history.Conversation) { describe(h, s) })
}

// breaks says that a conversation cannot be followed beyond a row.
func (m *Messenger) breaks(ctx context.Context, c *conv, b *history.Batch, seq uint64, text string, by ID) error {
	c.doc.Broken, c.doc.Pending = text, nil
	m.emit(Event{Kind: EventTrouble, Conversation: c.id, User: by, Text: text})
	m.lost(c.id)
	return m.notice(ctx, c, b, seq, text, by, nil)
}

// notice adds a line that the messenger itself says.
func (m *Messenger) notice(ctx context.Context, c *conv, b *history.Batch, seq uint64, text string, by ID, users []conversation.User) error {
	n := history.Message{
		Conversation: c.id, ID: noticeID(c.id, seq, text), Seq: seq, From: by, Kind: history.KindNotice,
		Text: text, Sent: m.cfg.Now(), Arrived: m.cfg.Now(),
	}
	for _, u := range users {
		if len(n.Mentions) < history.MaxMentions {
			n.Mentions = append(n.Mentions, ID(u))
		}
	}
	m.emit(Event{Kind: EventMessage, Conversation: c.id, Message: n.ID})
	return b.Add(ctx, n)
}

func noticeID(c ID, seq uint64, text string) ID {
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint64(c[:], seq), text...))
	return ID(sum[:len(ID{})])
}

// application reads what a member says.
func (m *Messenger) application(ctx context.Context, c *conv, b *history.Batch, a *mls.Application, seq uint64) error {
	u, d, ok := keypackages.ParseCredential(a.Credential)
	if !ok {
		return m.notice(ctx, c, b, seq, NoticeUnreadable, ID{}, nil)
	}
	from := sender{user: ID(u), device: ID(d), seq: seq}
	content, err := message.Decode(a.Plaintext)
	if err != nil {
		text := NoticeUnreadable
		if errors.Is(err, message.ErrFormat) {
			text = NoticeUnknown
		}
		return m.notice(ctx, c, b, seq, text, from.user, nil)
	}
	return m.content(ctx, c, b, from, content, a.Plaintext)
}

// userAt returns whose leaf it is.
func (m *Messenger) userAt(c *conv, i mls.LeafIndex) ID {
	member, _ := c.group.Member(i)
	u, _, _ := keypackages.ParseCredential(member.Credential)
	return ID(u)
}

// idOf reads an id from outside.
func idOf(b []byte) (ID, bool) {
	if len(b) != len(ID{}) {
		return ID{}, false
	}
	return ID(b), true
}

// transient reads what travels outside of the log: only that somebody is writing.
func (m *Messenger) transient(c *conv, sealed []byte) {
	received, err := c.group.Process(sealed)
	if err != nil {
		return
	}
	c.dirty = true
	a, ok := received.(*mls.Application)
	if !ok {
		if p, ok := received.(*mls.Proposed); ok {
			c.group.DropProposal(p.Ref)
		}
		return
	}
	u, _, known := keypackages.ParseCredential(a.Credential)
	x, err := message.Decode(a.Plaintext)
	if err != nil || !known || x.Counter != 0 || ID(u) == m.user {
		return
	}
	if _, typing := x.Body.(message.Typing); typing {
		m.emit(Event{Kind: EventTyping, Conversation: c.id, User: ID(u)})
	}
}
