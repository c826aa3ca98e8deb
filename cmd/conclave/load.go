package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"conclave/api"
	"conclave/client/conn"
	"conclave/client/load"
	"conclave/core/session"
)

type loadCommand struct {
	Media loadMediaCommand `cmd:"" help:"Fill a meeting with media and measure what arrives and what it costs the server."`
}

type loadMediaCommand struct {
	Link   string `arg:"" optional:"" help:"Invite link of a meeting that nobody uses, in quotes, or - to read it from standard input. Default: a new meeting on --server."`
	Server string `help:"Make a meeting of its own on this server, such as http://localhost:8080." placeholder:"URL"`

	Publishers  int       `help:"Participants that send." default:"1"`
	Subscribers int       `help:"Participants that receive." default:"10"`
	Codec       string    `help:"What video packets look like: ${enum}; opus sends no video." enum:"vp9,av1,vp8,h264,opus" default:"vp9"`
	Layers      string    `help:"Layers of the video: L1T1 to L4T3, L3T3_KEY and the like, or simulcast." default:"L1T1"`
	Pattern     string    `help:"How the packets of a frame leave: ${enum}." enum:"burst10,burst20,spaced" default:"burst10"`
	Rate        bitRate   `help:"Bits a second of each publisher's video, such as 2.5M. Default: one burst a frame." placeholder:"RATE"`
	Size        int       `help:"Bytes of a full RTP packet." default:"1200"`
	FPS         float64   `name:"fps" help:"Video frames a second." default:"26"`
	Audio       bool      `help:"Each publisher sends sound too."`
	Tile        pixels    `help:"Size in which the video is shown, which decides the layer." default:"1280x720"`
	Profiles    []linkArg `name:"link" help:"Link towards a subscriber, in turns: RATE/loss=5%/delay=100ms/jitter=30ms/queue=300ms, each part optional, or none. Several with commas." sep:"," placeholder:"3M,400k"`
	Loss        share     `help:"Share of packets that get lost towards each subscriber, such as 5%." default:"0"`
	Churn       float64   `help:"Subscribers a second that leave and are replaced." default:"0"`

	For           time.Duration `help:"How long to measure." default:"15s"`
	Windows       int           `help:"Parts of that time, each measured for itself; rate and CPU are their medians." default:"3"`
	WarmUp        time.Duration `name:"warm-up" help:"Wait before measuring, once all receive." default:"3s"`
	ServerMetrics string        `name:"server-metrics" help:"Where the server's CPU and memory are read. Default: /metrics of the server." placeholder:"URL"`
	Roots         string        `help:"File of certificates (PEM) to trust besides those of the system." placeholder:"FILE"`
	JSON          bool          `name:"json" help:"Print the result as one JSON object. Progress is on standard error."`

	LogLevel string `help:"Least level that is logged: ${enum}." enum:"debug,info,warn,error" default:"warn"`
	JSONLog  bool   `name:"json-log" help:"Log as JSON, one object a line."`
}

// Run makes the load.
func (c *loadMediaCommand) Run(e *env) error {
	cfg, err := c.config(e)
	if err != nil {
		return &exitError{exitUsage, explainLoad(err)}
	}
	result, err := load.Run(e.ctx, cfg)
	if err != nil && (len(result.Windows) == 0 || !errors.Is(err, context.Canceled)) {
		return explainLoad(err)
	}
	if c.JSON {
		return printJSON(e.stdout, result)
	}
	printLoad(e.stdout, result)
	return nil
}

