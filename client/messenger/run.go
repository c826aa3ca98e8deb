package messenger

import (
	"context"
	"errors"
	"time"

	"conclave/api"
	"conclave/core/identity"
)

const (
	followEvery = 5 * time.Minute // how often the directory is asked for changed devices
	laterAfter  = 5 * time.Second // how long what could not be judged waits
)

// News takes a frame that no request asked for. It blocks while too many wait: that
// holds the server back. After Run has ended it drops them: they come again.
func (m *Messenger) News(f *api.DeliveryFrame) {
	select {
	case m.news <- f:
	case <-m.ended:
	}
}

// Online says that there is a connection now.
func (m *Messenger) Online() {
	m.mu.Lock()
	m.wake()
	running := m.running
	m.unlock()
	if running != nil {
		m.spawn(m.restart)
	}
}

// wake lets the sender look for work.
func (m *Messenger) wake() {
	select {
	case m.kick <- struct{}{}:
	default:
	}
}

// Run reads what comes and sends what waits until ctx ends. It returns the error of the
// database if that fails. It is called once.
func (m *Messenger) Run(ctx context.Context) error {
	defer close(m.ended)
	ctx, cancel := context.WithCancel(ctx)
	m.mu.Lock()
	m.running = ctx
	m.unlock()
	defer m.group.Wait()
	defer cancel()
	m.spawn(m.sender)
	m.spawn(m.follower)
	m.spawn(m.restart)
	for {
		select {
		case <-ctx.Done():
			return nil
		case f := <-m.news:
			if err := m.read(ctx, f); err != nil {
				return err
			}
		}
	}
}

// spawn runs f until it ends or Run does.
func (m *Messenger) spawn(f func(context.Context)) {
	ctx := m.running
	m.group.Go(func() { f(ctx) })
}

// read handles a frame, and tries again what the directory could not be asked about.
func (m *Messenger) read(ctx context.Context, f *api.DeliveryFrame) error {
	for {
		err := m.handle(ctx, f)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the end was asked for
		case errors.Is(err, errWaits):
			m.spawn(func(ctx context.Context) { // the rows come behind it
				if pause(ctx, time.Second) {
					select {
					case m.news <- f:
					case <-ctx.Done():
					}
				}
			})
			return nil
		case !errors.Is(err, errLater):
			return err
		}
		if !pause(ctx, laterAfter) {
			return nil
		}
	}
}

func (m *Messenger) handle(ctx context.Context, f *api.DeliveryFrame) error {
	switch {
	case f.GetRows() != nil:
		return m.rows(ctx, f.GetRows())
	case f.GetInboxItem() != nil:
		return m.item(ctx, f.GetInboxItem())
	case f.GetEphemeral() != nil:
		m.ephemeral(f.GetEphemeral())
	}
	return nil
}

// ephemeral reads what is not stored.
func (m *Messenger) ephemeral(e *api.EphemeralNews) {
	id, ok := idOf(e.GetGroup())
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.unlock()
	c, err := m.conv(id)
	if err != nil {
		return // it may be lost
	}
	m.transient(c, e.GetPayload())
}

// sender acknowledges what was stored and sends what waits.
func (m *Messenger) sender(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.kick:
		}
		m.acknowledge(ctx)
		for _, c := range m.idle() {
			m.spawn(func(ctx context.Context) { m.work(ctx, c) })
		}
	}
}

// acknowledge tells the server what is stored here.
func (m *Messenger) acknowledge(ctx context.Context) {
	m.mu.Lock()
	acks, inbox := m.acks, m.inbox
	m.acks = make(map[ID]uint64)
	m.inbox = 0
	m.unlock()
	for id, seq := range acks {
		_, _ = m.cfg.Link.Call(ctx, &api.DeliveryRequest{Body: &api.DeliveryRequest_Ack{Ack: &api.Ack{Group: id[:], Seq: seq}}})
	}
	if inbox > 0 {
		_, _ = m.cfg.Link.Call(ctx, &api.DeliveryRequest{Body: &api.DeliveryRequest_AckInbox{AckInbox: &api.AckInbox{Seq: inbox}}})
	}
}

// idle returns the conversations in which something waits that nobody sends.
func (m *Messenger) idle() []*conv {
	m.mu.Lock()
	defer m.unlock()
	var out []*conv
	for _, c := range m.convs {
		if c.flushes {
			c.more = true
			continue
		}
		if !c.follows() {
			continue
		}
		if !c.doc.Created || c.doc.SentTo < c.doc.Counter || len(c.answers)+len(c.delivered) > 0 || c.departing(m.user) || c.doc.Leaving {
			c.flushes = true
			out = append(out, c)
		}
	}
	return out
}

