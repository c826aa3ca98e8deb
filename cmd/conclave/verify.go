package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"rsc.io/qr"

	"conclave/client/account"
)

type verifyCommand struct {
	Handle string `arg:"" help:"Whom to verify."`
	Emoji  bool   `help:"Compare seven symbols. This is what happens without a flag." xor:"how"`
	QR     bool   `name:"qr" help:"Show a code that they scan." xor:"how"`
	Scan   string `help:"Text of the code that they show, or - to read it from standard input." xor:"how" placeholder:"TEXT"`
	Number bool   `help:"Compare the safety number of 60 digits." xor:"how"`

	compareFlags
	clientFlags
}

// Run verifies a person.
func (c *verifyCommand) Run(e *env) error {
	c.Handle = handleOf(c.Handle)
	return c.run(e, func(d *device) error {
		switch {
		case c.Scan != "":
			return c.scan(d)
		case c.Number:
			return c.number(d)
		case c.QR:
			return c.show(d)
		}
		check, err := d.VerifyEmoji(e.ctx, c.Handle)
		if err != nil {
			return err
		}
		return c.compare(d, check, "@"+c.Handle)
	})
}

func (c *verifyCommand) show(d *device) error {
	check, err := d.ShowQR(d.env.ctx, c.Handle)
	if err != nil {
		return err
	}
	if s := check.State(); !c.JSON {
		d.showCode(s.QR)
		d.say("Have @%s scan this code, or hand over its text, which is a secret until then:\n  %s", c.Handle, s.QR)
	}
	return c.compare(d, check, "@"+c.Handle)
}

func (c *verifyCommand) scan(d *device) error {
	text, err := d.env.argument(c.Scan)
	if err != nil {
		return err
	}
	x, err := d.ScanQR(d.env.ctx, c.Handle, text)
	if err != nil {
		return err
	}
	return d.printVerified(&x)
}

func (d *device) printVerified(x *account.Contact) error {
	return d.print(x, func(w io.Writer) { _, _ = fmt.Fprintf(w, "@%s: %s.\n", x.Handle, levelText(x)) })
}

func (c *verifyCommand) number(d *device) error {
	ctx := d.env.ctx
	n, err := d.SafetyNumber(ctx, c.Handle)
	if err != nil {
		return err
	}
	same := c.Match || c.Yes
	if !same && !c.Differ {
		if err := d.print(n, func(w io.Writer) { printNumber(w, n.Groups) }); err != nil {
			return err
		}
		t := d.env.terminal()
		if t == nil || c.JSON {
			d.say("Compare, then run the same command with --match or --differ.")
			return nil
		}
		if same, err = t.yes("Do you both see the same number?"); err != nil {
			return err
		}
	}
	if !same {
		return c.numberDiffers(ctx, d)
	}
	x, err := d.ConfirmNumber(ctx, c.Handle)
	if err != nil {
		return err
	}
	return d.printVerified(&x)
}

func (c *verifyCommand) numberDiffers(ctx context.Context, d *device) error {
	return errors.Join(&exitError{exitAlarm, errDiffer}, d.NumberDiffers(ctx, c.Handle))
}

// printNumber writes a safety number in rows of four groups.
func printNumber(w io.Writer, groups []string) {
	for i := 0; i < len(groups); i += 4 {
		_, _ = fmt.Fprintln(w, strings.Join(groups[i:min(i+4, len(groups))], " "))
	}
}

// showCode draws a QR code in the terminal, two rows of modules in one line, dark
// on light whatever the colours of the terminal.
func (d *device) showCode(text string) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return // the text is shown too
	}
	const quiet = 2
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		b.WriteString("\x1b[30;107m")
		for x := -quiet; x < code.Size+quiet; x++ {
			switch upper, lower := code.Black(x, y), code.Black(x, y+1); {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	_, _ = io.WriteString(d.env.stderr, b.String())
}