func (c *loadMediaCommand) config(e *env) (load.Config, error) {
	cfg := load.Config{
		Server: c.Server, Metrics: c.ServerMetrics,
		Publishers: c.Publishers, Subscribers: c.Subscribers, Audio: c.Audio,
		Width: c.Tile.width, Height: c.Tile.height,
		WarmUp: c.WarmUp, For: c.For, Windows: c.Windows, Churn: c.Churn,
		Log: logFlags{LogLevel: c.LogLevel, JSONLog: c.JSONLog}.logger(e),
	}
	var err error
	if cfg.Link, err = c.readLink(); err != nil {
		return cfg, err
	}
	switch {
	case cfg.Link != "" && c.Server != "":
		return cfg, errors.New("a link and --server exclude each other; the link says which server")
	case c.Publishers < 1 || c.Subscribers < 1:
		return cfg, errors.New("--publishers and --subscribers must be at least 1")
	}
	s := load.Stream{Size: c.Size, FPS: c.FPS, Rate: int(c.Rate)}
	if s.Codec, err = load.ParseCodec(c.Codec); err != nil {
		return cfg, err
	}
	if s.Layers, err = load.ParseLayers(c.Layers); err != nil {
		return cfg, err
	}
	if s.Pattern, err = load.ParsePattern(c.Pattern); err != nil {
		return cfg, err
	}
	cfg.Stream = s
	for _, p := range c.Profiles {
		cfg.Links = append(cfg.Links, load.Link(p))
	}
	if len(cfg.Links) == 0 && c.Loss > 0 {
		cfg.Links = []load.Link{{}}
	}
	for i := range cfg.Links {
		if cfg.Links[i].Loss == 0 {
			cfg.Links[i].Loss = float64(c.Loss)
		}
	}
	if c.Roots != "" {
		if cfg.Roots, err = conn.LoadRoots(c.Roots); err != nil {
			return cfg, fmt.Errorf("--roots %s: %w; give a file of PEM certificates", c.Roots, err)
		}
	}
	started := time.Now()
	cfg.Progress = func(text string) {
		printf(e.stderr, "%6.1f s  %s\n", time.Since(started).Seconds(), text)
	}
	cfg.OnWindow = func(w load.Window) { cfg.Progress(windowText(w)) }
	return cfg, nil
}

// readLink returns the link that was given, from standard input for "-".
func (c *loadMediaCommand) readLink() (string, error) {
	if c.Link != "-" {
		return c.Link, nil
	}
	b, err := io.ReadAll(io.LimitReader(os.Stdin, maxLink))
	if err != nil {
		return "", fmt.Errorf("reading the link: %w", err)
	}
	return string(bytes.TrimSpace(b)), nil
}

// explainLoad makes of an error one that says what to do next.
func explainLoad(err error) error {
	refused := new(load.RefusedError)
	_ = errors.As(err, &refused)
	with := func(code int, text string) error { return &exitError{code, errors.New(text)} }
	switch {
	case errors.Is(err, context.Canceled):
		return with(exitFailed, "interrupted before the first window was measured")
	case errors.Is(err, load.ErrConfig), errors.Is(err, load.ErrStream):
		return with(exitUsage, strings.TrimPrefix(err.Error(), "load: "))
	case errors.Is(err, session.ErrLinkIncomplete), errors.Is(err, session.ErrLinkMismatch):
		return with(exitLinkWrong, "this link is not complete: the part after # is missing or changed; copy it again, in quotes, or give --server to make a meeting")
	case refused.Code == api.ErrorCode_ERROR_CODE_MEETING_FULL:
		return with(exitRoomFull, fmt.Sprintf("the meeting is full: it takes %d participants, publishers included; start the server with a larger --max-participants, or ask for fewer --subscribers", refused.Limit))
	case refused.Code == api.ErrorCode_ERROR_CODE_NOT_ADMITTED:
		return with(exitLinkWrong, "the server does not admit to this meeting; ask for the link again")
	case errors.Is(err, load.ErrUnreachable):
		return with(exitUnreachable, "the server cannot be reached; check that it runs, and its address")
	case errors.Is(err, load.ErrUntrusted):
		return with(exitUnreachable, "the server's certificate is not trusted; give the file of its root certificate with --roots")
	case errors.Is(err, load.ErrLost):
		return with(exitUnreachable, "the connection to the server was lost; look at the server's log")
	case errors.Is(err, load.ErrConnect):
		return with(exitUnreachable, "the server was reached, but not its media port; let UDP through to --media-listen")
	case errors.Is(err, load.ErrSilent):
		return with(exitFailed, "a subscriber is connected but gets no media; its link may be too slow for the lowest layer, or look at the server's log")
	case errors.Is(err, load.ErrMetrics):
		return with(exitUnreachable, fmt.Sprintf("%v; check --server-metrics, or leave it out", err))
	}
	return err
}
