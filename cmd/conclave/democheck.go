package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"conclave/client/media"
	"conclave/core/sframe"
)

// What the check demands, and how long it waits for each part.
const (
	checkVideo = 300 // video layer frames
	checkAudio = 100 // audio frames
	checkTop   = "S2T2"
	checkSlow  = 250_000 // bit/s of the slow link; the clip takes 113 kbit/s at S0T2, 205 at S1T0, 1103 at S2T2

	checkJoin    = 20 * time.Second // until the first frame opens
	checkReceive = 30 * time.Second // until enough frames have opened
	checkDrop    = 20 * time.Second // until the layer is low
	checkRaise   = 20 * time.Second // until the layer is high again
	checkAll     = 55 * time.Second // all of it

	layerWindow = time.Second // a layer is what came in the last second
	lookEvery   = 100 * time.Millisecond
)

// A checkResult is what conclave demo --check found.
type checkResult struct {
	OK              bool     `json:"ok"`
	VideoFrames     uint64   `json:"video_frames"`
	AudioFrames     uint64   `json:"audio_frames"`
	DecryptErrors   uint64   `json:"decrypt_errors"`
	LayersSeen      []string `json:"layers_seen"`
	LayerAfterDrop  string   `json:"layer_after_drop"`
	LayerAfterRaise string   `json:"layer_after_raise"`
	JoinMS          int64    `json:"join_ms"` // from the start of joining to the first opened frame
	Error           string   `json:"error,omitempty"`
}

// check joins d's meeting as a second participant and prints what it found.
func (c *demoCommand) check(e *env, d *demo, log *slog.Logger) error {
	k := &checker{started: time.Now(), seen: make(map[layer]time.Time), progress: e.stdout}
	if c.JSON {
		k.progress = io.Discard
	}
	err := k.run(e.ctx, d, log)
	r := k.result()
	if err == nil && r.DecryptErrors > 0 {
		err = fmt.Errorf("%d frames did not open", r.DecryptErrors)
	}
	r.OK = err == nil
	if err != nil {
		r.Error = err.Error()
	}
	if c.JSON {
		if err := printJSON(e.stdout, r); err != nil {
			return err
		}
	} else if r.OK {
		printf(e.stdout, "All well: %d video layer frames and %d audio frames opened, none refused.\n", r.VideoFrames, r.AudioFrames)
	}
	if err != nil {
		return fmt.Errorf("demo check: %w", err)
	}
	return nil
}

// A layer is a spatial and a temporal id, as the sender sealed them.
type layer struct{ spatial, temporal uint8 }

func (l layer) String() string { return fmt.Sprintf("S%dT%d", l.spatial, l.temporal) }

// A checker receives what the robot sends over a link that it makes slow and
// fast again.
type checker struct {
	// Constant.
	started  time.Time
	progress io.Writer

	participant *media.Participant
	limiter     *media.Limiter
	afterDrop   string
	afterRaise  string

	// mu guards the fields below, which OnFrame writes.
	mu    sync.Mutex
	first time.Duration // until the first frame opened
	seen  map[layer]time.Time
}

func (k *checker) run(ctx context.Context, d *demo, log *slog.Logger) error {
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("opening a socket: %w", err)
	}
	k.limiter = media.NewLimiter(socket)
	k.participant, err = media.New(media.Config{
		Link: d.link, Name: "Check", Receive: true, OnFrame: k.frame, Log: log,
		Packets: func() (net.PacketConn, error) { return k.limiter, nil },
	})
	if err != nil {
		return errors.Join(err, k.limiter.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- k.participant.Run(ctx) }() // ends with ctx and is waited for below
	err = k.steps(ctx, d, ended)
	stop()
	if left := <-ended; err == nil && left != nil {
		err = left
	}
	_ = k.limiter.Close() // closed already if a peer connection used it
	return err
}

// steps checks one thing after another.
func (k *checker) steps(ctx context.Context, d *demo, ended chan error) error {
	all := time.After(checkAll)
	wait := func(what string, limit time.Duration, done func() bool) error {
		deadline := time.After(limit)
		for !done() {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case err := <-ended:
				ended <- nil // for whoever waits for the end
				return errors.Join(errors.New("the participant left early"), err)
			case err := <-d.failed:
				return err
			case <-deadline:
				return fmt.Errorf("%s: not within %v", what, limit)
			case <-all:
				return fmt.Errorf("%s: not within the %v of the whole check", what, checkAll)
			case <-time.After(lookEvery):
			}
		}
		printf(k.progress, "%6.1f s  %s\n", time.Since(k.started).Seconds(), what)
		return nil
	}
	if err := wait("joined, and the first frame opened", checkJoin, func() bool { return k.joinTime() > 0 }); err != nil {
		return err
	}
	if err := wait("enough frames of every layer opened", checkReceive, k.hasEnough); err != nil {
		return err
	}
	k.limiter.SetRate(checkSlow)
	if err := wait("lowest picture after the link became slow", checkDrop, func() bool {
		top, ok := k.highest()
		k.afterDrop = top.String()
		return ok && top.spatial == 0
	}); err != nil {
		return err
	}
	k.limiter.SetRate(0)
	return wait("best picture after the link became fast", checkRaise, func() bool {
		top, ok := k.highest()
		k.afterRaise = top.String()
		return ok && k.afterRaise == checkTop
	})
}

// frame notes an opened frame.
func (k *checker) frame(f media.Frame) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.first == 0 {
		k.first = time.Since(k.started)
	}
	if f.Context == sframe.Camera {
		k.seen[layer{f.Spatial, f.Temporal}] = time.Now()
	}
}

func (k *checker) joinTime() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.first
}

// hasEnough reports whether the first part of the check is done: enough frames,
// all layers, and the best picture now.
func (k *checker) hasEnough() bool {
	s := k.participant.Stats()
	top, ok := k.highest()
	return ok && top.String() == checkTop && len(k.layers()) == 9 &&
		s.Count(sframe.Camera) >= checkVideo && s.Count(sframe.Microphone) >= checkAudio
}

// highest returns the best layer of the last second, the spatial id first.
func (k *checker) highest() (top layer, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	since := time.Now().Add(-layerWindow)
	for l, at := range k.seen {
		if at.Before(since) {
			continue
		}
		if !ok || l.spatial > top.spatial || l.spatial == top.spatial && l.temporal > top.temporal {
			top, ok = l, true
		}
	}
	return top, ok
}

// layers returns all layers that were opened, in order.
func (k *checker) layers() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]string, 0, len(k.seen))
	for l := range k.seen {
		out = append(out, l.String())
	}
	slices.Sort(out)
	return out
}

func (k *checker) result() checkResult {
	r := checkResult{LayersSeen: k.layers(), LayerAfterDrop: k.afterDrop, LayerAfterRaise: k.afterRaise, JoinMS: k.joinTime().Milliseconds()}
	if k.participant != nil {
		s := k.participant.Stats()
		r.VideoFrames = s.Count(sframe.Camera, sframe.Screen)
		r.AudioFrames = s.Count(sframe.Microphone, sframe.ScreenAudio)
		r.DecryptErrors = s.DecryptErrors()
	}
	return r
}

// printJSON prints v on one line.
func printJSON(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }
