package delivery

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"conclave/api"
)

// Why an attachment ends.
var (
	// ErrReplaced says that the device attached again elsewhere.
	ErrReplaced = errors.New("the device connected again elsewhere")
	// ErrClosed says that the server stops.
	ErrClosed = errors.New("the server stops")
)

// The window: what may be on its way to a device and is not acknowledged.
const (
	windowRows  = 256
	windowBytes = 4 << 20
	windowItems = 16 // of the inbox
	frameRows   = 64
	frameBytes  = 1 << 20

	maxEphemerals = 64 // that wait; more are dropped
)

// An Attachment is a device that is connected.
type Attachment struct {
	s      *Service
	device Device
	send   func(*api.DeliveryFrame) error
	ctx    context.Context //nolint:containedctx // its life
	cancel context.CancelCauseFunc
	done   chan struct{}
	wake   chan struct{}

	mu   sync.Mutex
	news news

	// Changed by the one goroutine, by acknowledge and by rewind.
	cursors map[[16]byte]*cursor
	held    map[[16]byte]bool // groups that wait for room
	rows    int               // on their way
	bytes   int
	inbox   uint64 // sent up to
	items   int    // on their way
}

// news is what an attachment has to look at.
type news struct {
	all        bool // memberships and inbox
	groups     map[[16]byte]bool
	ephemerals []*api.EphemeralNews
}

// ephemeral queues what is not stored.
func (n *news) ephemeral(x Notice) {
	if len(n.ephemerals) < maxEphemerals {
		n.ephemerals = append(n.ephemerals, &api.EphemeralNews{Group: x.Group[:], Payload: x.Ephemeral})
	}
}

// A cursor is how far a device got in a group.
type cursor struct {
	sent, left uint64
	way        []parcel
}

// A parcel is on its way: rows up to seq.
type parcel struct {
	seq         uint64
	rows, bytes int
}

// Attach hands on to a device what it has not acknowledged, and then what is new, in
// order. send is called from one goroutine and may block; its error ends the
// Attachment. An Attachment that the device had before ends with [ErrReplaced].
func (s *Service) Attach(ctx context.Context, d Device, send func(*api.DeliveryFrame) error) (*Attachment, error) {
	s.flush(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	a := &Attachment{
		s: s, device: d, send: send, ctx: ctx, cancel: cancel, done: make(chan struct{}), wake: make(chan struct{}, 1),
		cursors: make(map[[16]byte]*cursor), held: make(map[[16]byte]bool),
	}
	a.news = news{all: true, groups: make(map[[16]byte]bool)}
	a.wake <- struct{}{}
	for {
		s.mu.Lock()
		old := s.online[d.ID]
		if s.closed {
			s.mu.Unlock()
			cancel(ErrClosed)
			return nil, ErrClosed
		}
		if old == nil {
			s.online[d.ID] = a
			s.mu.Unlock()
			break
		}
		s.mu.Unlock()
		old.end(ErrReplaced)
		select {
		case <-old.done:
		case <-ctx.Done():
			cancel(nil)
			return nil, context.Cause(ctx)
		}
	}
	go a.run()
	return a, nil
}

// Done is closed when the Attachment has ended and send is not called any more.
func (a *Attachment) Done() <-chan struct{} { return a.done }

// Err returns why it ended.
func (a *Attachment) Err() error { return context.Cause(a.ctx) }

// Close ends it and waits for that.
func (a *Attachment) Close() {
	a.end(ErrClosed)
	<-a.done
}

func (a *Attachment) end(err error) { a.cancel(err) }

// poke says that there is something to look at.
func (a *Attachment) poke(f func(*news)) {
	a.mu.Lock()
	f(&a.news)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *Attachment) run() {
	defer close(a.done)
	defer a.detach()
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-a.wake:
		}
		a.mu.Lock()
		todo := a.news
		a.news = news{groups: make(map[[16]byte]bool)}
		a.mu.Unlock()
		if err := a.work(todo); err != nil {
			a.end(err)
			return
		}
	}
}

// detach takes the attachment off all lists.
func (a *Attachment) detach() {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.s.online[a.device.ID] == a {
		delete(a.s.online, a.device.ID)
	}
	for group := range a.cursors {
		a.s.unsubscribe(group, a)
	}
}

