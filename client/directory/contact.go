package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"conclave/core/identity"
	"conclave/core/keytrans"
)

// A Level says how a contact's identity key was verified.
type Level string

// The levels, weakest first.
const (
	LevelNone    Level = "none"    // the directory says so; nobody has confirmed it yet
	LevelContact Level = "contact" // and said the same in a later distinguished epoch
	LevelNumber  Level = "number"  // people compared the safety number
	LevelEmoji   Level = "emoji"   // people compared symbols
	LevelQR      Level = "qr"      // one scanned the other's code
)

var levels = []Level{LevelNone, LevelContact, LevelNumber, LevelEmoji, LevelQR}

// A ContactState says whether one may write to a contact.
type ContactState string

// The states.
const (
	StateOK    ContactState = "ok"
	StateReset ContactState = "reset" // blocked until AcceptReset or SetVerified
)

// A Contact is a user as this device knows them, all of it verified. It is a
// copy.
type Contact struct {
	User     identity.UserID
	Handle   string
	Name     string
	Record   *identity.Record
	Encoded  []byte // of Record
	Version  uint32
	Verified Level
	State    ContactState
	// FirstSeen and Seen are when the contact was pinned and last confirmed by the
	// directory, milliseconds since 1970 by this device's clock.
	FirstSeen, Seen uint64
	// Changes are what newer records changed since MarkSeen, oldest first.
	Changes []Change
}

// The kinds of a [Change].
const (
	ChangeAdded   = "added"   // a device
	ChangeRemoved = "removed" // a device
	ChangeReset   = "reset"   // the identity key
	ChangeName    = "name"    // of the person
)

// A Change is one that a contact's newer record made, for a line in the
// conversation.
type Change struct {
	Kind    string
	Version uint32            // that made it
	Time    uint64            // of that record, by the contact's clock
	Device  identity.DeviceID // of added and removed
	Name    string            // of the device, or of name: the new one
	Class   identity.Class    // of an added device
}

// newUserDoc returns what to keep of a user after an accepted answer. old is nil
// for a user who is new here.
func newUserDoc(old *userDoc, r *keytrans.Result, now uint64) (*userDoc, error) {
	records := make([]*identity.Record, len(r.Records))
	for i, b := range r.Records {
		rec, err := identity.ParseRecord(b)
		if err != nil {
			return nil, err
		}
		if rec.User != r.User || rec.Version != r.First+uint32(i) || r.Handle != "" && rec.Handle != r.Handle ||
			old != nil && rec.Handle != old.Handle {
			return nil, fmt.Errorf("directory: a record is of another user, handle or version")
		}
		records[i] = rec
	}
	if len(records) == 0 || r.State == nil {
		return nil, fmt.Errorf("directory: there is no record")
	}
	last := len(records) - 1
	d := &userDoc{
		Record: slices.Clone(r.Records[last]), record: records[last], state: r.State,
		Handle: records[last].Handle, Verified: LevelNone, FirstSeen: now, Seen: now,
	}
	if old == nil {
		return d, nil
	}
	d.FirstSeen, d.Verified, d.Reset, d.Changes = old.FirstSeen, old.Verified, old.Reset, old.Changes
	before := old.record
	for _, rec := range records {
		if before != nil && rec.Version > before.Version {
			d.Changes = append(slices.Clip(d.Changes), changes(before, rec)...)
			before = rec
		}
	}
	if n := len(d.Changes); n > maxChanges {
		d.Changes = slices.Clone(d.Changes[n-maxChanges:])
	}
	if old.state.IdentityKey != d.state.IdentityKey {
		d.Verified, d.Reset = LevelNone, true
	}
	d.confirm()
	return d, nil
}

// confirm raises the level of a pin that a later distinguished epoch confirmed.
func (d *userDoc) confirm() {
	if d.state.Confirmed && d.Verified == LevelNone && !d.Reset {
		d.Verified = LevelContact
	}
}

// changes returns what differs between two records of a user.
func changes(before, after *identity.Record) []Change {
	var out []Change
	add := func(kind string, id identity.DeviceID, name string, class identity.Class) {
		out = append(out, Change{Kind: kind, Version: after.Version, Time: after.Time, Device: id, Name: name, Class: class})
	}
	if before.IdentityKey != after.IdentityKey {
		add(ChangeReset, identity.DeviceID{}, "", 0)
	}
	for i := range before.Devices {
		if d := &before.Devices[i]; after.Device(d.ID) == nil {
			add(ChangeRemoved, d.ID, d.Name, d.Class)
		}
	}
	for i := range after.Devices {
		if d := &after.Devices[i]; before.Device(d.ID) == nil {
			add(ChangeAdded, d.ID, d.Name, d.Class)
		}
	}
	if before.Name != after.Name {
		add(ChangeName, identity.DeviceID{}, after.Name, 0)
	}
	return out
}

