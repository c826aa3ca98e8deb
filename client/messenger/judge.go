package messenger

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"conclave/client/directory"
	"conclave/core/conversation"
	"conclave/core/identity"
	"conclave/core/mls"
	"conclave/core/mlswire"
)

// errLater says that the directory could not be asked: a commit or Welcome waits.
var errLater = errors.New("messenger: the key directory cannot be asked now")

// listed returns nil if a leaf is a device of its user's verified list. It asks the
// directory if what is known here does not say so.
func (m *Messenger) listed(ctx context.Context, member *mls.Member, l leaf) error {
	match := func(c *directory.Contact) bool {
		if c == nil {
			return false
		}
		d := c.Record.Device(identity.DeviceID(l.device))
		return d != nil && bytes.Equal(d.SignatureKey[:], member.SignatureKey)
	}
	user := identity.UserID(l.user)
	if match(m.cfg.People.Contact(user)) {
		return nil
	}
	c, err := m.cfg.People.LookupUser(ctx, user)
	if err != nil {
		return fmt.Errorf("%w: %w", errLater, err)
	}
	if !match(c) {
		return ErrGhost
	}
	return nil
}

// verify judges each leaf of a new epoch that was not there in the old one just so.
func (m *Messenger) verify(ctx context.Context, before, after []mls.Member) error {
	known := make(map[mls.LeafIndex]*mls.Member, len(before))
	for i := range before {
		known[before[i].Index] = &before[i]
	}
	all, err := leaves(after)
	if err != nil {
		return err
	}
	seen := make(map[ID]bool, len(all))
	for i, l := range all {
		if seen[l.device] {
			return fmt.Errorf("%w: one device stands twice", ErrGhost)
		}
		seen[l.device] = true
		old := known[l.index]
		if old != nil && bytes.Equal(old.SignatureKey, after[i].SignatureKey) &&
			bytes.Equal(old.Credential.Identity, after[i].Credential.Identity) {
			continue
		}
		if err := m.listed(ctx, &after[i], l); err != nil {
			return err
		}
	}
	return nil
}

// A change is what a commit does, as the rules see it and as it is told.
type change struct {
	conversation.Change
	by  ID   // user
	new []ID // devices that are added
}

// changeOf reads what a commit does. before and after are the leaves of the two
// epochs.
func (m *Messenger) changeOf(c *conv, committer mls.LeafIndex, proposals []mls.Proposed, before, after []leaf) (*change, error) {
	at := make(map[mls.LeafIndex]leaf, len(before))
	was, is := make(map[ID]bool), make(map[ID]bool)
	for _, l := range before {
		at[l.index], was[l.user] = l, true
	}
	for _, l := range after {
		is[l.user] = true
	}
	who, ok := at[committer]
	if !ok {
		return nil, conversation.ErrNotMember
	}
	ch := &change{by: who.user}
	users := make(map[ID]bool)
	once := func(list *[]conversation.User, u ID) {
		if !users[u] {
			users[u] = true
			*list = append(*list, conversation.User(u))
		}
	}
	for i := range proposals {
		switch p := proposals[i].Proposal.(type) {
		case *mlswire.Add:
			list, err := leaves([]mls.Member{{Credential: p.KeyPackage.LeafNode.Credential}})
			if err != nil {
				return nil, err
			}
			ch.new = append(ch.new, list[0].device)
			if l := list[0]; was[l.user] {
				ch.AddedDevices = append(ch.AddedDevices, conversation.Device{User: conversation.User(l.user), ID: conversation.User(l.device)})
			} else {
				once(&ch.AddedUsers, l.user)
			}
		case *mlswire.Remove:
			l := at[mls.LeafIndex(p.Removed)]
			d := conversation.Device{User: conversation.User(l.user), ID: conversation.User(l.device)}
			switch by := at[mls.LeafIndex(proposals[i].Sender.Index)]; {
			case is[l.user]:
				ch.RemovedDevices = append(ch.RemovedDevices, d)
				if m.revoked(l) {
					ch.Revoked = append(ch.Revoked, d)
				}
			case by.user == l.user:
				once(&ch.Left, l.user)
			default:
				once(&ch.RemovedUsers, l.user)
			}
		case *mlswire.GroupContextExtensions:
			s, err := newState(c, p.Extensions)
			if err != nil {
				return nil, err
			}
			ch.New = s
		case *mlswire.Update:
		default:
			return nil, conversation.ErrMismatch
		}
	}
	return ch, nil
}

// revoked reports whether a device is not in its user's list any more, as far as is
// known here.
func (m *Messenger) revoked(l leaf) bool {
	c := m.cfg.People.Contact(identity.UserID(l.user))
	return c != nil && c.Record.Device(identity.DeviceID(l.device)) == nil
}

// newState reads the extensions of a new epoch: they are those of a conversation, with
// nothing beside.
func newState(c *conv, e mlswire.Extensions) (*conversation.State, error) {
	old, _ := c.group.Extensions().Find(mlswire.ExtensionTypeRequiredCapabilities)
	now, ok := e.Find(mlswire.ExtensionTypeRequiredCapabilities)
	data, found := e.Find(conversation.ExtensionType)
	if !ok || !found || len(e) != 2 || !bytes.Equal(old, now) {
		return nil, conversation.ErrState
	}
	return conversation.Parse(data)
}

// allowed judges a commit of another member completely.
func (m *Messenger) allowed(ctx context.Context, c *conv, s *mls.StagedCommit) (*change, error) {
	if s.IsExternal() || s.ReInit() != nil {
		return nil, conversation.ErrMismatch
	}
	members := c.group.Members()
	before, err := leaves(members)
	if err != nil {
		return nil, err
	}
	next := s.Members()
	if s.Removed() { // the rest of the new epoch is not for this device
		next = nil
		for i := range members {
			if members[i].Index != c.group.Self() {
				next = append(next, members[i])
			}
		}
	} else if err := m.verify(ctx, members, next); err != nil {
		return nil, err
	}
	after, err := leaves(next)
	if err != nil {
		return nil, err
	}
	ch, err := m.changeOf(c, s.Committer(), s.Proposals(), before, after)
	if err != nil || s.Removed() {
		return ch, err
	}
	old, err := c.state()
	if err != nil {
		return nil, err
	}
	if err := conversation.Allowed(old, conversation.User(ch.by), ch.Change); err != nil {
		return nil, err
	}
	if ch.New == nil {
		ch.New = old
	} else if ch.New.Kind == conversation.Group {
		return ch, everyRole(ch.New, after)
	}
	return ch, nil
}

// everyRole says that a role is given to who is there, and to nobody else.
func everyRole(s *conversation.State, all []leaf) error {
	for _, l := range all {
		if _, ok := s.Role(conversation.User(l.user)); !ok {
			return conversation.ErrMismatch
		}
	}
	return nil
}
