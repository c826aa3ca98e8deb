package messenger

import (
	"bytes"
	"context"
	"crypto/rand"
	"slices"

	"conclave/api"
	"conclave/client/history"
	"conclave/client/keypackages"
	"conclave/core/conversation"
	"conclave/core/identity"
)

// A Member is a user of a conversation.
type Member struct {
	User    ID                `json:"user"`
	Role    conversation.Role `json:"role"`
	Devices []ID              `json:"devices"`
}

// Members returns who is in a conversation, by user.
func (m *Messenger) Members(_ context.Context, in ID) ([]Member, error) {
	m.mu.Lock()
	defer m.unlock()
	c, err := m.conv(in)
	if err != nil {
		return nil, err
	}
	s, err := c.state()
	if err != nil {
		return nil, err
	}
	all, err := leaves(c.group.Members())
	if err != nil {
		return nil, err
	}
	out := make([]Member, len(s.Roles))
	for i, e := range s.Roles {
		out[i] = Member{User: ID(e.User), Role: e.Role}
		for _, l := range all {
			if l.user == ID(e.User) {
				out[i].Devices = append(out[i].Devices, l.device)
			}
		}
	}
	return out, nil
}

// Direct returns the conversation with a user, and makes it if there is none. With
// oneself it is for notes.
func (m *Messenger) Direct(ctx context.Context, with ID) (ID, error) {
	m.mu.Lock()
	var found ID
	for id, c := range m.convs {
		if c.doc.Direct == with && c.follows() &&
			(found == ID{} || bytes.Compare(id[:], found[:]) < 0) {
			found = id // both may have made one at the same time: all take the same
		}
	}
	m.unlock()
	if found != (ID{}) {
		return found, nil
	}
	s := conversation.State{Kind: conversation.Direct, Policy: usual}
	users := []ID{m.user}
	if with != m.user {
		users = append(users, with)
	}
	slices.SortFunc(users, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	for _, u := range users {
		s.Roles = append(s.Roles, conversation.Entry{User: conversation.User(u), Role: conversation.Owner})
	}
	devices, _, err := m.claim(ctx, users)
	if err != nil {
		return ID{}, err
	}
	if with != m.user && !slices.ContainsFunc(devices, func(n newcomer) bool { return n.user == with }) {
		return ID{}, ErrNobody
	}
	return m.create(ctx, &s, with, devices)
}

// usual are the rules of a new conversation.
var usual = conversation.Policy{Add: conversation.Member, Rename: conversation.Admin, History: conversation.NoHistory}

// NewGroup makes a group. Devices that cannot be added are returned; the rest are in.
func (m *Messenger) NewGroup(ctx context.Context, name string, users []ID) (ID, []*keypackages.RefusedError, error) {
	s := conversation.State{
		Kind: conversation.Group, Name: name, Policy: usual,
		Roles: []conversation.Entry{{User: conversation.User(m.user), Role: conversation.Owner}},
	}
	devices, refused, err := m.claim(ctx, append([]ID{m.user}, users...))
	if err != nil {
		return ID{}, refused, err
	}
	id, err := m.create(ctx, &s, ID{}, devices)
	return id, refused, err
}

// claim gets KeyPackages for all devices of users.
func (m *Messenger) claim(ctx context.Context, users []ID) ([]newcomer, []*keypackages.RefusedError, error) {
	var out []newcomer
	var refused []*keypackages.RefusedError
	for i, u := range users {
		if slices.Contains(users[:i], u) {
			continue
		}
		list, bad, err := m.cfg.Keys.Claim(ctx, identity.UserID(u), nil)
		refused = append(refused, bad...)
		if err != nil {
			return nil, refused, err
		}
		for _, k := range list {
			out = append(out, newcomer{u, k})
		}
	}
	return out, refused, nil
}

// create begins a group with this device, makes it known to the server and adds the
// others.
func (m *Messenger) create(ctx context.Context, s *conversation.State, direct ID, devices []newcomer) (ID, error) {
	var id ID
	_, _ = rand.Read(id[:])
	e, err := extensions(s)
	if err != nil {
		return ID{}, err
	}
	g, err := m.cfg.Keys.Client().CreateGroup(id[:], e)
	if err != nil {
		return ID{}, err
	}
	c := newConv(id)
	c.group, c.dirty, c.doc.Direct = g, true, direct
	if err := m.begin(ctx, c, s); err != nil {
		return ID{}, err
	}
	if err := m.announce(ctx, c); err != nil {
		return id, err
	}
	return id, m.admit(ctx, c, devices)
}

// begin stores a conversation that was not here before.
func (m *Messenger) begin(ctx context.Context, c *conv, s *conversation.State) error {
	m.mu.Lock()
	defer m.unlock()
	b := m.history.Begin()
	h := history.Conversation{ID: c.id, Active: m.cfg.Now()}
	describe(&h, s)
	if err := b.SetConversation(ctx, h); err != nil {
		return err
	}
	m.convs[c.id] = c
	m.emit(Event{Kind: EventConversation, Conversation: c.id})
	if err := m.save(ctx, c, b); err != nil {
		delete(m.convs, c.id)
		return err
	}
	return nil
}

// announce tells the server of a new group.
func (m *Messenger) announce(ctx context.Context, c *conv) error {
	_, err := m.cfg.Link.Call(ctx, &api.DeliveryRequest{Body: &api.DeliveryRequest_CreateGroup{CreateGroup: &api.CreateGroup{Group: c.id[:]}}})
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.unlock()
	c.doc.Created = true
	return m.save(ctx, c, nil)
}

// admit adds devices that are not there yet; those of users who are new come with the
// role of a member.
func (m *Messenger) admit(ctx context.Context, c *conv, devices []newcomer) error {
	return m.commit(ctx, c, func(c *conv) (*plan, error) {
		all, err := leaves(c.group.Members())
		if err != nil {
			return nil, err
		}
		s, err := c.state()
		if err != nil {
			return nil, err
		}
		next, p := *s, &plan{}
		next.Roles = slices.Clone(s.Roles)
		for _, n := range devices {
			if slices.ContainsFunc(all, func(l leaf) bool { return l.device == ID(n.Device.ID) }) {
				continue
			}
			p.add = append(p.add, n)
			set(&next, n.user, conversation.Member, false)
		}
		if len(p.add) == 0 {
			return nil, nil
		}
		if len(next.Roles) != len(s.Roles) {
			p.state = &next
		}
		return p, nil
	})
}

// describe says of a state what the list of conversations shows.
func describe(h *history.Conversation, s *conversation.State) {
	h.Title, h.Left = s.Name, false
	switch {
	case s.Kind == conversation.Group:
		h.Kind = "group"
	case len(s.Roles) == 1:
		h.Kind = "notes"
	default:
		h.Kind = "direct"
	}
}

// Add adds users to a group with all their devices. Devices that cannot be added are
// returned.
func (m *Messenger) Add(ctx context.Context, in ID, users []ID) ([]*keypackages.RefusedError, error) {
	c, err := m.find(in)
	if err != nil {
		return nil, err
	}
	devices, refused, err := m.claim(ctx, users)
	if err != nil {
		return refused, err
	}
	if len(devices) == 0 {
		return refused, ErrNobody
	}
	return refused, m.admit(ctx, c, devices)
}

func (m *Messenger) find(id ID) (*conv, error) {
	m.mu.Lock()
	defer m.unlock()
	return m.conv(id)
}

// Remove removes a user with all their devices.
func (m *Messenger) Remove(ctx context.Context, in, user ID) error {
	return m.edit(ctx, in, func(c *conv, next *conversation.State, p *plan) error {
		all, err := leaves(c.group.Members())
		if err != nil {
			return err
		}
		for _, l := range all {
			if l.user == user {
				p.remove = append(p.remove, l)
			}
		}
		next.Roles = slices.DeleteFunc(next.Roles, func(e conversation.Entry) bool { return ID(e.User) == user })
		return nil
	}, conversation.Change{RemovedUsers: []conversation.User{conversation.User(user)}})
}

// SetRole gives a user another role.
func (m *Messenger) SetRole(ctx context.Context, in, user ID, role conversation.Role) error {
	return m.edit(ctx, in, func(_ *conv, next *conversation.State, _ *plan) error {
		if !set(next, user, role, true) {
			return conversation.ErrMismatch
		}
		return nil
	}, conversation.Change{})
}

// Rename changes the name of a group.
func (m *Messenger) Rename(ctx context.Context, in ID, name string) error {
	return m.edit(ctx, in, func(_ *conv, next *conversation.State, _ *plan) error {
		next.Name = name
		return nil
	}, conversation.Change{})
}

// SetPolicy changes the rules of a conversation.
func (m *Messenger) SetPolicy(ctx context.Context, in ID, policy conversation.Policy) error {
	return m.edit(ctx, in, func(_ *conv, next *conversation.State, _ *plan) error {
		next.Policy = policy
		return nil
	}, conversation.Change{})
}

// edit changes the state of a conversation, if its rules let this user.
func (m *Messenger) edit(ctx context.Context, in ID, change func(*conv, *conversation.State, *plan) error, ch conversation.Change) error {
	c, err := m.find(in)
	if err != nil {
		return err
	}
	return m.commit(ctx, c, func(c *conv) (*plan, error) {
		old, err := c.state()
		if err != nil {
			return nil, err
		}
		next, p := *old, &plan{}
		next.Roles = slices.Clone(old.Roles)
		if err := change(c, &next, p); err != nil {
			return nil, err
		}
		if len(p.remove) == 0 && next.Name == old.Name && next.Policy == old.Policy && slices.Equal(next.Roles, old.Roles) {
			return nil, nil
		}
		ch := ch
		ch.New, p.state = &next, &next
		return p, conversation.Allowed(old, conversation.User(m.user), ch)
	})
}

// set gives a user a role. If it is not to replace one, who has one keeps it; it
// reports whether the user was there.
func set(s *conversation.State, user ID, role conversation.Role, replace bool) bool {
	u := conversation.User(user)
	i, found := slices.BinarySearchFunc(s.Roles, u, func(e conversation.Entry, u conversation.User) int {
		return bytes.Compare(e.User[:], u[:])
	})
	switch {
	case !found && !replace:
		s.Roles = slices.Insert(s.Roles, i, conversation.Entry{User: u, Role: role})
	case found && replace:
		s.Roles[i].Role = role
	}
	return found
}
