package directory

import (
	"context"
	"errors"
	"maps"

	"conclave/core/identity"
)

// refusalsToAlarm is after how many failures in a row, with other people's lookups
// answered meanwhile, the server is said to refuse one contact.
const refusalsToAlarm = 3

// A refusal counts the failed lookups of one contact.
type refusal struct {
	Since  uint64 // first failure
	Last   uint64
	Count  int
	Others bool // somebody else was answered since
	good   uint64
}

// refuses counts a lookup that the server did not answer, and raises refused-one
// if only this contact's are not. It returns the cause in any case.
func (c *Client) refuses(ctx context.Context, q *question, cause error) error {
	if errors.Is(cause, context.Canceled) {
		return cause
	}
	ctx = context.WithoutCancel(ctx) // a deadline that passed is counted too: silence refuses as well
	c.mu.Lock()
	defer c.mu.Unlock()
	r, was := c.site.Refused[q.key()]
	if !was {
		r = refusal{Since: c.now(), good: c.good}
	}
	r.Others = r.Others || c.good > r.good
	r.Last, r.good = c.now(), c.good
	r.Count++
	site := c.site
	site.Refused = maps.Clone(site.Refused)
	if site.Refused == nil {
		site.Refused = make(map[string]refusal)
	}
	site.Refused[q.key()] = r
	dropOldest(site.Refused)
	if err := c.putSite(ctx, site); err != nil {
		return errors.Join(cause, err)
	}
	if r.Count < refusalsToAlarm || !r.Others {
		return cause
	}
	user := q.subject(c.state)
	return c.raiseLocked(ctx, &finding{
		Alarm: Alarm{
			ID: IDRefusedOne, Attack: "MS-44", User: user, Handle: q.handle, Have: r.Since,
			Detail: "the server answers for others and not for this contact",
		},
		subject: refusedSubject(user, q.handle),
		cause:   cause,
	})
}

func refusedSubject(user identity.UserID, handle string) string {
	if user.IsZero() {
		return handle
	}
	return ""
}

// answered returns the site without the failures of a contact who was answered
// now, and ends the alarm of them. Call it locked.
func (c *Client) answered(ctx context.Context, site siteDoc, q *question) (siteDoc, bool, error) {
	if q == nil {
		return site, false, nil
	}
	user := q.subject(c.state)
	a := Alarm{ID: IDRefusedOne, User: user}
	if old := c.alarms[alarmKey(&a, refusedSubject(user, q.handle))]; old != nil && old.Ended == 0 {
		ended := *old
		ended.Ended = c.now()
		if err := c.putAlarm(ctx, &ended); err != nil {
			return site, false, err
		}
	}
	if _, was := site.Refused[q.key()]; !was {
		return site, false, nil
	}
	site.Refused = maps.Clone(site.Refused)
	delete(site.Refused, q.key())
	return site, true, nil
}

// dropOldest keeps the map of failures in its bound.
func dropOldest(m map[string]refusal) {
	for len(m) > maxRefusal {
		oldest, first := "", true
		for k, r := range m {
			if first || r.Last < m[oldest].Last {
				oldest, first = k, false
			}
		}
		delete(m, oldest)
	}
}
