package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"conclave/client/remote"
	"conclave/core/identity"
	"conclave/core/keytrans"
)

// SetOwn says whose device this is. Monitoring watches that user as its owner
// from then on. identityKey is the account's identity key if this device holds it
// or was given it by another own device: then the directory must show no other one,
// and if it has already the error is an *AlarmError own-identity. Zero: not known.
func (c *Client) SetOwn(ctx context.Context, user identity.UserID, identityKey [32]byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.own
	if own.User != user {
		own = ownDoc{User: user}
	}
	if own.Key != identityKey || c.own.User != user {
		own.Key = identityKey
		if err := c.putOwn(ctx, own); err != nil {
			return err
		}
	}
	d := c.users[user]
	if d == nil || d.Reset || own.Key == [32]byte{} || d.state.IdentityKey == own.Key {
		return nil
	}
	alien := *d
	alien.Reset, alien.Verified = true, LevelNone
	f := &finding{Alarm: ownIdentityAlarm(d), cause: ErrBlocked, evidence: &Evidence{Records: records(d.Record)}}
	a := c.raiseLocked(ctx, f)
	if a.store == nil {
		a.store = c.putUser(ctx, &alien)
	}
	return a
}

// Publish gives the server the next identity record of the own account and
// verifies that the directory shows exactly that one. If it shows another one in
// its place, the error is an *AlarmError own-identity; if it does not show it
// although the server said so, stale. After any other error Publish may be called
// again with the same record: the server takes it once.
func (c *Client) Publish(ctx context.Context, record []byte) (*Contact, error) {
	rec, err := identity.ParseRecord(record)
	if err != nil {
		return nil, err
	}
	if err := c.prepare(ctx, rec, record); err != nil {
		return nil, err
	}
	if err := c.trust(ctx); err != nil {
		return nil, err
	}
	accepted, err := c.server.PublishRecord(ctx, record)
	if err != nil {
		return nil, err
	}
	if accepted.Version < rec.Version {
		return nil, fmt.Errorf("%w: it took another version of the record", remote.ErrAnswer)
	}
	q := &question{kind: keytrans.ByUser, name: rec.User[:], user: rec.User}
	r, err := c.ask(ctx, q)
	switch {
	case errors.Is(err, ErrUnknown):
		return nil, c.hidden(ctx, rec)
	case err != nil:
		return nil, err
	case r.Version < rec.Version:
		return nil, c.hidden(ctx, rec)
	}
	if err := c.samePublished(ctx, q, rec, record, r); err != nil {
		return nil, err
	}
	return c.Own(), c.blocked(rec.User)
}

// samePublished checks that the version which the directory shows is the record
// that was published.
func (c *Client) samePublished(ctx context.Context, q *question, rec *identity.Record, record []byte, r *keytrans.Result) error {
	at := int64(rec.Version) - int64(r.First)
	if at < 0 || at >= int64(len(r.Records)) || bytes.Equal(r.Records[at], record) {
		return nil
	}
	shown, err := identity.ParseRecord(r.Records[at])
	if err == nil && shown.IdentityKey == rec.IdentityKey {
		return ErrConflict
	}
	return c.replaced(ctx, q, rec, record)
}

// prepare remembers what is about to be published, so that after a crash it is
// known to be this device's own.
func (c *Client) prepare(ctx context.Context, rec *identity.Record, record []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.own.User.IsZero() {
		return ErrNoOwner
	}
	if rec.User != c.own.User {
		return fmt.Errorf("%w: the record is of somebody else", ErrNoOwner)
	}
	own := c.own
	own.Pending = bytes.Clone(record)
	return c.putOwn(ctx, own)
}

// hidden is the alarm of a record that the server took and does not show.
func (c *Client) hidden(ctx context.Context, rec *identity.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raiseLocked(ctx, &finding{Alarm: Alarm{
		ID: IDStale, Attack: "MS-06", User: rec.User, Handle: rec.Handle,
		Detail: "the server took the record and does not show it",
	}})
}

// replaced is the alarm of a version that is not the one published.
func (c *Client) replaced(ctx context.Context, q *question, rec *identity.Record, record []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raiseLocked(ctx, &finding{
		Alarm: Alarm{
			ID: IDOwnIdentity, Attack: "MS-01", User: rec.User, Handle: rec.Handle,
			Detail: fmt.Sprintf("version %d is not the one that this device published", rec.Version),
		},
		cause:    ErrBlocked,
		evidence: q.evidence(IDOwnIdentity, record),
	})
}

// judgeOwn raises the alarms of what the directory says about this person that
// this device did not: an identity key that is not theirs, and devices that others
// added. Call it locked.
func (c *Client) judgeOwn(ctx context.Context, q *question, old, d *userDoc, r *keytrans.Result) ([]Alarm, error) {
	var found []Alarm
	alien := false
	pending, _ := identity.ParseRecord(c.own.Pending) // nil if there is none
	var before *identity.Record
	if old != nil {
		before = old.record
	}
	for _, b := range r.Records {
		rec, err := identity.ParseRecord(b)
		if err != nil {
			return found, err
		}
		switch {
		case before != nil && rec.Version <= before.Version:
			continue
		case bytes.Equal(b, c.own.Pending):
		case c.isAlien(before, pending, rec):
			alien = true
		case before != nil:
			a, err := c.newDevices(ctx, q, before, rec)
			if err != nil {
				return found, err
			}
			found = append(found, a...)
		}
		before = rec
	}
	d.Reset = d.Reset || alien
	own := c.own
	own.Suspect, own.Shown, own.Tries = 0, nil, 0
	if pending != nil && bytes.Equal(d.Record, own.Pending) {
		d.Reset = false // this device itself made the identity
		own.Key = pending.IdentityKey
	}
	if pending != nil && d.record.Version >= pending.Version {
		own.Pending = nil
	}
	if d.Reset && alien {
		a := c.raiseLocked(ctx, ownIdentity(q, old, d))
		if a.store != nil {
			return found, a.store
		}
		found = append(found, a.Alarm)
	}
	return found, c.putOwn(ctx, own)
}

// isAlien reports whether a record has an identity key that this device does not
// know as its own: the one it holds, else the one it is about to publish, else the
// one before.
func (c *Client) isAlien(before, pending, rec *identity.Record) bool {
	switch {
	case c.own.Key != [32]byte{}:
		return rec.IdentityKey != c.own.Key
	case before != nil:
		return rec.IdentityKey != before.IdentityKey
	case pending != nil:
		return rec.IdentityKey != pending.IdentityKey
	default:
		return false
	}
}

func ownIdentity(q *question, old, d *userDoc) *finding {
	var before []byte
	if old != nil {
		before = old.Record
	}
	return &finding{Alarm: ownIdentityAlarm(d), cause: ErrBlocked, evidence: q.evidence(IDOwnIdentity, before)}
}

func ownIdentityAlarm(d *userDoc) Alarm {
	return Alarm{
		ID: IDOwnIdentity, Attack: "MS-01", User: d.state.User, Handle: d.Handle,
		Detail: fmt.Sprintf("version %d has an identity key that is not this account's", d.state.Version),
	}
}

// newDevices raises an alarm for each device that a record signed by the identity
// key adds and this device did not.
func (c *Client) newDevices(ctx context.Context, q *question, before, rec *identity.Record) ([]Alarm, error) {
	var found []Alarm
	for i := range rec.Devices {
		d := &rec.Devices[i]
		if before.Device(d.ID) != nil {
			continue
		}
		a := c.raiseLocked(ctx, &finding{
			Alarm: Alarm{
				ID: IDOwnDevice, Attack: "MS-04", User: rec.User, Handle: rec.Handle,
				Device: d.Name, DeviceID: d.ID, Detail: fmt.Sprintf("version %d adds a device", rec.Version),
			},
			subject:  d.ID.String(),
			evidence: q.evidence(IDOwnDevice, before.Encode()),
		})
		if a.store != nil {
			return found, a.store
		}
		found = append(found, a.Alarm)
	}
	return found, nil
}
