package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"conclave/client/account"
)

// compareFlags are the flags of commands in which a person compares symbols.
type compareFlags struct {
	Match   bool          `help:"Say that the symbols match, in a second call." xor:"answer"`
	Differ  bool          `help:"Say that they differ, in a second call." xor:"answer"`
	Yes     bool          `help:"Say that they match without asking: for scripts that compared them in another way." xor:"answer"`
	Timeout time.Duration `help:"How long to wait for the other side." default:"10m" placeholder:"TIME"`
}

var (
	errWaited = errors.New("the other side did not answer in time; begin again when both have time")
	errDiffer = errors.New("stop: someone may stand between you; do not trust calls or messages with them until a check succeeds; conclave alarms has the evidence")
)

// compare takes a comparison to its end, or, where nobody can be asked, to the
// symbols.
func (c *compareFlags) compare(d *device, check *account.Check, other string) error {
	ctx, cancel := context.WithTimeout(d.env.ctx, c.Timeout)
	defer cancel()
	told := ""
	for {
		s, err := check.Wait(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && d.env.ctx.Err() == nil:
			return errWaited
		case err != nil:
			return err
		}
		if s.Phase != told {
			told = s.Phase
			d.showCheck(&s, other)
		}
		if s.Phase == account.PhaseCompare {
			done, err := c.answer(ctx, d, check, &s)
			if done || err != nil {
				return err
			}
			continue
		}
		if over, err := ended(&s); over {
			return err
		}
	}
}

// ended reports whether a comparison is over, and how.
func ended(s *account.CheckState) (bool, error) {
	switch s.Phase {
	case account.PhaseDone:
		return true, nil
	case account.PhaseDiffer:
		return true, &exitError{exitAlarm, errDiffer}
	case account.PhaseCancelled:
		return true, errors.New("the other side ended it; ask, and begin again")
	case account.PhaseExpired:
		return true, errWaited
	}
	return false, nil
}

// answer tells whether the symbols match. It reports true where that must wait
// for a second call.
func (c *compareFlags) answer(ctx context.Context, d *device, check *account.Check, s *account.CheckState) (wait bool, err error) {
	same := c.Match || c.Yes
	if !same && !c.Differ {
		t := d.env.terminal()
		if t == nil || d.flags.JSON {
			d.say("Compare, then run the same command with --match or --differ.")
			return true, nil
		}
		if same, err = t.yes("Do you both see the same seven?"); err != nil {
			return true, err
		}
	}
	if same {
		*s, err = check.Match(ctx)
	} else {
		*s, err = check.Differ(ctx)
	}
	if err != nil {
		return true, err
	}
	if s.Phase == account.PhaseCompare {
		return false, nil
	}
	d.showCheck(s, "the other side")
	over, err := ended(s)
	return over, err
}

// showCheck tells where a comparison stands.
func (d *device) showCheck(s *account.CheckState, other string) {
	if d.flags.JSON {
		_ = json.NewEncoder(d.env.stdout).Encode(s) // a closed standard output does not end it
		return
	}
	w := d.env.stdout
	switch s.Phase {
	case account.PhaseWaiting:
		d.say("Waiting for %s.", other)
	case account.PhaseCompare:
		for i, x := range s.Symbols {
			_, _ = fmt.Fprintf(w, "%d  %s\n", i+1, x.Name)
		}
		_, _ = fmt.Fprintf(w, "or in digits: %05d %05d %05d\n", s.Numbers[0], s.Numbers[1], s.Numbers[2])
		if s.Kind == "contact" {
			d.say("Read them to @%s in order, face to face or in a call where you know each other's voice. Do not send them as a message.", s.With)
		} else {
			d.say("Both devices must show the same seven, in this order.")
		}
	case account.PhaseMatched:
		d.say("You said they match. Waiting for %s.", other)
	case account.PhaseDone:
		if s.Kind == "contact" {
			_, _ = fmt.Fprintf(w, "@%s is verified, on all of their devices and yours.\n", s.With)
		} else {
			_, _ = fmt.Fprintln(w, "Done: the new device is one of the account.")
		}
	}
}
