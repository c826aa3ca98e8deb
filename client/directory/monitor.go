package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"conclave/core/identity"
	"conclave/core/keytrans"
)

// Bounds of one call of Monitor: what is left is for the next. A year has 8760
// distinguished epochs, which is 137 requests.
const (
	maxMonitorRequests = 256
	maxCompared        = 8 // heads of others
)

// Monitor checks what the directory said since the last time: of the own account
// in every distinguished epoch, of each contact once after its newest version, and
// it compares the checkpoints of others that wait. It returns the alarms that it
// raised; its error is one of the server or the store, and what was checked before
// it is kept. It makes a few hundred requests at most; if Status.Behind is set
// afterwards, there is more to do.
func (c *Client) Monitor(ctx context.Context) ([]Alarm, error) {
	if err := c.trust(ctx); err != nil {
		return nil, err
	}
	m := &monitoring{left: maxMonitorRequests}
	err := c.monitorOwn(ctx, m)
	if err == nil {
		err = c.monitorContacts(ctx, m)
	}
	if err == nil {
		err = c.compareHeads(ctx, m)
	}
	return m.found, err
}

// monitoring is one call of Monitor.
type monitoring struct {
	left  int // requests
	found []Alarm
	stop  bool // an answer was refused: the server cannot be believed now
}

// add keeps the alarm in err, and returns what else it is.
func (m *monitoring) add(err error) error {
	a, ok := errors.AsType[*AlarmError](err)
	if !ok {
		return err
	}
	m.found = append(m.found, a.Alarm)
	return a.store
}

// monitorOwn looks at the own account in every distinguished epoch.
func (c *Client) monitorOwn(ctx context.Context, m *monitoring) error {
	c.mu.Lock()
	user, suspect := c.own.User, c.own.Suspect
	pinned := c.users[user].contact() != nil
	c.mu.Unlock()
	if user.IsZero() {
		return nil
	}
	if !pinned || suspect != 0 {
		m.left--
		if err := c.explain(ctx, m, user); err != nil || m.stop || c.Contact(user) == nil {
			return err
		}
	}
	for m.left > 0 {
		r, err := c.watch(ctx, m, user, true, keytrans.MaxDistinguished)
		if err != nil || r == nil {
			return err
		}
		if !r.More {
			return c.setBehind(ctx, true, false)
		}
	}
	return c.setBehind(ctx, true, true)
}

// explain asks for the newest records of the own account.
func (c *Client) explain(ctx context.Context, m *monitoring, user identity.UserID) error {
	q := &question{kind: keytrans.ByUser, name: user[:], user: user}
	_, err := c.ask(ctx, q)
	m.found = append(m.found, q.found...)
	if errors.Is(err, ErrUnknown) {
		return nil // nothing published yet
	}
	if err == nil {
		return nil
	}
	m.stop = true
	return errors.Join(m.add(err), c.unexplained(ctx, m, err))
}

// maxUnexplained is how often the server may fail to show the record of a version
// that the map has, for whatever reason, before the owner is told.
const maxUnexplained = 3

// unexplained counts a lookup that did not show the record of a version that the
// map has, and raises the alarm if the answer was refused or it was not the first
// failure.
func (c *Client) unexplained(ctx context.Context, m *monitoring, cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.users[c.own.User]
	if c.own.Suspect == 0 || d == nil || ctx.Err() != nil {
		return nil
	}
	if _, refused := errors.AsType[*AlarmError](cause); !refused && c.own.Tries+1 < maxUnexplained {
		own := c.own
		own.Tries++
		return c.putOwn(ctx, own)
	}
	return m.add(c.raiseLocked(ctx, &finding{
		Alarm: Alarm{
			ID: IDOwnIdentity, Attack: "MS-01", User: d.state.User, Handle: d.Handle,
			Detail: fmt.Sprintf("the directory has version %d and does not show its record", c.own.Suspect-1),
		},
		cause:    cause,
		evidence: c.own.Shown,
	}))
}

// watch asks once for the next distinguished epochs of a user. It returns nil if
// the answer was refused.
func (c *Client) watch(ctx context.Context, m *monitoring, user identity.UserID, owner bool, most uint8) (*keytrans.MonitorResult, error) {
	for range maxTries {
		m.left--
		c.mu.Lock()
		st, v := c.state, c.verifier
		c.mu.Unlock()
		request := st.MonitorRequest(user, owner, most)
		if request == nil {
			return nil, nil
		}
		answer, err := c.server.Monitor(ctx, request.Encode())
		if err != nil {
			return nil, m.add(c.refuses(ctx, &question{kind: keytrans.ByUser, user: user}, err))
		}
		q := &question{kind: keytrans.ByUser, user: user, st: st, request: request.Encode(), answer: answer, at: c.now(), monitor: true}
		r, err := v.Monitor(st, request, answer, q.at)
		if err != nil {
			m.stop = true
			return nil, m.add(c.contradicted(ctx, q, owner, err))
		}
		again, err := c.acceptMonitor(ctx, q, owner, r)
		if err != nil {
			return nil, err
		}
		if again {
			continue
		}
		if owner && r.Version > st.Users[user].Version {
			m.left--
			if err := c.explain(ctx, m, user); err != nil || m.stop {
				return nil, err
			}
		}
		return r, nil
	}
	return nil, ErrBusy
}

