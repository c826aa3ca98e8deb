package main

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"conclave/client/clip"
	"conclave/client/media"
	"conclave/client/meeting"
	"conclave/client/webm"
	"conclave/core/sframe"
)

const (
	askKeyEvery    = time.Second      // for a key picture
	settleForLower = 3 * time.Second  // then a recording starts with the best layer there is
	hopedTop       = 2                // spatial layer of the best picture that clients send
	maxTimeJump    = 10 * time.Second // in a stream's own time; more is a new start of its clock
)

// A callRecording writes what one participant sends to a WebM file.
type callRecording struct {
	// Constant.
	path string
	from string // name, or "" for whoever sends first

	// mu guards the fields below.
	mu       sync.Mutex
	file     *os.File
	recorder *webm.Recorder
	started  time.Time
	sender   meeting.Index
	chosen   bool
	stream   meeting.StreamID // of the picture
	names    map[meeting.Index]string
	sound    streamClock
	picture  streamClock
	layers   [][]byte // of the picture that is not complete yet
	top      int
	bestTop  int
	at       uint32 // RTP timestamp of layers
	asked    time.Time
	err      error
}

// A recordingResult is what became of a recording.
type recordingResult struct {
	File        string  `json:"file"`
	Seconds     float64 `json:"seconds"`
	Pictures    int     `json:"pictures"`
	AudioFrames int     `json:"audio_frames"`
	Width       int     `json:"width"`
	Height      int     `json:"height"`
	Gaps        int     `json:"gaps"`
}

func (r recordingResult) String() string {
	return fmt.Sprintf("%s has %.1f s, %d pictures of %dx%d", r.File, r.Seconds, r.Pictures, r.Width, r.Height)
}

func newCallRecording(path, from string) (*callRecording, error) {
	// What was said is for who recorded it. The user of the command line names the file.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // see above
	if err != nil {
		return nil, fmt.Errorf("--record: %w", err)
	}
	return &callRecording{
		path: path, from: from, file: f, started: time.Now(), names: make(map[meeting.Index]string),
		recorder: webm.NewRecorder(f, webm.Config{Video: true, Audio: true, TopSpatial: hopedTop}),
		sound:    streamClock{rate: clip.AudioClock}, picture: streamClock{rate: clip.VideoClock},
	}, nil
}

// event keeps the names up to date.
func (r *callRecording) event(o meeting.Output) {
	roster, ok := o.(meeting.Roster)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.names)
	for _, m := range roster.Members {
		r.names[m.Index] = m.Name
	}
}

// frame takes an opened frame and reports whether a key picture of its stream
// is to be asked for.
func (r *callRecording) frame(f media.Frame) (askKey bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil || !r.isWanted(f) {
		return false
	}
	if f.Context == sframe.Microphone || f.Context == sframe.ScreenAudio {
		r.keep(r.recorder.WriteAudio(r.sound.time(f, r.started), f.Data))
		return false
	}
	if f.Broken {
		r.layers = nil
		r.recorder.Break()
	}
	if len(r.layers) > 0 && f.Timestamp != r.at {
		r.writePicture(f) // its end was not marked
	}
	r.layers, r.top, r.at = append(r.layers, f.Data), int(f.Spatial), f.Timestamp
	if f.End {
		r.writePicture(f)
	}
	if !r.recorder.NeedsKeyPicture() || f.Arrived.Sub(r.asked) < askKeyEvery {
		return false
	}
	r.asked = f.Arrived
	return true
}

// isWanted reports whether the frame is to be recorded, and chooses the
// participant if that is still open.
func (r *callRecording) isWanted(f media.Frame) bool {
	isVideo := f.Context == sframe.Camera || f.Context == sframe.Screen
	if !r.chosen {
		if !isVideo || r.from != "" && r.names[f.Sender] != r.from {
			return false
		}
		r.chosen, r.sender, r.stream = true, f.Sender, f.Stream
		r.started = f.Arrived
	}
	return f.Sender == r.sender && (!isVideo || f.Stream == r.stream)
}

// writePicture writes the layers that are there. f tells the time.
func (r *callRecording) writePicture(f media.Frame) {
	layers, top := r.layers, r.top
	r.layers = nil
	r.bestTop = max(r.bestTop, top)
	if f.Arrived.Sub(r.started) > settleForLower {
		r.recorder.SetTopSpatial(min(r.bestTop, hopedTop))
	}
	f.Timestamp = r.at
	err := r.recorder.WriteVideo(r.picture.time(f, r.started), layers, top)
	if errors.Is(err, webm.ErrVP9) || errors.Is(err, webm.ErrNotDecodable) {
		return // the recorder waits for the next key picture
	}
	r.keep(err)
}

// keep keeps the first error, which is told at the end.
func (r *callRecording) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

// close finishes the file.
func (r *callRecording) close() (recordingResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := errors.Join(r.err, r.recorder.Close(), r.file.Close())
	s := r.recorder.Stats()
	result := recordingResult{
		File: r.path, Seconds: s.Length.Seconds(), Pictures: s.Pictures,
		AudioFrames: s.AudioFrames, Width: s.Width, Height: s.Height, Gaps: s.Gaps,
	}
	switch {
	case err != nil:
		err = fmt.Errorf("--record %s: %w", r.path, err)
	case s.Pictures == 0 && r.from != "" && !r.chosen:
		err = fmt.Errorf("--record %s: nothing to record, as nobody called %q sent a picture", r.path, r.from)
	case s.Pictures == 0:
		err = fmt.Errorf("--record %s: nothing to record, as no usable picture came; stay longer", r.path)
	}
	return result, err
}

// A streamClock turns RTP timestamps into times of the recording. The first
// frame's place is that of its arrival; after it the sender's clock counts.
type streamClock struct {
	rate int64 // ticks per second

	started bool
	last    uint32
	ticks   int64 // since base
	base    time.Duration
}

// time returns when f belongs in a recording that started at start.
func (c *streamClock) time(f media.Frame, start time.Time) time.Duration {
	step := int64(int32(f.Timestamp - c.last))
	if jump := time.Duration(step) * time.Second / time.Duration(c.rate); !c.started || jump.Abs() > maxTimeJump {
		c.started, c.ticks, c.base = true, 0, max(f.Arrived.Sub(start), 0)
	} else {
		c.ticks += step
	}
	c.last = f.Timestamp
	return c.base + time.Duration(c.ticks)*time.Second/time.Duration(c.rate)
}
