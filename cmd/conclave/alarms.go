package main

import (
	"fmt"
	"io"
	"os"

	"conclave/client/account"
)

type alarmsCommand struct {
	List     alarmsListCommand     `cmd:"" default:"withargs" help:"List what the server or the directory did and must not do."`
	Dismiss  alarmsDismissCommand  `cmd:"" help:"Take an alarm from the list. Its evidence stays."`
	Evidence alarmsEvidenceCommand `cmd:"" help:"Save the evidence of an alarm, for others to check with conclave audit --evidence."`
}

type alarmsListCommand struct {
	clientFlags
}

// Run lists alarms.
func (c *alarmsListCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		list, err := d.Alarms(e.ctx)
		if err != nil {
			return err
		}
		return d.print(struct {
			Alarms []account.Alarm `json:"alarms"`
		}{list}, func(w io.Writer) {
			if len(list) == 0 {
				_, _ = fmt.Fprintln(w, "No alarms.")
			}
			for i := range list {
				_, _ = fmt.Fprintf(w, "%s  %s  %s\n", list[i].ID, day(list[i].Time), tellAlarm(&list[i]))
			}
		})
	})
}

type alarmsDismissCommand struct {
	ID string `arg:"" help:"Which one: see conclave alarms."`

	clientFlags
}

// Run dismisses an alarm.
func (c *alarmsDismissCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		if err := d.DismissAlarm(e.ctx, c.ID); err != nil {
			return err
		}
		return d.printDone("Dismissed. The evidence stays.")
	})
}

type alarmsEvidenceCommand struct {
	ID  string `arg:"" help:"Which one: see conclave alarms."`
	Out string `arg:"" help:"File to write, or - for standard output." type:"path"`

	clientFlags
}

// Run saves evidence.
func (c *alarmsEvidenceCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		b, err := d.Evidence(e.ctx, c.ID)
		if err != nil {
			return err
		}
		if c.Out == "-" {
			_, err := e.stdout.Write(b)
			return err
		}
		if err := os.WriteFile(c.Out, b, 0o600); err != nil {
			return err
		}
		return d.printDone("Saved. It holds no secret, but says whom you know.")
	})
}