// acceptMonitor is accept for monitoring.
func (c *Client) acceptMonitor(ctx context.Context, q *question, owner bool, r *keytrans.MonitorResult) (again bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	user := q.user
	old := c.users[user]
	if old == nil || c.state.Head != q.st.Head || c.state.Users[user] != q.st.Users[user] {
		return true, nil
	}
	// The suspicion comes first: a crash after it makes one lookup too many, before
	// it one too few.
	if owner && r.Version > old.state.Version && c.own.Suspect <= uint64(r.Version) {
		own := c.own
		own.Suspect, own.Shown = uint64(r.Version)+1, q.evidence(IDOwnIdentity, old.Record)
		if err := c.putOwn(ctx, own); err != nil {
			return false, err
		}
	}
	if r.State != nil && (r.Epochs > 0 || r.State.Confirmed != old.state.Confirmed) {
		d := *old
		d.state, d.Seen = r.State, c.now()
		d.confirm()
		if err := c.putUser(ctx, &d); err != nil {
			return false, err
		}
	}
	return false, c.acceptHead(ctx, r.Head, r.Witnesses, q)
}

// contradicted raises the alarm of a refused answer to monitoring. A contact
// whose pin the directory took back is blocked, unless people verified it: the key
// was never seen by its owner.
func (c *Client) contradicted(ctx context.Context, q *question, owner bool, cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := q.refusal(cause)
	d := c.users[q.user]
	if f.ID == IDFlipFlop && f.evidence != nil && d != nil {
		f.evidence.Records = records(d.Record)
	}
	a := c.raiseLocked(ctx, f)
	if owner || f.ID != IDFlipFlop || d == nil || d.state != q.st.Users[q.user] || d.Reset || d.Verified != LevelNone && d.Verified != LevelContact {
		return a
	}
	blocked := *d
	blocked.Reset, blocked.Verified = true, LevelNone
	a.store = errors.Join(a.store, c.putUser(ctx, &blocked))
	return a
}

// monitorContacts looks once at each contact whose newest version no later
// distinguished epoch has confirmed.
func (c *Client) monitorContacts(ctx context.Context, m *monitoring) error {
	var failed error
	for _, user := range c.unconfirmed() {
		if m.left <= 0 {
			return c.setBehind(ctx, false, true)
		}
		if m.stop {
			return nil
		}
		err := c.watchContact(ctx, m, user)
		if ctx.Err() != nil {
			return err
		}
		if err != nil {
			failed = err
		}
	}
	return errors.Join(failed, c.setBehind(ctx, false, failed != nil))
}

// watchContact looks at a contact's pin in the next distinguished epoch. One that
// another own device told of is looked up first.
func (c *Client) watchContact(ctx context.Context, m *monitoring, user identity.UserID) error {
	if c.Contact(user) == nil {
		m.left--
		q := &question{kind: keytrans.ByUser, name: user[:], user: user}
		_, err := c.ask(ctx, q)
		m.found = append(m.found, q.found...)
		if err != nil {
			if _, alarm := errors.AsType[*AlarmError](err); alarm {
				m.stop = true
			}
			return m.add(err)
		}
	}
	_, err := c.watch(ctx, m, user, false, 1)
	return err
}

// unconfirmed are the contacts that wait to be looked at.
func (c *Client) unconfirmed() []identity.UserID {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []identity.UserID
	for user, d := range c.users {
		if user != c.own.User && (d.record == nil || !d.state.Confirmed) {
			out = append(out, user)
		}
	}
	slices.SortFunc(out, func(a, b identity.UserID) int { return slices.Compare(a[:], b[:]) })
	return out
}

// setBehind records whether the owner, or contacts, wait for another call.
func (c *Client) setBehind(ctx context.Context, owner, behind bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if owner {
		if c.own.Behind == behind {
			return nil
		}
		own := c.own
		own.Behind = behind
		return c.putOwn(ctx, own)
	}
	if c.site.Behind == behind {
		return nil
	}
	site := c.site
	site.Behind = behind
	return c.putSite(ctx, site)
}