func (s *Service) unsubscribe(group [16]byte, a *Attachment) {
	delete(s.groups[group], a)
	if len(s.groups[group]) == 0 {
		delete(s.groups, group)
	}
}

// work does what there is to do.
func (a *Attachment) work(todo news) error {
	for _, e := range todo.ephemerals {
		if err := a.send(&api.DeliveryFrame{Body: &api.DeliveryFrame_Ephemeral{Ephemeral: e}}); err != nil {
			return err
		}
	}
	if todo.all {
		if err := a.reload(todo.groups); err != nil {
			return err
		}
		if err := a.pushInbox(); err != nil {
			return err
		}
	}
	order := make([][16]byte, 0, len(todo.groups))
	for group := range todo.groups {
		order = append(order, group)
	}
	slices.SortFunc(order, func(x, y [16]byte) int { return slices.Compare(x[:], y[:]) })
	for _, group := range order {
		if err := a.pushRows(group); err != nil {
			return err
		}
	}
	return nil
}

// reload reads in which groups the device is, and marks those that have something new.
func (a *Attachment) reload(groups map[[16]byte]bool) error {
	list, err := a.s.cfg.Store.Memberships(a.ctx, a.device.ID)
	if err != nil {
		return err
	}
	here := make(map[[16]byte]bool, len(list))
	a.s.mu.Lock()
	a.mu.Lock()
	for i := range list {
		m := &list[i]
		here[m.Group] = true
		c := a.cursors[m.Group]
		if c == nil || c.sent < m.Joined {
			a.drop(c)
			c = &cursor{sent: max(m.Acked, m.Joined)}
			a.cursors[m.Group] = c
		}
		c.left = m.Left
		if a.s.groups[m.Group] == nil {
			a.s.groups[m.Group] = make(map[*Attachment]struct{})
		}
		a.s.groups[m.Group][a] = struct{}{}
		if end := m.Head; c.sent < end && (c.left == 0 || c.sent < c.left) {
			groups[m.Group] = true
		}
	}
	for group, c := range a.cursors {
		if !here[group] {
			a.drop(c)
			delete(a.cursors, group)
			a.s.unsubscribe(group, a)
		}
	}
	a.mu.Unlock()
	a.s.mu.Unlock()
	return nil
}

// drop forgets what is on its way of a cursor.
func (a *Attachment) drop(c *cursor) {
	if c == nil {
		return
	}
	for _, p := range c.way {
		a.rows -= p.rows
		a.bytes -= p.bytes
	}
	c.way = nil
}

// pushRows sends rows of a group until there are no more or the window is full.
func (a *Attachment) pushRows(group [16]byte) error {
	for {
		a.mu.Lock()
		c := a.cursors[group]
		if c == nil {
			a.mu.Unlock()
			return nil
		}
		sent, left := c.sent, c.left
		room, space := windowRows-a.rows, windowBytes-a.bytes
		if room <= 0 || space <= 0 {
			a.held[group] = true // an acknowledgement makes room
			a.mu.Unlock()
			return nil
		}
		a.mu.Unlock()
		if left > 0 && sent >= left {
			return nil
		}
		rows, newest, err := a.s.rowsAfter(a.ctx, group, sent, min(room, frameRows), min(space, frameBytes))
		if err != nil || len(rows) == 0 {
			return err
		}
		rows, ends := upToCommit(rows, left)
		if !a.advance(c, sent, rows) {
			continue // it was rewound meanwhile
		}
		frame := &api.DeliveryFrame{Body: &api.DeliveryFrame_Rows{Rows: &api.Rows{Group: group[:], Rows: rows, Head: rows[len(rows)-1].GetSeq()}}}
		if err := a.send(frame); err != nil {
			return err
		}
		a.s.pushed(len(rows))
		if ends { // who may read on is known only after this commit
			more := make(map[[16]byte]bool)
			if err := a.reload(more); err != nil {
				return err
			}
			a.poke(func(n *news) { maps.Copy(n.groups, more) })
			newest = false
		}
		if newest {
			return nil
		}
	}
}

