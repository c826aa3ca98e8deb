package account

import (
	"context"
	"errors"
	"slices"

	"conclave/core/account"
)

// Wait returns the next state that differs from the last one that Wait returned,
// or the same one after about 25 seconds without news. Call it in a loop until
// the phase is an end: done, differ, cancelled or expired.
func (c *Check) Wait(ctx context.Context) (CheckState, error) {
	c.mu.Lock()
	position := c.position
	news := c.doc.Phase != c.told
	c.mu.Unlock()
	letters, next := c.account.mail.since(position)
	if !news && len(letters) == 0 {
		var err error
		letters, next, err = c.account.mail.next(ctx, position, waitForMail)
		if err != nil {
			return c.State(), err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.position != position {
		letters = nil // another Wait has handled them
	}
	if err := c.catchUp(ctx); err != nil {
		return c.stateLocked(), err
	}
	for i := range letters {
		if isEnd(c.doc.Phase) {
			break
		}
		if err := c.handle(ctx, &letters[i]); err != nil {
			return c.stateLocked(), err
		}
		c.position = next - len(letters) + i + 1
	}
	if !isEnd(c.doc.Phase) && c.over(c.account.now()) {
		c.doc.Phase = PhaseExpired
		if err := c.save(ctx); err != nil {
			return c.stateLocked(), err
		}
	}
	c.told = c.doc.Phase
	return c.stateLocked(), nil
}

// catchUp does what an earlier call could not: send messages, and finish what
// both sides have agreed on.
func (c *Check) catchUp(ctx context.Context) error {
	if c.sas != nil && c.sas.State() == account.SASDone && !isEnd(c.doc.Phase) && len(c.doc.HandOver) == 0 {
		return c.settle(ctx)
	}
	return c.flush(ctx)
}

// handle takes one letter, which may be for somebody else.
func (c *Check) handle(ctx context.Context, l *letter) error {
	if l.news != "" || l.from != c.doc.User {
		return nil
	}
	c.doc.Handled = max(c.doc.Handled, l.time)
	switch c.doc.Role {
	case roleShow:
		return c.handleScanned(ctx, l)
	case roleAsk:
		return c.handleAsking(ctx, l)
	case roleApprove:
		return c.handleApproving(ctx, l)
	default:
		return c.handleContact(ctx, l)
	}
}

// handleSAS gives a letter to the comparison of symbols that goes on.
func (c *Check) handleSAS(ctx context.Context, l *letter) error {
	if l.kind != kindSAS || c.sas == nil || c.doc.Endpoint != "" && c.doc.Endpoint != l.endpoint {
		return nil
	}
	reply, err := c.sas.Handle(l.body, c.account.now())
	if errors.Is(err, account.ErrSASOther) || errors.Is(err, account.ErrSASReplay) {
		return nil
	}
	if err == nil {
		c.doc.Endpoint = l.endpoint
	}
	if reply != nil {
		c.queue(l.endpoint, kindSAS, reply)
	}
	return c.settle(ctx)
}

// settle brings the phase to where the comparison of symbols stands, does what
// its end asks for, stores it, and sends what is to be sent.
func (c *Check) settle(ctx context.Context) error {
	return errors.Join(c.advance(ctx), c.save(ctx), c.flush(ctx))
}

func (c *Check) advance(ctx context.Context) error {
	switch c.sas.State() {
	case account.SASWaiting:
	case account.SASShowing:
		c.doc.Phase = PhaseCompare
	case account.SASMatched:
		c.doc.Phase = PhaseMatched
	case account.SASDone:
		result, err := c.sas.Result()
		if err != nil {
			return err
		}
		return c.proven(ctx, result)
	case account.SASFailed:
		cause := c.sas.Err()
		if v, err := c.sas.Result(); v != nil && errors.Is(err, account.ErrSplit) {
			cause = errors.Join(cause, c.account.gossip(ctx, v)) // what it was told is proven
		}
		return c.failed(ctx, cause)
	}
	return nil
}

// proven does what follows when both sides have proven who they are.
func (c *Check) proven(ctx context.Context, v *account.Verified) error {
	if err := c.account.gossip(ctx, v); err != nil {
		return c.failed(ctx, err)
	}
	switch c.doc.Role { // a new device waits for the keys; the others are done
	case roleAsk:
		c.doc.Phase = PhaseMatched // until the keys come
		c.doc.HandOver = slices.Clone(v.HandOver.Expose())
		return nil
	case roleApprove:
		return c.handOver(ctx, v)
	default:
		if err := c.account.verified(ctx, v); err != nil {
			return err
		}
		c.doc.Phase = PhaseDone
		return nil
	}
}

// Match says that the person saw the same symbols.
func (c *Check) Match(ctx context.Context) (CheckState, error) { return c.confirm(ctx, true) }

// Differ says that the symbols differ, which is an alarm.
func (c *Check) Differ(ctx context.Context) (CheckState, error) { return c.confirm(ctx, false) }

func (c *Check) confirm(ctx context.Context, match bool) (CheckState, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sas == nil || c.doc.Phase != PhaseCompare {
		return c.stateLocked(), ErrCheck
	}
	message, err := c.sas.Confirm(match)
	if errors.Is(err, account.ErrSASState) {
		return c.stateLocked(), ErrCheck
	}
	if message != nil {
		c.queue(c.doc.Endpoint, kindSAS, message)
	}
	err = c.settle(ctx)
	c.told = c.doc.Phase
	return c.stateLocked(), err
}

// Cancel ends the comparison.
func (c *Check) Cancel(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if isEnd(c.doc.Phase) {
		return nil
	}
	if c.sas != nil && c.doc.Endpoint != "" {
		if message := c.sas.Cancel(); message != nil {
			c.queue(c.doc.Endpoint, kindSAS, message)
		}
	}
	c.doc.Phase, c.doc.Problem = PhaseCancelled, problemCancelled
	return errors.Join(c.save(ctx), c.flush(ctx))
}
