package main

import (
	"errors"
	"os"

	"conclave/client/account"
)

type recoverCommand struct {
	WordsStdin bool   `help:"Read the recovery code from standard input. CONCLAVE_RECOVERY_CODE gives it too."`
	Reset      bool   `help:"Everything is lost, the code too: make a new identity. All your contacts are told and must verify you again."`
	NewCode    bool   `help:"Make a new recovery code, on a device that has its keys; the old one opens no later backup."`
	WordsTo    string `help:"With --reset and --new-code: write the new recovery code to a new file, which counts as saved." type:"path" placeholder:"FILE"`
	Confirm    string `help:"With --reset and --new-code: the two words that were asked for, in a second call." placeholder:"WORDS"`
	Yes        bool   `help:"Do not ask."`

	clientFlags
}

// Run brings the keys of the account to this device.
func (c *recoverCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		if c.Reset {
			return c.reset(d)
		}
		if c.NewCode {
			r, err := d.NewRecovery(e.ctx)
			if err != nil {
				return err
			}
			return d.confirm(r, c.WordsTo, c.Confirm, "conclave recover --new-code")
		}
		words, err := c.words(d)
		if err != nil {
			return err
		}
		s, err := d.Recover(e.ctx, words)
		if err != nil {
			return err
		}
		return d.printStatus(s, "Recovered: this device has its keys.")
	})
}

func (c *recoverCommand) words(d *device) (string, error) {
	if c.WordsStdin {
		return d.env.readPiped()
	}
	if w := os.Getenv("CONCLAVE_RECOVERY_CODE"); w != "" {
		return w, nil
	}
	t := d.env.terminal()
	if t == nil {
		return "", &exitError{exitUsage, errors.New("no recovery code; use --words-stdin or CONCLAVE_RECOVERY_CODE, or run it in a terminal")}
	}
	return t.secret("The twelve words")
}

func (c *recoverCommand) reset(d *device) error {
	s, err := d.Status(d.env.ctx)
	if err != nil {
		return err
	}
	if s.Stage != account.StageUnconfirmed && !c.Yes {
		t := d.env.terminal()
		if t == nil {
			return &exitError{exitUsage, errors.New("--reset cannot be undone, and all your contacts are told; add --yes")}
		}
		if ok, err := t.yes("Make a new identity? It cannot be undone. All your contacts are told and must verify you again."); err != nil || !ok {
			return err
		}
	}
	r, err := d.Reset(d.env.ctx)
	if err != nil {
		return err
	}
	return d.confirm(r, c.WordsTo, c.Confirm, "conclave recover --reset")
}
