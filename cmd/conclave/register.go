package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"conclave/client/account"
)

type registerCommand struct {
	Handle string `arg:"" help:"Handle that others find you by: 2 to 32 letters or digits of one script, with . _ - between them."`
	Name   string `help:"Name that others see. Default: the handle." placeholder:"NAME"`
	Invite string `help:"Invite link from somebody you know, or the code that the server asks for." placeholder:"LINK"`

	PasswordStdin bool   `help:"Read the password from standard input. CONCLAVE_PASSWORD gives it too."`
	WordsTo       string `help:"Write the recovery code to a new file, which counts as saved." type:"path" placeholder:"FILE"`
	Confirm       string `help:"The two words of the recovery code that were asked for, in a second call." placeholder:"WORDS"`

	clientFlags
}

// registered is the result of register and of a reset.
type registered struct {
	account.Status
	Recovery *account.Recovery `json:"recovery,omitempty"`
}

// Run makes an account, its keys and its recovery code. Called again it goes on
// where it stopped.
func (c *registerCommand) Run(e *env) error {
	if c.Name == "" {
		c.Name = c.Handle
	}
	return c.run(e, func(d *device) error {
		s, err := d.Status(e.ctx)
		if err != nil {
			return err
		}
		if s.Stage == account.StageSignedOut {
			if s, err = c.signUp(d); err != nil {
				return err
			}
		}
		if s.Stage == account.StageReady {
			return d.printStatus(s, "You are registered as @"+s.Handle+".")
		}
		r, err := d.CreateIdentity(e.ctx, c.Handle, c.Name)
		if err != nil {
			return err
		}
		return d.confirm(r, c.WordsTo, c.Confirm, "conclave register "+c.Handle)
	})
}

func (c *registerCommand) signUp(d *device) (account.Status, error) {
	code := c.Invite
	if strings.Contains(c.Invite, "#") {
		code = ""
		who, err := d.UseInvite(d.env.ctx, c.Invite)
		if err != nil {
			return account.Status{}, err
		}
		d.say("Invited by %s (@%s).", who.Name, who.Handle)
	}
	password, err := d.password(true, c.PasswordStdin)
	if err != nil {
		return account.Status{}, err
	}
	d.say("Making keys from the password; this takes a second or two.")
	return d.SignUpPassword(d.env.ctx, c.Handle, c.Name, password, code)
}

// password returns the password from where it was given.
func (d *device) password(isNew, piped bool) (string, error) {
	if piped {
		return d.env.readPiped()
	}
	if p := os.Getenv("CONCLAVE_PASSWORD"); p != "" {
		return p, nil
	}
	t := d.env.terminal()
	switch {
	case t == nil:
		return "", &exitError{exitUsage, errors.New("no password; use --password-stdin or CONCLAVE_PASSWORD, or run it in a terminal")}
	case isNew:
		return t.newSecret("Password", "Again")
	default:
		return t.secret("Password")
	}
}

// confirm shows a recovery code and does not go on before it was saved: by a
// file, or by typing two of its words. command is what the person ran.
func (d *device) confirm(r account.Recovery, file, words, command string) error {
	switch {
	case file != "":
		if err := writeWords(file, r.Words); err != nil {
			return err
		}
		d.say("The recovery code is in %s. Keep it where you keep papers, and not on this machine alone.", file)
		words = r.Words[r.Confirm[0]-1] + " " + r.Words[r.Confirm[1]-1]
	case words == "":
		if t := d.env.terminal(); t != nil && !d.flags.JSON {
			return d.confirmTyped(t, r)
		}
		s, err := d.Status(d.env.ctx)
		if err != nil {
			return err
		}
		d.say("Write these words down. Then say words %d and %d: %s --confirm 'WORD%d WORD%d'\nUntil then, the same command shows them again.",
			r.Confirm[0], r.Confirm[1], command, r.Confirm[0], r.Confirm[1])
		return d.print(registered{s, &r}, func(w io.Writer) { printWords(w, r.Words) })
	}
	typed := strings.Fields(words)
	if len(typed) != 2 {
		return &exitError{exitUsage, fmt.Errorf("--confirm needs words %d and %d, with a space between", r.Confirm[0], r.Confirm[1])}
	}
	s, err := d.ConfirmRecovery(d.env.ctx, [2]string(typed))
	if err != nil {
		return err
	}
	return d.printStatus(s, "Done: you are @"+s.Handle+".")
}

func (d *device) confirmTyped(t *terminal, r account.Recovery) error {
	d.say("\nThis is your recovery code. It brings your account back if you lose this device.\nWrite it down, and show it to nobody.\n")
	printWords(d.env.stderr, r.Words)
	for {
		var typed [2]string
		for i, n := range r.Confirm {
			var err error
			if typed[i], err = t.line(fmt.Sprintf("Word %d", n)); err != nil {
				return err
			}
		}
		s, err := d.ConfirmRecovery(d.env.ctx, typed)
		if errors.Is(err, account.ErrConfirm) {
			d.say("These are not the words. Look at what you wrote down.")
			continue
		}
		if err != nil {
			return err
		}
		return d.printStatus(s, "Done: you are @"+s.Handle+".")
	}
}

// printWords writes the words of a recovery code with their numbers, in rows of
// three.
func printWords(w io.Writer, words []string) {
	for i, word := range words {
		_, _ = fmt.Fprintf(w, "%2d %-12s", i+1, word)
		if i%3 == 2 || i == len(words)-1 {
			_, _ = fmt.Fprintln(w)
		}
	}
}

// writeWords writes a recovery code to a file that does not exist yet.
func writeWords(path string, words []string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the user of the command line names the file
	if err != nil {
		return fmt.Errorf("--words-to: %w; name a file that does not exist yet", err)
	}
	_, err = fmt.Fprintln(f, strings.Join(words, " "))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
