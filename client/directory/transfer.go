package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"conclave/core/identity"
	"conclave/core/keytrans"
	"conclave/core/tlsenc"
)

// What one own device tells another:
//
//	struct {
//	    opaque user[16]; opaque handle<V>; uint32 version; opaque record[32];
//	    opaque identity_key[32]; uint64 accepted; uint64 accepted_time; uint64 checked;
//	    uint64 checked_time; uint32 checked_version; uint8 confirmed; uint8 level;
//	    uint8 reset; uint64 first_seen;
//	} Pinned;
//	struct {
//	    uint16 format = 1;
//	    opaque origin<V>; opaque log_key<V>; opaque vrf_key[32]; opaque policy<V>;
//	    uint8 invited; uint64 size; opaque root[32]; opaque note<V>;
//	    Pinned users<V>;
//	} Transfer;
const (
	formatTransfer = 1
	maxText        = 1 << 10 // origin and keys
	maxPolicy      = 64 << 10
	maxNote        = 16 << 10
	maxHandle      = 4 * identity.MaxHandle
	maxUsers       = 1 << 20 // bytes of all
)

// MaxTransfer is the most bytes that Export returns.
const MaxTransfer = maxUsers + maxPolicy + maxNote + 3*maxText

// ErrTransfer says that what another device sent does not parse.
var ErrTransfer = errors.New("directory: what the other device sent is damaged: begin again")

// Export returns what a new device of the same person needs: the pin, the newest
// checkpoint, and of each contact what was pinned and how it was verified, about
// 150 bytes each. It holds no key, but says who the contacts are: send it sealed.
// Without a pin it is [ErrPin].
func (c *Client) Export() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, h := c.site.Pin, c.state.Head
	if p == nil {
		return nil, ErrPin
	}
	if h == nil {
		h = new(keytrans.Head)
	}
	w := tlsenc.NewWriter(4 << 10)
	w.Uint16(formatTransfer)
	w.Vector([]byte(p.Keys.Origin))
	w.Vector([]byte(p.Keys.LogKey))
	w.Fixed(p.Keys.VRFKey[:])
	w.Vector([]byte(p.Policy))
	writeFlag(w, p.Invited)
	w.Uint64(h.Size)
	w.Fixed(h.Root[:])
	w.Vector(h.Note)
	size := 0
	w.Nested(func(w *tlsenc.Writer) {
		start := len(w.Bytes())
		for _, d := range c.users {
			if len(w.Bytes())-start < maxUsers-512 {
				d.transfer(w)
			} else {
				size++
			}
		}
	})
	if size > 0 {
		return nil, fmt.Errorf("%w: %d contacts are too many", ErrTransfer, len(c.users))
	}
	return slices.Clone(w.Bytes()), nil
}

func (d *userDoc) transfer(w *tlsenc.Writer) {
	u := d.state
	w.Fixed(u.User[:])
	w.Vector([]byte(d.Handle))
	w.Uint32(u.Version)
	w.Fixed(u.Record[:])
	w.Fixed(u.IdentityKey[:])
	w.Uint64(u.Accepted)
	w.Uint64(u.AcceptedTime)
	w.Uint64(u.Checked)
	w.Uint64(u.CheckedTime)
	w.Uint32(u.CheckedVersion)
	writeFlag(w, u.Confirmed)
	w.Uint8(uint8(slices.Index(levels, d.Verified)))
	writeFlag(w, d.Reset)
	w.Uint64(d.FirstSeen)
}

func writeFlag(w *tlsenc.Writer, v bool) {
	if v {
		w.Uint8(1)
	} else {
		w.Uint8(0)
	}
}

// A transfer is what Import reads.
type transfer struct {
	pin   pinDoc
	head  GossipHead
	users []*userDoc
}

// parseTransfer reads what Export wrote. Errors wrap ErrTransfer.
func parseTransfer(b []byte) (*transfer, error) {
	if len(b) > MaxTransfer {
		return nil, ErrTransfer
	}
	r := tlsenc.NewReader(b)
	format := r.Uint16()
	t := new(transfer)
	t.pin.Keys.Origin, t.pin.Keys.LogKey = string(r.Vector(maxText)), string(r.Vector(maxText))
	copy(t.pin.Keys.VRFKey[:], r.Fixed(keytrans.HashSize))
	t.pin.Policy = string(r.Vector(maxPolicy))
	invited := r.Uint8()
	t.pin.Invited = invited == 1
	t.head.Size = r.Uint64()
	copy(t.head.Root[:], r.Fixed(keytrans.HashSize))
	if note := r.Vector(maxNote); len(note) > 0 {
		t.head.Note = slices.Clone(note)
	}
	t.head.Origin = t.pin.Keys.Origin
	list := tlsenc.NewReader(r.Vector(maxUsers))
	if err := r.Done(); err != nil || format != formatTransfer || invited > 1 {
		return nil, ErrTransfer
	}
	for list.Len() > 0 {
		d, err := readPinned(&list)
		if err != nil {
			return nil, err
		}
		t.users = append(t.users, d)
	}
	if list.Err() != nil {
		return nil, ErrTransfer
	}
	return t, nil
}

