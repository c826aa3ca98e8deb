package directory

import (
	"context"
	"errors"

	"conclave/core/identity"
	"conclave/core/keytrans"
)

// maxTries is how often a call asks again because the state changed while it
// waited for the server. Each time somebody else's call succeeded.
const maxTries = 16

// Lookup asks the directory for a handle, in any writing, and returns who has it
// once everything is verified. Errors: identity.ErrHandle; [ErrUnknown], which is
// proven; [ErrPaused]; an *[AlarmError] if the answer was refused, or with the
// contact if the identity is another one than before; and errors of package
// remote.
func (c *Client) Lookup(ctx context.Context, handle string) (*Contact, error) {
	handle, err := identity.NormalizeHandle(handle)
	if err != nil {
		return nil, err
	}
	user, err := c.resolve(ctx, handle)
	if err != nil {
		return nil, err
	}
	return c.Contact(user), c.blocked(user)
}

// LookupUser is Lookup by user id. An answer about a user proves nothing about the
// handle in the record: somebody who is not pinned yet is looked up by that handle
// too, and is nobody's contact before the directory has bound it to them.
func (c *Client) LookupUser(ctx context.Context, user identity.UserID) (*Contact, error) {
	q := &question{kind: keytrans.ByUser, name: user[:], user: user}
	if _, err := c.ask(ctx, q); err != nil {
		return nil, err
	}
	if q.claimed != "" {
		bound, err := c.resolve(ctx, q.claimed)
		if err != nil && !errors.Is(err, ErrUnknown) {
			return nil, err
		}
		if bound != user {
			return nil, c.misnamed(ctx, q, user, q.claimed)
		}
	}
	return c.Contact(user), c.blocked(user)
}

// misnamed raises the alarm of a user whose record has a handle that belongs to
// somebody else.
func (c *Client) misnamed(ctx context.Context, q *question, user identity.UserID, handle string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.misnamedLocked(ctx, q, user, handle)
}

func (c *Client) misnamedLocked(ctx context.Context, q *question, user identity.UserID, handle string) *AlarmError {
	return c.raiseLocked(ctx, &finding{
		Alarm: Alarm{
			ID: IDHandleMoved, Attack: "MS-16", User: user, Handle: handle,
			Detail: "a record names a handle that the directory does not bind to its user",
		},
		cause:    keytrans.ErrHandleMoved,
		evidence: q.evidence(IDHandleMoved, nil),
	})
}

// resolve looks a handle up and pins who has it.
func (c *Client) resolve(ctx context.Context, handle string) (identity.UserID, error) {
	r, err := c.ask(ctx, &question{kind: keytrans.ByHandle, name: []byte(handle), handle: handle})
	if err != nil {
		return identity.UserID{}, err
	}
	return r.User, nil
}

// blocked is the error that comes with a contact whose identity is another one.
func (c *Client) blocked(user identity.UserID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.users[user]; d == nil || !d.Reset {
		return nil
	}
	id := IDReset
	if user == c.own.User {
		id = IDOwnIdentity
	}
	a := Alarm{ID: id, User: user}
	if have := c.alarms[alarmKey(&a, "")]; have != nil {
		a = *have
	}
	return &AlarmError{Alarm: a, cause: ErrBlocked}
}

// A question is one lookup.
type question struct {
	kind   keytrans.Kind
	name   []byte
	handle string          // if asked by handle
	user   identity.UserID // if asked by user
	found  []Alarm         // that an accepted answer raised
	// claimed is the handle in the record of somebody who is not pinned and was
	// asked for by user: it is proven by nothing yet, and nothing was stored.
	claimed string

	// What was asked last, and against what the answer is judged.
	st      *keytrans.State
	request []byte
	answer  []byte
	at      uint64
	monitor bool // it was one of monitoring
}

// key names the question among those that the server refuses.
func (q *question) key() string {
	if q.handle != "" {
		return "handle:" + q.handle
	}
	return "user:" + q.user.String()
}

// ask sends a question until an answer is accepted, refused or fails.
func (c *Client) ask(ctx context.Context, q *question) (*keytrans.Result, error) {
	if err := c.trust(ctx); err != nil {
		return nil, err
	}
	for range maxTries {
		st, v, err := c.snapshot(q)
		if err != nil {
			return nil, err
		}
		request := st.Request(q.kind, q.name)
		answer, err := c.server.Lookup(ctx, request.Encode())
		if err != nil {
			return nil, c.refuses(ctx, q, err)
		}
		q.st, q.request, q.answer, q.at = st, request.Encode(), answer, c.now()
		r, err := v.Lookup(st, request, answer, q.at)
		if err != nil {
			return nil, c.refused(ctx, q, err)
		}
		again, err := c.accept(ctx, st, q, r)
		if err != nil || !again {
			return r, err
		}
	}
	return nil, ErrBusy
}

