package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"conclave/client/clip"
	"conclave/client/conn"
	"conclave/client/media"
	"conclave/client/meeting"
)

type callCommand struct {
	Join callJoinCommand `cmd:"" help:"Join a meeting as a participant without a browser."`
}

type callJoinCommand struct {
	Link   string        `arg:"" help:"The invite link, with everything after the #. In quotes, or - to read it from standard input, which keeps it out of the list of processes."`
	Video  string        `help:"Clip whose picture is sent: a .clip file, or demo for the bundled one." placeholder:"FILE"`
	Audio  string        `help:"Clip whose sound is sent: a .clip file, or demo for the bundled one." placeholder:"FILE"`
	Record string        `help:"WebM file to write what one participant sends to, without encoding it again." placeholder:"FILE"`
	From   string        `help:"Name of the participant to record. Default: the first who sends." placeholder:"NAME"`
	For    time.Duration `help:"Leave after this time, such as 30s. Default: at Ctrl-C." placeholder:"TIME"`
	Name   string        `help:"Name that the others see." default:"Native"`
	Roots  string        `name:"roots" help:"File of certificates (PEM) to trust besides those of the system." placeholder:"FILE"`
	JSON   bool          `name:"json" help:"Print one JSON object for each event, the last one a summary."`

	LogLevel string `help:"Least level that is logged: ${enum}." enum:"debug,info,warn,error" default:"warn"`
	JSONLog  bool   `name:"json-log" help:"Log as JSON, one object a line."`
}

// Exit codes of conclave call join, so that scripts can tell what went wrong.
const (
	exitLinkWrong   = 3
	exitLinkExpired = 4
	exitRoomFull    = 5
	exitUnreachable = 6
)

const (
	summaryEvery = 5 * time.Second // between progress lines
	maxLink      = 4096            // bytes of a link on standard input
)

// Run takes part in a meeting.
func (c *callJoinCommand) Run(e *env) error {
	r := &callReport{json: c.JSON, out: e.stdout, started: time.Now(), names: make(map[meeting.Index]string)}
	err := c.join(e, r)
	if err != nil {
		err = explain(err)
		r.failed(err)
	}
	return err
}

func (c *callJoinCommand) join(e *env, r *callReport) error {
	link, err := c.readLink()
	if err != nil {
		return err
	}
	cfg := media.Config{
		Link: link, Name: c.Name, Class: meeting.Native, Receive: true,
		Log: logFlags{LogLevel: c.LogLevel, JSONLog: c.JSONLog}.logger(e),
	}
	if cfg.Video, err = openClip("--video", c.Video); err != nil {
		return err
	}
	if cfg.Audio, err = openClip("--audio", c.Audio); err != nil {
		return err
	}
	if c.Roots != "" {
		if cfg.Roots, err = conn.LoadRoots(c.Roots); err != nil {
			return fmt.Errorf("--roots %s: %w", c.Roots, err)
		}
	}
	var rec *callRecording
	if c.Record != "" {
		if rec, err = newCallRecording(c.Record, c.From); err != nil {
			return err
		}
	}
	err = c.takePart(e, r, cfg, rec)
	if rec != nil {
		result, recErr := rec.close()
		r.recording = &result
		if err == nil {
			err = recErr
		}
	}
	if err == nil {
		r.summary()
	}
	return err
}

// takePart is in the meeting until it is told to leave.
func (c *callJoinCommand) takePart(e *env, r *callReport, cfg media.Config, rec *callRecording) error {
	link := cfg.Link
	ctx, stop := context.WithCancel(e.ctx)
	defer stop()
	var p *media.Participant
	cfg.OnFrame = func(f media.Frame) {
		r.frame(f)
		if rec != nil && rec.frame(f) {
			p.RequestKeyPicture(f.Stream)
		}
	}
	cfg.OnEvent = func(o meeting.Output) {
		r.event(o)
		if rec != nil {
			rec.event(o)
		}
	}
	var err error
	if p, err = media.New(cfg); err != nil {
		return err
	}
	if err := reach(ctx, link, cfg.Roots); err != nil {
		return err
	}
	r.stats = p.Stats
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }() // ends with ctx; both ways below wait for it
	if c.For > 0 {
		defer time.AfterFunc(c.For, stop).Stop()
	}
	progress := time.NewTicker(summaryEvery)
	defer progress.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-progress.C:
			r.progress()
		}
	}
}

// readLink returns the link that was given, from standard input for "-".
func (c *callJoinCommand) readLink() (string, error) {
	if c.Link != "-" {
		return c.Link, nil
	}
	b, err := io.ReadAll(io.LimitReader(os.Stdin, maxLink))
	if err != nil {
		return "", fmt.Errorf("reading the link: %w", err)
	}
	return string(bytes.TrimSpace(b)), nil
}

// openClip reads the clip that a flag names.
func openClip(flag, name string) (*clip.Clip, error) {
	switch name {
	case "":
		return nil, nil
	case "demo":
		return clip.Demo()
	}
	f, err := os.Open(name) //nolint:gosec // the user of the command line names the file
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := io.ReadAll(io.LimitReader(f, clip.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	c, err := clip.Unmarshal(b)
	switch {
	case errors.Is(err, clip.ErrFormat):
		return nil, fmt.Errorf("%s %s: %w; only .clip files are accepted, which tools/recordclip records, and demo for the bundled clip", flag, name, err)
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", flag, name, err)
	}
	return c, nil
}

// explain makes of an error of a call one that says what to do next, with an
// exit code of its own.
func explain(err error) error {
	failed := new(media.FailedError)
	_ = errors.As(err, &failed)
	with := func(code int, text string) error { return &exitError{code, errors.New(text)} }
	switch {
	case errors.Is(err, meeting.ErrLink), failed.Code == meeting.FailLinkWrong:
		return with(exitLinkWrong, "this link is not complete: the part after # is missing or changed; ask for the link again, and put it in quotes")
	case errors.Is(err, conn.ErrPlain):
		return with(exitLinkWrong, "this link begins with http:// and leads to another machine, where it would not be protected on its way; ask for the https:// link")
	case failed.Code == meeting.FailLinkExpired:
		return with(exitLinkExpired, "this link has expired, or nobody has started the meeting yet; ask the host for a new one")
	case failed.Code == meeting.FailRoomFull:
		return with(exitRoomFull, fmt.Sprintf("the meeting is full: it takes %d participants; try again when somebody has left", failed.Limit))
	case failed.Code == meeting.FailLost:
		return with(exitUnreachable, "the connection to the server was lost and did not come back; check the network and join again")
	case failed.Code == meeting.FailDowngrade:
		return with(exitFailed, "the server does not speak this version of the protocol; use the conclave program of the server's version")
	case errors.Is(err, meeting.ErrName):
		return with(exitUsage, "--name needs 1 to 64 bytes of text")
	case errors.Is(err, conn.ErrRoots):
		return with(exitUsage, fmt.Sprintf("%v; give a file of PEM certificates", err))
	case errors.Is(err, fs.ErrNotExist):
		return with(exitUsage, fmt.Sprintf("%v; check the path", err))
	}
	return err
}
