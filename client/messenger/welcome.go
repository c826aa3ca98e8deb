package messenger

import (
	"context"
	"errors"
	"fmt"

	"conclave/api"
	"conclave/client/keypackages"
	"conclave/core/conversation"
	"conclave/core/identity"
	"conclave/core/message"
	"conclave/core/mls"
)

// item reads an item of the inbox. Only an error that may pass later, or that of the
// database, is returned: the item then comes again.
func (m *Messenger) item(ctx context.Context, i *api.InboxItem) error {
	var err error
	switch {
	case i.GetWelcome() != nil:
		err = m.welcome(ctx, i.GetWelcome())
	case i.GetRejoin() != nil:
		err = m.rejoin(ctx, i.GetRejoin())
	}
	if errors.Is(err, errLater) || errors.Is(err, errWaits) || errors.Is(err, errStoring) {
		return err
	}
	m.mu.Lock()
	m.inbox = max(m.inbox, i.GetSeq())
	m.wake()
	m.unlock()
	return nil
}

// errWaits says that a Welcome is for a group whose log is not read far enough.
var errWaits = errors.New("messenger: this Welcome waits until the log is read")

// welcome joins a group.
func (m *Messenger) welcome(ctx context.Context, w *api.WelcomeItem) error {
	id, ok := idOf(w.GetGroup())
	if !ok {
		return nil
	}
	m.mu.Lock()
	old := m.convs[id]
	again := m.asked[id]
	m.unlock()
	if old != nil && old.follows() && !again {
		if old.doc.Cursor < w.GetCommit() {
			return errWaits
		}
		return nil // it is in, in this epoch or a later one
	}
	kp, err := m.cfg.Keys.Take(ctx, w.GetWelcome())
	if err != nil {
		return err
	}
	g, err := kp.Join(w.GetWelcome(), mls.JoinOptions{RatchetTree: w.GetRatchetTree()})
	if err != nil {
		return err
	}
	s, err := m.joinable(ctx, g, id)
	if err != nil {
		if !errors.Is(err, errLater) {
			m.mu.Lock()
			m.emit(Event{Kind: EventTrouble, Conversation: id, Text: NoticeGhost})
			m.unlock()
		}
		return err
	}
	if err := m.enter(ctx, old, g, s, w.GetCommit()); err != nil {
		return err
	}
	return m.cfg.Keys.Used(ctx, kp.Ref())
}

// joinable judges a group that this device was added to.
func (m *Messenger) joinable(ctx context.Context, g *mls.Group, id ID) (*conversation.State, error) {
	if got, ok := idOf(g.GroupID()); !ok || got != id {
		return nil, fmt.Errorf("%w: another group", conversation.ErrState)
	}
	c := newConv(id)
	c.group = g
	s, err := newState(c, g.Extensions())
	if err != nil {
		return nil, err
	}
	members := g.Members()
	if err := m.verify(ctx, nil, members); err != nil {
		return nil, err
	}
	all, err := leaves(members)
	if err != nil {
		return nil, err
	}
	if err := everyRole(s, all); err != nil {
		return nil, err
	}
	var least []uint16
	for _, e := range s.Roles {
		if p := m.cfg.People.Contact(identity.UserID(e.User)); p != nil {
			least = append(least, p.Record.MinSuite)
		}
	}
	return s, conversation.CheckSuite(g.Suite(), least...)
}

// enter stores a group that this device joined. What it said and could not send before
// goes to the new one.
func (m *Messenger) enter(ctx context.Context, old *conv, g *mls.Group, s *conversation.State, commit uint64) error {
	c := newConv(ID(g.GroupID()))
	c.group, c.dirty = g, true
	c.doc = doc{Created: true, Cursor: commit}
	if s.Kind == conversation.Direct {
		c.doc.Direct = m.user
		for _, e := range s.Roles {
			if ID(e.User) != m.user {
				c.doc.Direct = ID(e.User)
			}
		}
	}
	unsent := m.unsent(ctx, old)
	if err := m.begin(ctx, c, s); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.unlock()
	delete(m.asked, c.id)
	m.acks[c.id] = commit
	c.answers = append(c.answers, unsent...)
	m.wake()
	return nil
}

// unsent returns what a device said in a group and could not send before it lost its
// place there.
func (m *Messenger) unsent(ctx context.Context, c *conv) []message.Body {
	if c == nil {
		return nil
	}
	var out []message.Body
	for n := c.doc.SentTo + 1; n <= c.doc.Counter && len(out) < keepOwn; n++ {
		b, err := m.cfg.DB.Get(ctx, ownKey(c.id, n))
		if err != nil {
			continue
		}
		if x, err := message.Decode(b); err == nil {
			out = append(out, x.Body)
		}
	}
	return out
}

// lost asks the members of a group to let this device in again, once while the program
// runs. The lock is held.
func (m *Messenger) lost(id ID) {
	if m.asked[id] || m.running == nil {
		return
	}
	m.asked[id] = true
	m.emit(Event{Kind: EventTrouble, Conversation: id, Text: NoticeLost})
	m.spawn(func(ctx context.Context) {
		payload, err := m.request(id)
		if err == nil {
			_, err = m.cfg.Link.Call(ctx, &api.DeliveryRequest{Body: &api.DeliveryRequest_Rejoin{Rejoin: &api.Rejoin{Group: id[:], Payload: payload}}})
		}
		if err != nil {
			m.mu.Lock()
			delete(m.asked, id)
			m.unlock()
		}
	})
}

// rejoin lets a device in again that lost its state: it is removed and added in one
// commit.
func (m *Messenger) rejoin(ctx context.Context, r *api.RejoinItem) error {
	id, ok := idOf(r.GetGroup())
	if !ok {
		return nil
	}
	c, err := m.find(id)
	if err != nil {
		return nil //nolint:nilerr // this device cannot help
	}
	who, err := m.requested(ctx, id, r.GetPayload())
	if err != nil {
		return err
	}
	m.mu.Lock()
	running := m.running
	m.unlock()
	if running == nil {
		return errWaits
	}
	m.spawn(func(ctx context.Context) { m.readmit(ctx, c, who) })
	return nil
}

// readmit replaces the leaf of a device, unless somebody else did.
func (m *Messenger) readmit(ctx context.Context, c *conv, who leaf) {
	epochs := func() []byte {
		m.mu.Lock()
		defer m.unlock()
		for _, member := range c.group.Members() {
			if _, d, ok := keypackages.ParseCredential(member.Credential); ok && ID(d) == who.device {
				return member.Leaf.EncryptionKey
			}
		}
		return nil
	}
	before := epochs()
	if before == nil || !pause(ctx, m.turn(c)) || string(epochs()) != string(before) {
		return
	}
	list, _, err := m.cfg.Keys.Claim(ctx, identity.UserID(who.user), []identity.DeviceID{identity.DeviceID(who.device)})
	if err != nil || len(list) != 1 {
		return
	}
	_ = m.commit(ctx, c, func(c *conv) (*plan, error) {
		all, err := leaves(c.group.Members())
		if err != nil {
			return nil, err
		}
		for _, l := range all {
			member, _ := c.group.Member(l.index)
			if l.device == who.device && string(member.Leaf.EncryptionKey) == string(before) {
				return &plan{remove: []leaf{l}, add: []newcomer{{who.user, list[0]}}}, nil
			}
		}
		return nil, nil
	})
}
