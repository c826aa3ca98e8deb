package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"conclave/client/account"
)

type devicesCommand struct {
	List    devicesListCommand    `cmd:"" default:"withargs" help:"List your devices, and those that ask to be added."`
	Add     devicesAddCommand     `cmd:"" help:"Add this device to your account, with another one at hand."`
	Approve devicesApproveCommand `cmd:"" help:"Approve a device that asks to be added."`
	Refuse  devicesRefuseCommand  `cmd:"" help:"Refuse a device that asks, and end its sign-in."`
	Revoke  devicesRevokeCommand  `cmd:"" help:"Remove a device from your account."`
}

type devicesListCommand struct {
	clientFlags
}

// deviceList is the result of devices list.
type deviceList struct {
	Devices  []account.Device  `json:"devices"`
	Requests []account.Request `json:"requests"`
}

// Run lists devices.
func (c *devicesListCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		list, err := d.Devices(e.ctx)
		if err != nil {
			return err
		}
		requests, err := d.Requests(e.ctx)
		if err != nil && !errors.Is(err, account.ErrNoKeys) {
			return err
		}
		return d.print(deviceList{list, requests}, func(w io.Writer) { printDevices(w, list, requests) })
	})
}

func printDevices(w io.Writer, list []account.Device, requests []account.Request) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := range list {
		x := &list[i]
		note := "added " + day(x.Added)
		switch {
		case x.Removed != 0:
			note = "removed " + day(x.Removed) + "; it can read nothing sent since"
		case x.This:
			note = "this device"
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", x.ID, x.Name, x.Class, note)
	}
	_ = t.Flush()
	for i := range requests {
		_, _ = fmt.Fprintf(w, "%s %q (%s) asks to be added: conclave devices approve %s\n", requests[i].ID, requests[i].Name, requests[i].Class, requests[i].ID)
	}
}

func day(ms uint64) string { return time.UnixMilli(int64(ms)).Format("2006-01-02 15:04") }

type devicesAddCommand struct {
	compareFlags
	clientFlags
}

// Run asks the other devices of the account to let this one in, and waits.
func (c *devicesAddCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		check, err := d.RequestDevice(e.ctx)
		if err != nil {
			return err
		}
		if s := check.State(); s.Phase == account.PhaseWaiting && !c.JSON {
			d.showCode(s.QR)
			d.say("On a device that you have: scan this code, or run\n  conclave devices approve\nor, with the text of the code,\n  conclave devices approve --qr '%s'", s.QR)
		}
		return c.compare(d, check, "the other device")
	})
}

type devicesApproveCommand struct {
	Request string `arg:"" optional:"" help:"Which one, if several ask: see conclave devices."`
	QR      string `name:"qr" help:"Text of the QR code that the new device shows, or - to read it from standard input." placeholder:"TEXT"`

	compareFlags
	clientFlags
}

// Run lets a device in once it is known to be the right one.
func (c *devicesApproveCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		if c.QR != "" {
			text, err := e.argument(c.QR)
			if err != nil {
				return err
			}
			added, err := d.ApproveQR(e.ctx, text)
			if err != nil {
				return err
			}
			return d.print(added, func(w io.Writer) {
				_, _ = fmt.Fprintf(w, "%q got the keys of your account and adds itself to the list.\n", added.Name)
			})
		}
		r, err := d.chosen(c.Request)
		if err != nil {
			return err
		}
		check, err := d.Approve(e.ctx, r)
		if err != nil {
			return err
		}
		return c.compare(d, check, "the new device")
	})
}

// chosen returns the id of the request that was named, or of the only one.
func (d *device) chosen(id string) (string, error) {
	if id != "" {
		return id, nil
	}
	list, err := d.Requests(d.env.ctx)
	switch {
	case err != nil:
		return "", err
	case len(list) == 0:
		return "", errors.New("no device asks to be added; sign in on the new one and run conclave devices add there")
	case len(list) > 1:
		return "", &exitError{exitUsage, errors.New("several devices ask; list them with conclave devices, and name one")}
	}
	return list[0].ID, nil
}

type devicesRefuseCommand struct {
	Request string `arg:"" help:"Which one: see conclave devices."`

	clientFlags
}

// Run refuses a device.
func (c *devicesRefuseCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		if err := d.Refuse(e.ctx, c.Request); err != nil {
			return err
		}
		return d.printDone("Refused, and its sign-in has ended. Change your password if it was not you.")
	})
}

type devicesRevokeCommand struct {
	Device string `arg:"" help:"Id or name of the device."`
	Yes    bool   `help:"Do not ask."`

	clientFlags
}

// Run removes a device.
func (c *devicesRevokeCommand) Run(e *env) error {
	return c.run(e, func(d *device) error {
		list, err := d.Devices(e.ctx)
		if err != nil {
			return err
		}
		x, err := named(list, c.Device)
		if err != nil {
			return err
		}
		if t := e.terminal(); !c.Yes && t != nil {
			if ok, err := t.yes(fmt.Sprintf("Remove %q? It can read nothing sent since.", x.Name)); err != nil || !ok {
				return err
			}
		}
		if err := d.Revoke(e.ctx, x.ID); err != nil {
			return err
		}
		return d.printDone(fmt.Sprintf("%q was removed. If somebody else has it, they have what it held: also reset your identity (conclave recover --reset).", x.Name))
	})
}

// named returns the device with an id or name that is in the list.
func named(list []account.Device, name string) (account.Device, error) {
	var found []account.Device
	for i := range list {
		if list[i].Removed == 0 && (list[i].ID == name || strings.EqualFold(list[i].Name, name)) {
			found = append(found, list[i])
		}
	}
	switch len(found) {
	case 0:
		return account.Device{}, fmt.Errorf("no device %q; conclave devices lists them", name)
	case 1:
		return found[0], nil
	default:
		return account.Device{}, fmt.Errorf("several devices are called %q; use the id", name)
	}
}

// argument returns what was given on the command line, or standard input for "-".
func (e *env) argument(text string) (string, error) {
	if text != "-" {
		return text, nil
	}
	return e.readPiped()
}
