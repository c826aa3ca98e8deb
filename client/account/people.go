package account

import (
	"context"
	"errors"

	"conclave/client/directory"
	"conclave/core/account"
	"conclave/core/keytrans"
)

func (a *Account) contactOf(c *directory.Contact) Contact {
	a.mu.Lock()
	a.shown[c.User] = c.Record.IdentityKey
	a.mu.Unlock()
	out := Contact{
		User: c.User.String(), Handle: c.Handle, Name: c.Name, Version: c.Version,
		Verified: string(c.Verified), State: string(c.State),
		Devices: devicesOf(c.Record, a.read().Keys.deviceID()),
	}
	for i := range c.Changes {
		x := &c.Changes[i]
		change := ContactChange{Kind: x.Kind, Version: x.Version, Time: x.Time, Name: x.Name}
		if !x.Device.IsZero() {
			change.Device, change.Class = x.Device.String(), x.Class.String()
		}
		out.Changes = append(out.Changes, change)
	}
	return out
}

// Contacts lists the people this account knows, by handle.
func (a *Account) Contacts(context.Context) ([]Contact, error) {
	list := a.dir.Contacts()
	out := make([]Contact, 0, len(list))
	for _, c := range list {
		out = append(out, a.contactOf(c))
	}
	return out, nil
}

// AddContact looks a handle up, keeps what the directory proved, and puts it into
// the backup.
func (a *Account) AddContact(ctx context.Context, handle string) (Contact, error) {
	if _, _, err := a.ready(); err != nil {
		return Contact{}, err
	}
	c, err := a.contact(ctx, handle)
	if err != nil {
		return Contact{}, err
	}
	err = a.update(ctx, func(s *state) error {
		s.Backup.Dirty = true
		return nil
	})
	if err != nil {
		return Contact{}, err
	}
	return a.contactOf(c), offlineIsFine(a.pushBackup(ctx))
}

// Lookup asks the directory for a handle and verifies the answer. With an error
// that is an alarm about the contact, such as a reset, it returns the contact too.
func (a *Account) Lookup(ctx context.Context, handle string) (LookupResult, error) {
	c, err := a.dir.Lookup(ctx, handle)
	if c == nil {
		return LookupResult{}, err
	}
	d := a.dir.Status()
	return LookupResult{
		Contact: a.contactOf(c), Checkpoint: Checkpoint{d.Head.Size, d.Head.Root.String()}, Witnesses: d.Witnesses,
	}, err
}

// MarkSeen forgets the changes of a contact: the person saw them.
func (a *Account) MarkSeen(ctx context.Context, handle string) error {
	c := a.dir.ContactByHandle(handle)
	if c == nil {
		return directory.ErrNotPinned
	}
	return a.dir.MarkSeen(ctx, c.User)
}

// AcceptReset takes the new identity of a contact, not verified: the one that was
// returned last by any method here. If there is another one by now, it is
// [directory.ErrBlocked].
func (a *Account) AcceptReset(ctx context.Context, handle string) (Contact, error) {
	c := a.dir.ContactByHandle(handle)
	if c == nil {
		return Contact{}, directory.ErrNotPinned
	}
	a.mu.Lock()
	key, shown := a.shown[c.User]
	a.mu.Unlock()
	if !shown {
		key = c.Record.IdentityKey
	}
	if err := a.dir.AcceptReset(ctx, c.User, key); err != nil {
		return Contact{}, err
	}
	return a.contactOf(a.dir.Contact(c.User)), nil
}

// Invite returns a link that tells the server's identity, its witnesses and this
// person's identity key. host is the server's host and port.
func (a *Account) Invite(ctx context.Context, host string) (link string, err error) {
	s, user, err := a.ready()
	if err != nil {
		return "", err
	}
	if _, err := a.own(ctx, user); err != nil { // the newest checkpoint goes in
		return "", err
	}
	key, err := s.Keys.identityKey()
	if err != nil {
		return "", err
	}
	defer key.Erase()
	pin := a.dir.Pinned()
	if pin == nil {
		return "", directory.ErrPin
	}
	i := account.Invite{
		Host: host, Origin: pin.Keys.Origin, LogKey: pin.Keys.LogKey, VRFKey: pin.Keys.VRFKey, Policy: pin.Policy,
		Inviter: user, InviterKey: key.Public(), Size: pin.Head.Size, Root: pin.Head.Root,
	}
	return i.Link()
}

// UseInvite pins what a link says before anything is asked of the server, and
// returns the person who invited. If the server has other keys, or shows another
// identity key for that person, it is an error that says so.
func (a *Account) UseInvite(ctx context.Context, link string) (Contact, error) {
	i, err := account.ParseInvite(link)
	if err != nil {
		return Contact{}, err
	}
	err = a.dir.Pin(ctx, &directory.Pin{
		Keys:   keytrans.ServerKeys{Origin: i.Origin, LogKey: i.LogKey, VRFKey: i.VRFKey},
		Policy: i.Policy,
		Head:   directory.GossipHead{Origin: i.Origin, Size: i.Size, Root: i.Root},
	})
	if err != nil {
		return Contact{}, errors.Join(ErrInvite, err)
	}
	c, err := a.dir.LookupUser(ctx, i.Inviter)
	if err != nil {
		return Contact{}, err
	}
	if c.Record.IdentityKey != i.InviterKey {
		_, err := a.dir.Raise(ctx, directory.Alarm{
			ID: directory.IDReset, Attack: "MS-35", User: i.Inviter, Handle: c.Handle, Name: c.Name,
			Detail: "the directory shows another identity key than the invite",
		}, "invite", c.Encoded)
		return Contact{}, errors.Join(ErrInvite, err)
	}
	return a.contactOf(c), nil
}
