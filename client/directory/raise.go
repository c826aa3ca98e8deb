package directory

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"conclave/client/vault"
	"conclave/core/identity"
	"conclave/core/keytrans"
)

// A finding is what becomes an alarm.
type finding struct {
	Alarm
	subject  string // tells alarms of one ID and user apart
	cause    error
	evidence *Evidence
}

// passing are the troubles that are over once an answer is accepted: nothing
// remains to be judged by a person.
func passing(id string) bool {
	return id == IDFrozen || id == IDWitness || id == IDClock || id == IDRefusedOne
}

// pauses reports whether new contacts are paused by an alarm, and whether that
// lasts until a person looked.
func pauses(f *finding) (pause, lasting bool) {
	switch f.ID {
	case IDFlipFlop:
		return true, true
	case IDSplit:
		return true, f.evidence.proven()
	case IDProof, IDFrozen, IDRollback, IDWitness, IDServerIdentity, IDClock:
		return true, false
	default:
		return false, false
	}
}

// raiseLocked stores an alarm, its evidence, and that new contacts are paused if
// they are.
func (c *Client) raiseLocked(ctx context.Context, f *finding) *AlarmError {
	var document []byte
	if f.evidence != nil {
		f.evidence.describe(c, f)
		document = f.evidence.encode()
	}
	a, err := c.storeAlarm(ctx, f.Alarm, f.subject, document)
	if err == nil {
		err = c.pauseLocked(ctx, f, &a)
	}
	return &AlarmError{Alarm: a, cause: f.cause, store: err}
}

func (c *Client) pauseLocked(ctx context.Context, f *finding, a *Alarm) error {
	pause, lasting := pauses(f)
	if !pause {
		return nil
	}
	t := c.site.Trouble
	if t != nil && (t.Lasting || t.ID == f.ID && !lasting && t.Have == a.Have && t.Want == a.Want) {
		return nil
	}
	since := c.now()
	if t != nil && t.ID == f.ID {
		since = t.Since
	}
	site := c.site
	site.Trouble = &trouble{ID: f.ID, Since: since, Have: a.Have, Want: a.Want, Lasting: lasting, Alarm: a.Key}
	return c.putSite(ctx, site)
}

// storeAlarm adds an alarm or counts one that is there, evidence first. Call it
// locked.
func (c *Client) storeAlarm(ctx context.Context, a Alarm, subject string, document []byte) (Alarm, error) {
	a.Key = alarmKey(&a, subject)
	a.Time, a.Last, a.Count = c.now(), c.now(), 1
	if d := c.users[a.User]; d != nil && !a.User.IsZero() {
		a.Handle, a.Name = cmp.Or(a.Handle, d.Handle), cmp.Or(a.Name, d.name())
	}
	again := false
	if old := c.alarms[a.Key]; old != nil {
		a.Time, a.Count = old.Time, old.Count+1
		a.Evidence, again = old.Evidence, old.Dismissed || old.Ended != 0
		a.Dismissed = old.Dismissed && passing(a.ID) && old.Ended == 0
	}
	// Of one trouble the first evidence stays; what happens after a person looked is
	// another one.
	if document != nil && (!a.Evidence || again) && len(document) <= vault.MaxValue {
		if err := c.store.Put(ctx, c.prefix+"evidence/"+a.Key, document); err != nil {
			return a, err
		}
		a.Evidence = true
	}
	return a, c.putAlarm(ctx, &a)
}

func (c *Client) putAlarm(ctx context.Context, a *Alarm) error {
	if err := c.put(ctx, "alarm/"+a.Key, a); err != nil {
		return err
	}
	stored := *a
	c.alarms[a.Key] = &stored
	return nil
}

func alarmKey(a *Alarm, subject string) string {
	h := sha256.New()
	for _, s := range []string{a.ID, string(a.User[:]), subject} {
		sum := sha256.Sum256([]byte(s))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (c *Client) loadAlarms(ctx context.Context) error {
	keys, err := c.store.Keys(ctx, c.prefix+"alarm/")
	if err != nil {
		return err
	}
	for _, key := range keys {
		key = strings.TrimPrefix(key, c.prefix)
		a := new(Alarm)
		if _, err := c.get(ctx, key, a); err != nil {
			return err
		}
		if "alarm/"+a.Key != key {
			return fmt.Errorf("%w: an alarm", ErrState)
		}
		c.alarms[a.Key] = a
	}
	return nil
}

func (c *Client) dismissLocked(ctx context.Context, key string) error {
	old := c.alarms[key]
	if old == nil {
		return fmt.Errorf("directory: no such alarm: %w", vault.ErrMissing)
	}
	if !old.Dismissed {
		a := *old
		a.Dismissed = true
		if err := c.putAlarm(ctx, &a); err != nil {
			return err
		}
	}
	if t := c.site.Trouble; t != nil && t.Lasting && t.Alarm == key {
		site := c.site
		site.Trouble = nil
		return c.putSite(ctx, site)
	}
	return nil
}

// endTroubles marks what is over now that an answer was accepted, and returns the
// site without what paused new contacts. Call it locked.
func (c *Client) endTroubles(ctx context.Context, site siteDoc) (siteDoc, error) {
	for _, old := range c.alarms {
		if !passing(old.ID) || old.ID == IDRefusedOne || old.Ended != 0 {
			continue
		}
		a := *old
		a.Ended = c.now()
		if err := c.putAlarm(ctx, &a); err != nil {
			return site, err
		}
	}
	if t := site.Trouble; t != nil && !t.Lasting {
		site.Trouble = nil
	}
	return site, nil
}

// refusal is the alarm of an answer that the verifier refused.
func (q *question) refusal(cause error) *finding {
	e, ok := errors.AsType[*keytrans.Error](cause)
	if !ok {
		e = &keytrans.Error{ID: IDProof, Attack: "MS-05", Detail: "the answer cannot be judged"}
	}
	f := &finding{
		Alarm: Alarm{ID: e.ID, Attack: e.Attack, Detail: e.Detail, Have: e.Have, Want: e.Want},
		cause: cause,
	}
	switch e.ID {
	case IDStale, IDGhostDevice, IDHandleMoved, IDFlipFlop, IDReset:
		f.Handle = q.handle
		if f.User = q.subject(q.st); f.User.IsZero() {
			f.subject = q.handle
		}
	}
	if e.Evidence != nil {
		f.evidence = &Evidence{Question: q.label(), Proof: e.Evidence.Encode(), proof: e.Evidence.Kind}
	}
	return f
}

// subject returns the user that the question is about, as far as a state knows.
func (q *question) subject(st *keytrans.State) identity.UserID {
	if q.kind == keytrans.ByHandle {
		return st.Handles[q.handle]
	}
	return q.user
}

// Evidence returns the document of an alarm, or an error wrapping
// vault.ErrMissing: for conclave audit --evidence.
func (c *Client) Evidence(ctx context.Context, key string) ([]byte, error) {
	c.mu.Lock()
	a := c.alarms[key]
	c.mu.Unlock()
	if a == nil || !a.Evidence {
		return nil, fmt.Errorf("directory: no evidence of this: %w", vault.ErrMissing)
	}
	return c.store.Get(ctx, c.prefix+"evidence/"+key)
}