// work sends what waits in one conversation.
func (m *Messenger) work(ctx context.Context, c *conv) {
	defer func() {
		m.mu.Lock()
		if c.flushes = false; c.more { // something came while it was busy
			c.more = false
			m.wake()
		}
		m.unlock()
	}()
	if !c.doc.Created && m.announce(ctx, c) != nil {
		return
	}
	m.letGo(ctx, c, false)
	m.mu.Lock()
	again := c.doc.Leaving && c.group != nil && !c.group.IsRemoved() && len(c.group.Proposals()) == 0
	m.unlock()
	if again { // another change of the group was first
		_ = m.depart(ctx, c)
	}
	for range 2 { // what is said in reply is sent too
		if m.reply(ctx, c) != nil {
			return
		}
		m.flush(ctx, c)
	}
}

// restart sends again what may not have arrived, and looks after devices.
func (m *Messenger) restart(ctx context.Context) {
	m.mu.Lock()
	var pending []*conv
	for _, c := range m.convs {
		if c.doc.Pending != nil {
			pending = append(pending, c)
		}
		if c.doc.Broken != "" {
			m.lost(c.id)
		}
	}
	m.unlock()
	for _, c := range pending {
		_ = m.commit(ctx, c, func(*conv) (*plan, error) { return nil, nil })
	}
	_ = m.cfg.Keys.Refill(ctx)
	m.missing(ctx)
}

// missing asks to be let into groups that the server counts this device to and that it
// knows nothing of.
func (m *Messenger) missing(ctx context.Context) {
	reply, err := m.cfg.Link.Call(ctx, &api.DeliveryRequest{Body: &api.DeliveryRequest_ListGroups{ListGroups: &api.ListGroups{}}})
	if err != nil {
		return
	}
	m.mu.Lock()
	defer m.unlock()
	for _, g := range reply.GetGroups().GetGroups() {
		id, ok := idOf(g.GetGroup())
		if c := m.convs[id]; ok && c != nil && c.group == nil {
			m.lost(id)
		}
	}
}

// follower brings changes of device lists into the groups.
func (m *Messenger) follower(ctx context.Context) {
	for pause(ctx, followEvery) {
		m.Follow(ctx)
	}
}

// Follow asks the directory for the devices of all members, removes from the groups
// those that were removed there, and adds this user's own new ones.
func (m *Messenger) Follow(ctx context.Context) {
	m.mu.Lock()
	all := make(map[ID][]*conv) // by user
	for _, c := range m.convs {
		if !c.follows() || !c.doc.Created {
			continue
		}
		s, err := c.state()
		if err != nil {
			continue
		}
		for _, e := range s.Roles {
			all[ID(e.User)] = append(all[ID(e.User)], c)
		}
	}
	m.unlock()
	for user, convs := range all {
		contact, err := m.cfg.People.LookupUser(ctx, identity.UserID(user))
		if err != nil {
			continue
		}
		for _, c := range convs {
			if user == m.user {
				m.ownDevices(ctx, c, contact.Record)
			}
			m.expel(ctx, c, user, contact.Record)
		}
	}
}

// expel removes devices of a user that are not in the list any more.
func (m *Messenger) expel(ctx context.Context, c *conv, user ID, record *identity.Record) {
	_ = m.commit(ctx, c, func(c *conv) (*plan, error) {
		all, err := leaves(c.group.Members())
		if err != nil {
			return nil, err
		}
		p := &plan{}
		for _, l := range all {
			if l.user == user && l.device != m.self && record.Device(identity.DeviceID(l.device)) == nil {
				p.remove = append(p.remove, l)
			}
		}
		if len(p.remove) == 0 {
			return nil, nil
		}
		return p, nil
	})
}

// ownDevices adds those of this user's devices that a group lacks.
func (m *Messenger) ownDevices(ctx context.Context, c *conv, record *identity.Record) {
	m.mu.Lock()
	all, err := leaves(c.group.Members())
	m.unlock()
	if err != nil {
		return
	}
	in := make(map[ID]bool, len(all))
	for _, l := range all {
		in[l.device] = true
	}
	var absent []identity.DeviceID
	for i := range record.Devices {
		if !in[ID(record.Devices[i].ID)] {
			absent = append(absent, record.Devices[i].ID)
		}
	}
	if len(absent) == 0 {
		return
	}
	list, _, err := m.cfg.Keys.Claim(ctx, identity.UserID(m.user), absent)
	if err != nil || len(list) == 0 {
		return
	}
	devices := make([]newcomer, len(list))
	for i := range list {
		devices[i] = newcomer{m.user, list[i]}
	}
	_ = m.admit(ctx, c, devices)
}
