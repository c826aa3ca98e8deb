package main

import (
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"

	"conclave/client/account"
)

type contactsCommand struct {
	List   contactsListCommand   `cmd:"" default:"withargs" help:"List the people you know."`
	Add    contactsAddCommand    `cmd:"" help:"Look somebody up and keep them."`
	Invite contactsInviteCommand `cmd:"" help:"Print a link that brings somebody to this server and to you."`
	Accept contactsAcceptCommand `cmd:"" help:"Accept the new identity of somebody who reset theirs, not verified."`
}

type contactsListCommand struct {
	clientFlags
}

// Run lists contacts.
func (c *contactsListCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		list, err := d.Contacts(e.ctx)
		if err != nil {
			return err
		}
		return d.print(struct {
			Contacts []account.Contact `json:"contacts"`
		}{list}, func(w io.Writer) {
			if len(list) == 0 {
				_, _ = fmt.Fprintln(w, "Nobody yet. Next: conclave contacts add HANDLE, or conclave contacts invite")
				return
			}
			t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			for i := range list {
				_, _ = fmt.Fprintf(t, "@%s\t%s\t%s\n", list[i].Handle, list[i].Name, levelText(&list[i]))
			}
			_ = t.Flush()
		})
	})
}

// levelText says how a contact was verified, in the words of the web client.
func levelText(c *account.Contact) string {
	if c.State == "reset" {
		return "Identity was reset. Verify before you send: conclave verify " + c.Handle
	}
	switch c.Verified {
	case "emoji":
		return "Checked by emoji"
	case "qr":
		return "Checked by QR"
	case "number":
		return "Checked by digits"
	case "contact":
		return "Contact, key unchanged"
	default:
		return "Not verified"
	}
}

type contactsAddCommand struct {
	Handle string `arg:"" help:"Their handle."`

	clientFlags
}

// Run adds a contact.
func (c *contactsAddCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		x, err := d.AddContact(e.ctx, handleOf(c.Handle))
		if err != nil {
			return err
		}
		return d.print(x, func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "@%s, %s. %s.\n", x.Handle, x.Name, levelText(&x))
		})
	})
}

type contactsInviteCommand struct {
	clientFlags
}

// Run prints an invite.
func (c *contactsInviteCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		u, err := url.Parse(d.doer.Base())
		if err != nil {
			return err
		}
		link, err := d.Invite(e.ctx, u.Host)
		if err != nil {
			return err
		}
		return d.print(struct {
			Link string `json:"link"`
		}{link}, func(w io.Writer) { _, _ = fmt.Fprintln(w, link) })
	})
}

type contactsAcceptCommand struct {
	Handle string `arg:"" help:"Their handle."`

	clientFlags
}

// Run accepts a reset.
func (c *contactsAcceptCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		x, err := d.AcceptReset(e.ctx, handleOf(c.Handle))
		if err != nil {
			return err
		}
		return d.print(x, func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "@%s has a new identity. Not verified: conclave verify %s\n", x.Handle, x.Handle)
		})
	})
}

type lookupCommand struct {
	Handle string `arg:"" help:"Whom to look up."`

	clientFlags
}

// Run prints what the directory proves about a handle.
func (c *lookupCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		r, err := d.Lookup(e.ctx, handleOf(c.Handle))
		if err != nil {
			return err
		}
		return d.print(r, func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "@%s, %s. %s.\n", r.Handle, r.Name, levelText(&r.Contact))
			_, _ = fmt.Fprintf(w, "user       %s, version %d\n", r.User, r.Version)
			_, _ = fmt.Fprintf(w, "directory  size %d, confirmed by %d independent witnesses\n", r.Checkpoint.Size, r.Witnesses)
			printDevices(w, r.Devices, nil)
		})
	})
}

// handleOf returns a handle without the @ that people write before it.
func handleOf(s string) string {
	if len(s) > 1 && s[0] == '@' {
		return s[1:]
	}
	return s
}