// upToCommit cuts rows after the first commit, and after left.
func upToCommit(rows []*api.Row, left uint64) (cut []*api.Row, commit bool) {
	for i, r := range rows {
		if left > 0 && r.GetSeq() > left {
			return rows[:i], commit
		}
		if r.GetKind() == api.RowKind_ROW_KIND_COMMIT {
			return rows[:i+1], true
		}
	}
	return rows, false
}

// advance counts rows as on their way, if the cursor is still where they follow.
func (a *Attachment) advance(c *cursor, from uint64, rows []*api.Row) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.sent != from {
		return false
	}
	p := parcel{seq: rows[len(rows)-1].GetSeq(), rows: len(rows)}
	for _, r := range rows {
		p.bytes += len(r.GetMessage())
	}
	c.sent = p.seq
	c.way = append(c.way, p)
	a.rows += p.rows
	a.bytes += p.bytes
	return true
}

// acknowledge makes room in the window.
func (a *Attachment) acknowledge(group [16]byte, seq uint64) {
	a.poke(func(n *news) {
		c := a.cursors[group]
		if c == nil {
			return
		}
		i := 0
		for ; i < len(c.way) && c.way[i].seq <= seq; i++ {
			a.rows -= c.way[i].rows
			a.bytes -= c.way[i].bytes
		}
		c.way = slices.Delete(c.way, 0, i)
		maps.Copy(n.groups, a.held)
		clear(a.held)
	})
}

// rewind sends a group's rows again from after a number.
func (a *Attachment) rewind(group [16]byte, after uint64) {
	a.poke(func(n *news) {
		if c := a.cursors[group]; c != nil {
			a.drop(c)
			c.sent = after
			n.groups[group] = true
		}
	})
}

// pushInbox sends items of the inbox.
func (a *Attachment) pushInbox() error {
	for {
		a.mu.Lock()
		after, room := a.inbox, windowItems-a.items
		a.mu.Unlock()
		if room <= 0 {
			return nil
		}
		list, err := a.s.cfg.Store.Inbox(a.ctx, a.device.ID, after, room, windowBytes)
		if err != nil || len(list) == 0 {
			return err
		}
		for i := range list {
			a.mu.Lock()
			a.inbox = list[i].Seq
			a.items++
			a.mu.Unlock()
			if err := a.send(&api.DeliveryFrame{Body: &api.DeliveryFrame_InboxItem{InboxItem: list[i].wire()}}); err != nil {
				return err
			}
		}
	}
}

// acknowledgeInbox makes room for more items.
func (a *Attachment) acknowledgeInbox() {
	a.poke(func(n *news) {
		a.items = 0
		n.all = true
	})
}

// wire returns an item as it goes to the device.
func (i *InboxItem) wire() *api.InboxItem {
	out := &api.InboxItem{Seq: i.Seq}
	switch i.Kind {
	case InboxWelcome:
		out.Body = &api.InboxItem_Welcome{Welcome: &api.WelcomeItem{Group: i.Group[:], Commit: i.Commit, Welcome: i.Data, RatchetTree: i.Tree}}
	case InboxRejoin:
		out.Body = &api.InboxItem_Rejoin{Rejoin: &api.RejoinItem{Group: i.Group[:], User: i.From.User[:], Device: i.From.ID[:], Payload: i.Data}}
	case InboxRemoved:
		out.Body = &api.InboxItem_Removed{Removed: &api.RemovedItem{Group: i.Group[:], Commit: i.Commit}}
	}
	return out
}

// rowsAfter returns rows of a group, from memory if they are there, and then whether
// they are the newest as far as this server knows.
func (s *Service) rowsAfter(ctx context.Context, group [16]byte, after uint64, rows, bytes int) (out []*api.Row, newest bool, err error) {
	if out, newest = s.recent.after(group, after, rows, bytes); len(out) > 0 {
		return out, newest, nil
	}
	list, err := s.cfg.Store.Rows(ctx, group, after, rows, bytes)
	if err != nil {
		return nil, false, err
	}
	out = make([]*api.Row, len(list))
	for i := range list {
		out[i] = list[i].wire()
	}
	return out, false, nil
}

func (s *Service) pushed(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.Pushed += uint64(n)
}
