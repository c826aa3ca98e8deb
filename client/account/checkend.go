package account

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"conclave/client/directory"
	"conclave/core/account"
	"conclave/core/identity"
)

// outgoing is a message to a user or a session.
type outgoing struct {
	To   string `json:"to"`
	Kind kind   `json:"kind"`
	Body []byte `json:"body"`
}

// queue puts a message into the outbox.
func (c *Check) queue(to string, k kind, body []byte) {
	c.doc.Outbox = append(c.doc.Outbox, outgoing{to, k, body})
}

// flush sends what is in the outbox, after it was stored.
func (c *Check) flush(ctx context.Context) error {
	if len(c.doc.Outbox) == 0 {
		return nil
	}
	for len(c.doc.Outbox) > 0 {
		o := &c.doc.Outbox[0]
		if err := c.account.post(ctx, o.To, o.Kind, o.Body); err != nil {
			return err
		}
		c.doc.Outbox = c.doc.Outbox[1:]
	}
	return c.save(ctx)
}

// failed ends the Check for a reason, counts it against the contact and, where
// somebody may stand between, raises an alarm.
func (c *Check) failed(ctx context.Context, cause error) error {
	c.doc.Phase, c.doc.Problem = PhaseDiffer, problemOf(cause)
	switch c.doc.Problem {
	case problemCancelled:
		c.doc.Phase = PhaseCancelled
	case problemExpired:
		c.doc.Phase = PhaseExpired
	}
	if err := c.save(ctx); err != nil {
		return err
	}
	if c.doc.Phase != PhaseDiffer {
		return nil
	}
	err := c.account.update(ctx, func(s *state) error {
		p := s.person(c.doc.User)
		if p.Failures++; p.Failures >= maxFailures {
			p.Failures, p.Paused = 0, c.account.now()+pauseMS
		}
		return nil
	})
	if err != nil {
		return err
	}
	if raised := new(directory.AlarmError); errors.As(cause, &raised) {
		return nil // the directory has stored that one
	}
	user, err := identity.ParseUserID(c.doc.User)
	if err != nil {
		return err
	}
	x := directory.Alarm{ID: "differ", Attack: "MS-01", User: user, Handle: c.doc.With, Detail: cause.Error()}
	if c.doc.Problem == problemSplit {
		x.ID, x.Attack = directory.IDSplit, "MS-11"
	}
	_, err = c.account.dir.Raise(ctx, x, c.doc.ID, c.evidence())
	return err
}

// evidence returns the messages of the comparison; they hold no secret.
func (c *Check) evidence() []byte {
	if c.sas == nil {
		return nil
	}
	b, err := json.Marshal(struct {
		Format   string   `json:"format"`
		Messages [][]byte `json:"messages"`
	}{"conclave comparison 1", c.sas.Transcript()})
	if err != nil {
		return nil
	}
	return b
}

// Problems of a comparison that did not end well.
const (
	problemDiffer    = "differ"    // a person said so
	problemKeys      = "keys"      // the symbols match and the keys do not
	problemProtocol  = "protocol"  // somebody broke the rules of the comparison
	problemSplit     = "split"     // the two are shown different directories
	problemCancelled = "cancelled" // one side ended it
	problemExpired   = "expired"
)

func problemOf(err error) string {
	a := new(directory.AlarmError)
	switch {
	case errors.Is(err, account.ErrSASCancelled):
		return problemCancelled
	case errors.Is(err, account.ErrSASExpired):
		return problemExpired
	case errors.Is(err, account.ErrSASDiffer):
		return problemDiffer
	case errors.Is(err, account.ErrSASKeys), errors.Is(err, account.ErrQRPeer), errors.Is(err, account.ErrQROwn):
		return problemKeys
	case errors.Is(err, account.ErrSplit), errors.As(err, &a):
		return problemSplit
	default:
		return problemProtocol
	}
}

// post sends a message to a user or a session.
func (a *Account) post(ctx context.Context, to string, k kind, body []byte) error {
	b, err := envelope{k, body}.encode()
	if err != nil {
		return err
	}
	return a.server.PostMail(ctx, to, b)
}

func txnID(txn [16]byte) string { return hex.EncodeToString(txn[:]) }

// checkpoint returns the newest one of this device, for comparing.
func (a *Account) checkpoint() account.Checkpoint {
	h := a.dir.Head()
	return account.Checkpoint{Origin: account.OriginHash(h.Origin), Size: h.Size, Root: h.Root}
}

// gossip compares the other side's checkpoint with what this device was shown.
// Only a proven split is an error.
func (a *Account) gossip(ctx context.Context, v *account.Verified) error {
	h := a.dir.Head()
	if v.Checkpoint.Size == 0 {
		return nil
	}
	if v.Checkpoint.Origin != account.OriginHash(h.Origin) {
		return fmt.Errorf("%w: the other side has pinned another directory", account.ErrSplit)
	}
	err := a.dir.Gossip(ctx, v.Peer.User, directory.GossipHead{Origin: h.Origin, Size: v.Checkpoint.Size, Root: v.Checkpoint.Root})
	alarm := new(directory.AlarmError)
	if errors.As(err, &alarm) && alarm.Alarm.ID == directory.IDSplit {
		return err
	}
	return nil
}
