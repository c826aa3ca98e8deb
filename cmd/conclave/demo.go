package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"rsc.io/qr"

	"conclave/client/clip"
	"conclave/client/media"
	"conclave/client/meeting"
	"conclave/core/session"
	"conclave/server"
)

type demoCommand struct {
	Listen string `help:"TCP address of the demo's server; port 0 takes a free one." default:"127.0.0.1:0"`
	Check  bool   `help:"Instead of waiting for you, let a second participant join, check what it receives, and end."`
	JSON   bool   `name:"json" help:"With --check, print the result as one JSON object; else the link."`
	QR     bool   `name:"qr" help:"Print the link as a QR code too." default:"true" negatable:""`

	LogLevel string `help:"Least level that is logged: ${enum}." enum:"debug,info,warn,error" default:"warn"`
	JSONLog  bool   `name:"json-log" help:"Log as JSON, one object a line."`
}

const (
	robotName    = "Robot"
	robotJoining = 15 * time.Second
)

// Run serves a meeting with a robot in it until it is interrupted, or for the
// time that the check takes.
func (c *demoCommand) Run(e *env) error {
	log := logFlags{LogLevel: c.LogLevel, JSONLog: c.JSONLog}.logger(e)
	d, err := startDemo(e.ctx, c.Listen, log)
	if err != nil {
		return err
	}
	if c.Check {
		err = c.check(e, d, log)
	} else {
		err = c.wait(e, d)
	}
	return errors.Join(err, d.stop())
}

// wait shows the link and waits for the end.
func (c *demoCommand) wait(e *env, d *demo) error {
	if c.JSON {
		if err := printJSON(e.stdout, map[string]string{"link": d.link}); err != nil {
			return err
		}
	} else {
		printf(e.stdout, "A meeting with a robot in it runs on this machine:\n\n  %s\n\n", d.link)
		if c.QR {
			if err := printQR(e.stdout, d.link); err != nil {
				return err
			}
		}
		printf(e.stdout, "Open the link in a browser on this machine and join; Ctrl-C ends everything.\n")
	}
	select {
	case <-e.ctx.Done():
		return nil
	case err := <-d.failed:
		return err
	}
}

// A demo is a server on this machine and a robot in a meeting on it.
type demo struct {
	link   string
	failed chan error // of the server or the robot, which should not end; capacity one each

	data   string
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// startDemo returns a demo once its robot is in the meeting. The caller stops it.
func startDemo(ctx context.Context, listen string, log *slog.Logger) (*demo, error) {
	ctx, cancel := context.WithCancel(ctx)
	d := &demo{cancel: cancel, failed: make(chan error, 2)}
	ready, err := d.start(ctx, listen, log)
	if err == nil {
		select {
		case <-ready:
			return d, nil
		case err = <-d.failed:
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(robotJoining):
			err = errors.New("the robot did not get into its meeting")
		}
	}
	return nil, errors.Join(err, d.stop())
}

// start starts server and robot; ready is closed when the robot has a key.
func (d *demo) start(ctx context.Context, listen string, log *slog.Logger) (ready <-chan struct{}, err error) {
	recording, err := clip.Demo()
	if err != nil {
		return nil, err
	}
	if d.data, err = os.MkdirTemp("", "conclave-demo-"); err != nil {
		return nil, fmt.Errorf("making a data folder: %w", err)
	}
	s, err := server.Listen(server.Config{Listen: listen, Data: d.data, Log: log})
	if err != nil {
		return nil, err
	}
	d.done.Go(func() {
		if err := s.Run(ctx); err != nil {
			d.failed <- err
		}
	})
	link, err := session.GenerateLink(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a link: %w", err)
	}
	d.link = link.URL(s.URL())
	joined := make(chan struct{})
	robot, err := media.New(media.Config{
		Link: d.link, Create: true, Name: robotName, Class: meeting.Robot,
		Video: recording, Audio: recording, Log: log,
		OnEvent: onFirst[meeting.Published](func() { close(joined) }),
	})
	if err != nil {
		return nil, err
	}
	d.done.Go(func() {
		if err := robot.Run(ctx); err != nil {
			d.failed <- fmt.Errorf("robot: %w", err)
		}
	})
	return joined, nil
}

// onFirst returns an event handler that calls f at the first event of type T.
func onFirst[T meeting.Output](f func()) func(meeting.Output) {
	var once sync.Once
	return func(o meeting.Output) {
		if _, ok := o.(T); ok {
			once.Do(f)
		}
	}
}

// stop ends the robot and the server and removes the data folder.
func (d *demo) stop() error {
	d.cancel()
	d.done.Wait()
	if d.data == "" {
		return nil
	}
	return os.RemoveAll(d.data)
}

// printf prints for people. A standard output that was closed ends nothing.
func printf(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// printQR draws a QR code with half blocks, dark on light whatever the colours
// of the terminal are.
func printQR(w io.Writer, text string) error {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return fmt.Errorf("making the QR code: %w", err)
	}
	const (
		quiet = 2 // modules of margin
		paint = "\x1b[38;5;16;48;5;231m"
		reset = "\x1b[0m"
	)
	// One character is two modules, one above the other.
	blocks := [4]string{" ", "▀", "▄", "█"}
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		b.WriteString("  " + paint)
		for x := -quiet; x < code.Size+quiet; x++ {
			i := 0
			if code.Black(x, y) {
				i |= 1
			}
			if y+1 < code.Size+quiet && code.Black(x, y+1) {
				i |= 2
			}
			b.WriteString(blocks[i])
		}
		b.WriteString(reset + "\n")
	}
	_, err = fmt.Fprintln(w, b.String())
	return err
}