func readPinned(r *tlsenc.Reader) (*userDoc, error) {
	d := &userDoc{state: new(keytrans.UserState)}
	u := d.state
	copy(u.User[:], r.Fixed(len(u.User)))
	d.Handle = string(r.Vector(maxHandle))
	u.Version = r.Uint32()
	copy(u.Record[:], r.Fixed(keytrans.HashSize))
	copy(u.IdentityKey[:], r.Fixed(keytrans.HashSize))
	u.Accepted, u.AcceptedTime = r.Uint64(), r.Uint64()
	u.Checked, u.CheckedTime, u.CheckedVersion = r.Uint64(), r.Uint64(), r.Uint32()
	confirmed, level, reset := r.Uint8(), r.Uint8(), r.Uint8()
	d.FirstSeen = r.Uint64()
	handle, err := identity.NormalizeHandle(d.Handle)
	if r.Err() != nil || confirmed > 1 || reset > 1 || int(level) >= len(levels) || err != nil || handle != d.Handle {
		return nil, ErrTransfer
	}
	u.Confirmed, d.Reset, d.Verified = confirmed == 1, reset == 1, levels[level]
	return d, nil
}

// Import takes over what Export of another own device returned, which the caller
// has authenticated. Contacts that are new here are pinned as they were there, and
// the next Monitor or Lookup asks for their records. What is known here stays,
// but a better verification of the same key is taken. Two devices that pinned
// different records of the same version were shown different directories: that is
// an *AlarmError split.
func (c *Client) Import(ctx context.Context, b []byte) error {
	t, err := parseTransfer(b)
	if err != nil {
		return err
	}
	c.mu.Lock()
	if t.pin.Invited || c.site.Pin == nil {
		invited := t.pin.Invited
		t.pin.Invited = true // another own device is as good as an invite
		err = c.pinLocked(ctx, &t.pin, &t.head)
		if err == nil && !invited && c.site.Pin.Invited {
			err = c.notInvited(ctx)
		}
	} else if c.site.Pin.Keys != t.pin.Keys {
		err = ErrPin
	}
	for _, d := range t.users {
		if err == nil {
			err = c.importUser(ctx, d)
		}
	}
	ours := c.head()
	c.mu.Unlock()
	if err != nil || t.head.Size == 0 || ours.Size == t.head.Size && ours.Root == t.head.Root {
		return err
	}
	return c.keepHead(ctx, waitingHead{Head: t.head, Received: c.now()})
}

// notInvited records that a pin that came by another device was one of first use
// there. Call it locked.
func (c *Client) notInvited(ctx context.Context) error {
	site := c.site
	p := *site.Pin
	p.Invited = false
	site.Pin = &p
	return c.putSite(ctx, site)
}

// importUser takes over one contact. Call it locked.
func (c *Client) importUser(ctx context.Context, d *userDoc) error {
	old := c.users[d.state.User]
	if old == nil {
		if user, taken := c.state.Handles[d.Handle]; taken && user != d.state.User {
			return c.raiseLocked(ctx, &finding{Alarm: Alarm{
				ID: IDHandleMoved, Attack: "MS-16", User: user, Handle: d.Handle,
				Detail: "another of this person's devices was told another owner of the handle",
			}})
		}
		return c.putUser(ctx, d)
	}
	if old.state.Version == d.state.Version && old.state.Record != d.state.Record {
		return c.raiseLocked(ctx, &finding{
			Alarm: Alarm{
				ID: IDSplit, Attack: "MS-11", User: d.state.User,
				Detail: fmt.Sprintf("another of this person's devices was shown another version %d", d.state.Version),
			},
			cause:    ErrBlocked,
			evidence: &Evidence{Records: records(old.Record)},
		})
	}
	if d.state.Version > max(old.state.Version, old.state.CheckedVersion) {
		// The directory has shown more there: it must not show less here.
		next, state := *old, *old.state
		state.CheckedVersion = d.state.Version
		next.state = &state
		if err := c.putUser(ctx, &next); err != nil {
			return err
		}
		old = &next
	}
	better := slices.Index(levels, d.Verified) > slices.Index(levels, old.Verified)
	if old.state.IdentityKey != d.state.IdentityKey || d.Reset || !better {
		return nil
	}
	next := *old
	next.Verified, next.Reset = d.Verified, false
	return c.putUser(ctx, &next)
}