// name returns the display name, empty if there is no record yet.
func (d *userDoc) name() string {
	if d.record == nil {
		return ""
	}
	return d.record.Name
}

// contact returns a copy for the caller, nil if there is no record yet.
func (d *userDoc) contact() *Contact {
	if d == nil || d.record == nil {
		return nil
	}
	rec := *d.record
	rec.Devices, rec.Removed = slices.Clone(rec.Devices), slices.Clone(rec.Removed)
	out := &Contact{
		User: rec.User, Handle: rec.Handle, Name: rec.Name, Record: &rec, Encoded: slices.Clone(d.Record),
		Version: rec.Version, Verified: d.Verified, State: StateOK, FirstSeen: d.FirstSeen, Seen: d.Seen,
		Changes: slices.Clone(d.Changes),
	}
	if d.Reset {
		out.State = StateReset
	}
	return out
}

// Contact returns what is known of a user, or nil. It asks nobody.
func (c *Client) Contact(user identity.UserID) *Contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.users[user].contact()
}

// ContactByHandle returns what is known of a handle, in any writing, or nil. It
// asks nobody.
func (c *Client) ContactByHandle(handle string) *Contact {
	handle, err := identity.NormalizeHandle(handle)
	if err != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.users[c.state.Handles[handle]].contact()
}

// Contacts returns all contacts but oneself, by handle.
func (c *Client) Contacts() []*Contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]*Contact, 0, len(c.users))
	for user, d := range c.users {
		if d.record != nil && user != c.own.User {
			out = append(out, d.contact())
		}
	}
	slices.SortFunc(out, func(a, b *Contact) int { return strings.Compare(a.Handle, b.Handle) })
	return out
}

// Own returns the own account as the directory has it, nil if there is none.
func (c *Client) Own() *Contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.users[c.own.User].contact()
}

// MarkSeen forgets a contact's changes: the person saw them.
func (c *Client) MarkSeen(ctx context.Context, user identity.UserID) error {
	return c.change(ctx, user, func(d *userDoc) error {
		d.Changes = nil
		return nil
	})
}

// SetVerified records that people verified the identity key of a contact in some
// way, or with LevelNone that they no longer hold it for verified. It unblocks a
// contact that was reset. If the contact has another key by now it is
// [ErrBlocked], and nobody here is [ErrNotPinned].
func (c *Client) SetVerified(ctx context.Context, user identity.UserID, level Level, identityKey [32]byte) error {
	if !slices.Contains(levels, level) {
		return fmt.Errorf("directory: no such level of verification")
	}
	return c.settle(ctx, user, identityKey, func(d *userDoc) {
		d.Verified = level
		if level == LevelNone {
			d.confirm()
		} else {
			d.Reset = false
		}
	})
}

// AcceptReset lets conversations with a contact go on with the new identity key,
// not verified, and dismisses the alarm. If the contact has another key by now it
// is [ErrBlocked]. For the own account it says that the new identity is one's own.
func (c *Client) AcceptReset(ctx context.Context, user identity.UserID, identityKey [32]byte) error {
	return c.settle(ctx, user, identityKey, func(d *userDoc) { d.Reset = false })
}

// settle changes a contact who has a certain identity key, and dismisses the
// alarm of a reset that was settled by it.
func (c *Client) settle(ctx context.Context, user identity.UserID, key [32]byte, edit func(*userDoc)) error {
	return c.change(ctx, user, func(d *userDoc) error {
		if d.state.IdentityKey != key {
			return ErrBlocked
		}
		was := d.Reset
		edit(d)
		if !was || d.Reset {
			return nil
		}
		if user == c.own.User {
			own := c.own
			own.Key = key
			if err := c.putOwn(ctx, own); err != nil {
				return err
			}
		}
		for _, id := range []string{IDReset, IDOwnIdentity} {
			a := alarmKey(&Alarm{ID: id, User: user}, "")
			if c.alarms[a] == nil {
				continue
			}
			if err := c.dismissLocked(ctx, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// change stores an edited copy of a contact.
func (c *Client) change(ctx context.Context, user identity.UserID, edit func(*userDoc) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.users[user]
	if old == nil {
		return ErrNotPinned
	}
	d := *old
	if err := edit(&d); err != nil {
		return err
	}
	return c.putUser(ctx, &d)
}