// snapshot returns what an answer to q is verified against.
func (c *Client) snapshot(q *question) (*keytrans.State, *keytrans.Verifier, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.site.Trouble; t != nil && t.Lasting && !c.knows(q) {
		return nil, nil, ErrPaused
	}
	return c.state, c.verifier, nil
}

// knows reports whether q asks for somebody who is pinned, or for oneself. Call
// it locked.
func (c *Client) knows(q *question) bool {
	user := q.user
	if q.kind == keytrans.ByHandle {
		user = c.state.Handles[q.handle]
	}
	return c.users[user] != nil || user == c.own.User && !user.IsZero()
}

// refused raises the alarm of an answer that the verifier refused. A request that
// somebody else's answer has made old is no fault of the server.
func (c *Client) refused(ctx context.Context, q *question, cause error) error {
	if errors.Is(cause, keytrans.ErrRequest) {
		return cause
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := q.refusal(cause)
	if f.ID == IDReset && f.User == c.own.User {
		f.ID, f.Attack = IDOwnIdentity, "MS-01"
	}
	return c.raiseLocked(ctx, f)
}

// accept takes over an accepted answer. It reports true if the state it was
// verified against is not the current one any more.
func (c *Client) accept(ctx context.Context, st *keytrans.State, q *question, r *keytrans.Result) (again bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Head != st.Head || c.state.Users[r.User] != st.Users[r.User] {
		return true, nil
	}
	if q.kind == keytrans.ByHandle {
		if have, ok := c.state.Handles[q.handle]; ok && (!r.Bound || have != r.User) {
			return true, nil // somebody else learnt the handle meanwhile: judge against that
		}
	}
	if r.Found {
		if err := c.acceptUser(ctx, q, r); err != nil {
			return false, err
		}
	}
	if err := c.acceptHead(ctx, r.Head, r.Witnesses, q); err != nil {
		return false, err
	}
	if !r.Found {
		return false, ErrUnknown
	}
	return false, nil
}

// acceptHead takes over a checkpoint, and ends what it shows to be over. q is the
// question that was answered, nil for another one. Call it locked.
func (c *Client) acceptHead(ctx context.Context, h *keytrans.Head, witnesses int, q *question) error {
	c.good++
	site, changed, err := c.answered(ctx, c.site, q)
	if err != nil {
		return err
	}
	trouble := site.Trouble
	if site, err = c.endTroubles(ctx, site); err != nil {
		return err
	}
	old := c.state.Head
	// The pointer stays if the size does, so that calls at the same time do not make
	// each other ask again. An invite's checkpoint has no note and gives way.
	newer := old == nil || h.Size > old.Size || len(old.Note) == 0 || witnesses > site.Witnesses
	if newer {
		site.Head = h.Encode()
		site.Witnesses = witnesses
	}
	if newer || changed || trouble != site.Trouble {
		if err := c.putSite(ctx, site); err != nil {
			return err
		}
	}
	if newer {
		next := cloneState(c.state)
		next.Head = h
		c.state = next
	}
	return nil
}

// acceptUser takes over what an answer says of a user. Alarms are stored before
// the pin moves: an identity that is another one is pinned as such, and blocks.
// Call it locked.
func (c *Client) acceptUser(ctx context.Context, q *question, r *keytrans.Result) error {
	old := c.users[r.User]
	d, err := newUserDoc(old, r, c.now())
	if err != nil {
		return c.raiseLocked(ctx, &finding{
			Alarm: Alarm{ID: IDProof, Attack: "MS-05", Detail: err.Error()}, cause: err,
		})
	}
	if have, ok := c.state.Handles[d.Handle]; ok && have != r.User {
		return c.misnamedLocked(ctx, q, r.User, d.Handle)
	}
	own := identity.UserID(r.User) == c.own.User
	if q.kind == keytrans.ByUser && old == nil && !own {
		q.claimed = d.Handle
		return nil
	}
	judge := c.judgeContact
	if own {
		judge = c.judgeOwn
	}
	found, err := judge(ctx, q, old, d, r)
	if err != nil {
		return err
	}
	if err := c.putUser(ctx, d); err != nil {
		return err
	}
	q.found = append(q.found, found...)
	return nil
}

// judgeContact raises the alarm of a contact whose identity key is another one.
func (c *Client) judgeContact(ctx context.Context, q *question, old, d *userDoc, _ *keytrans.Result) ([]Alarm, error) {
	if old == nil || old.state.IdentityKey == d.state.IdentityKey {
		return nil, nil
	}
	a := c.raiseLocked(ctx, &finding{
		Alarm: Alarm{
			ID: IDReset, Attack: "MS-02", User: d.record.User, Handle: d.record.Handle, Name: old.name(),
			Detail: "the identity key was replaced without the consent of the one before",
		},
		cause:    ErrBlocked,
		evidence: q.evidence(IDReset, old.Record),
	})
	return []Alarm{a.Alarm}, a.store
}
