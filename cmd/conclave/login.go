package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"conclave/client/account"
)

type loginCommand struct {
	Handle string `arg:"" optional:"" help:"Your handle, or your name at the organisation. Default: who was signed in here before."`
	LDAP   string `name:"ldap" help:"Sign in at the organisation with this id, by its name and password." placeholder:"ID"`
	OIDC   string `name:"oidc" help:"Sign in at the provider with this id, in a browser." placeholder:"ID"`
	Code   string `help:"Code that the browser showed, in a second call." placeholder:"CODE"`

	PasswordStdin bool `help:"Read the password from standard input. CONCLAVE_PASSWORD gives it too."`

	clientFlags
}

// Run signs in. A sign-in gives no keys; what gives them is said.
func (c *loginCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		s, err := c.signIn(d)
		if err != nil {
			return err
		}
		return d.printStatus(s, "Signed in as @"+s.Handle+".")
	})
}

func (c *loginCommand) signIn(d *device) (account.Status, error) {
	if c.OIDC != "" || c.Code != "" {
		return c.signInOIDC(d)
	}
	handle := c.Handle
	if handle == "" {
		s, err := d.Status(d.env.ctx)
		if err != nil {
			return s, err
		}
		if handle = s.Handle; handle == "" {
			return s, &exitError{exitUsage, errors.New("nobody was signed in here before; give your handle: conclave login HANDLE")}
		}
	}
	password, err := d.password(false, c.PasswordStdin)
	if err != nil {
		return account.Status{}, err
	}
	if c.LDAP != "" {
		return d.SignInLDAP(d.env.ctx, c.LDAP, handle, password)
	}
	d.say("Making keys from the password; this takes a second or two.")
	return d.SignInPassword(d.env.ctx, handle, password)
}

func (c *loginCommand) signInOIDC(d *device) (account.Status, error) {
	if c.Code == "" {
		url, err := d.BeginOIDC(d.env.ctx, c.OIDC, "code")
		if err != nil {
			return account.Status{}, err
		}
		d.say("Open this address in a browser and sign in:\n\n  %s\n", url)
		t := d.env.terminal()
		if t == nil {
			return account.Status{}, &exitError{exitUsage, errors.New("then run conclave login --code with the code that the browser shows")}
		}
		if c.Code, err = t.line("Code that the browser shows"); err != nil {
			return account.Status{}, err
		}
	}
	return d.FinishOIDC(d.env.ctx, c.Code)
}

type logoutCommand struct {
	Forget bool `help:"Also forget the keys and contacts of this device. Another device or the recovery code brings the account back."`
	Yes    bool `help:"Do not ask."`

	clientFlags
}

// Run ends the session.
func (c *logoutCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		if !c.Forget {
			if err := d.SignOut(e.ctx); err != nil {
				return err
			}
			return d.printDone("Signed out. The keys of this device stay in its folder; conclave login goes on with them.")
		}
		if !c.Yes {
			t := e.terminal()
			if t == nil {
				return &exitError{exitUsage, errors.New("--forget cannot be undone; add --yes")}
			}
			if ok, err := t.yes("Forget the keys and contacts of this device?"); err != nil || !ok {
				return err
			}
		}
		if err := d.Forget(e.ctx); err != nil {
			return err
		}
		return d.printDone("Forgotten. This device is no longer one of the account; remove it from the list on another one.")
	})
}

// printDone prints that something was done.
func (d *device) printDone(text string) error {
	return d.print(struct {
		OK bool `json:"ok"`
	}{true}, func(w io.Writer) { _, _ = fmt.Fprintln(w, text) })
}

type whoamiCommand struct {
	clientFlags
}

// Run prints who is signed in here.
func (c *whoamiCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		s, err := d.Status(e.ctx)
		if err != nil {
			return err
		}
		if s.Stage != account.StageSignedOut {
			if s, err = d.Refresh(e.ctx); err != nil {
				return err
			}
		}
		return d.printStatus(s, "")
	})
}

// printStatus prints the account on this device, after a first line.
func (d *device) printStatus(s account.Status, first string) error {
	return d.print(s, func(w io.Writer) {
		if first != "" {
			_, _ = fmt.Fprintln(w, first)
		}
		if s.User == "" {
			_, _ = fmt.Fprintln(w, "Nobody is signed in here. Next: conclave register HANDLE, or conclave login HANDLE")
			return
		}
		_, _ = fmt.Fprintf(w, "@%s (%s) at %s\n", s.Handle, s.Name, s.Server)
		_, _ = fmt.Fprintf(w, "user       %s\n", s.User)
		if s.Device != "" {
			_, _ = fmt.Fprintf(w, "device     %s, one of %d\n", s.Device, s.Devices)
		}
		_, _ = fmt.Fprintf(w, "directory  size %d, %s\n", s.Checkpoint.Size, witnessText(s.Witnesses, s.Needed))
		if s.Alarms > 0 {
			_, _ = fmt.Fprintf(w, "alarms     %d; see conclave alarms\n", s.Alarms)
		}
		if next := nextStep(&s); next != "" {
			_, _ = fmt.Fprintln(w, next)
		}
	})
}

// nextStep says what to do at a stage.
func nextStep(s *account.Status) string {
	switch s.Stage {
	case account.StageSignedOut:
		return "Signed out. Next: conclave login"
	case account.StageNoIdentity:
		return "The account has no identity yet. Next: conclave register " + cmp.Or(s.Handle, "HANDLE")
	case account.StageUnconfirmed:
		return "The recovery code is not confirmed. Next: conclave register " + s.Handle + ", which shows it again"
	case account.StageNoKeys:
		return "This device has no keys yet. Next: conclave devices add (with another device at hand), or conclave recover"
	case account.StageRemoved:
		return "This device was removed from the account. Next: conclave login"
	case account.StageReady:
		return ""
	}
	return ""
}

// witnessText says how many independent parties confirm the directory.
func witnessText(have, named int) string {
	if named == 0 {
		return "no independent witness confirms it"
	}
	return fmt.Sprintf("confirmed by %d of %d independent witnesses", have, named)
}
