// Package webm writes a meeting's media as a WebM file, without encoding it
// again: VP9 with spatial layers and Opus, as participants receive them.
//
// [NewRecorder] takes the file; [Recorder.WriteVideo] and [Recorder.WriteAudio]
// take what was opened, and [Recorder.Close] finishes the file. Nothing is
// written until a key picture with the wanted top layer has come, because a
// file is born with the size of its first picture. Layers are joined as VP9
// superframes (VP9 bitstream specification, Annex B), all but the top one
// marked as not shown.
package webm

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Limits of what is held in memory before it is written.
const (
	maxPending      = 4096             // blocks; 40 s of 50 audio and 50 video frames a second
	maxPendingBytes = 32 << 20         // bytes
	reorderWindow   = time.Second      // how much later than video its audio may come
	maxCluster      = 5 * time.Second  // without a key picture a cluster ends after this
	maxBlockOffset  = 30 * time.Second // a block's time is 16 bits of milliseconds from its cluster's
)

// ErrClosed is returned by writes after Close.
var ErrClosed = errors.New("recording is closed")

// Config says what a recording holds.
type Config struct {
	Video bool // with false the file has sound only
	Audio bool
	// TopSpatial is the spatial layer that the first picture must have. Later
	// pictures may be of any layer.
	TopSpatial int
}

// A Recorder writes one WebM file. It is not safe for concurrent use.
type Recorder struct {
	cfg  Config
	file *file
	join joiner

	begun   bool // the head of the file is written
	waiting bool // until the next key picture nothing can be decoded
	closed  bool
	pending []block
	bytes   int
	start   time.Duration // of the first block; all times in the file count from it
	last    [2]time.Duration
	stats   Stats
}

// Stats counts what a recording holds.
type Stats struct {
	Pictures    int           // pictures written
	AudioFrames int           // audio frames written
	Gaps        int           // times at which pictures are missing
	Late        int           // frames that came too late for their place
	Length      time.Duration // of the file
	Width       int           // of the file; its first picture's
	Height      int
}

// A block is one frame on its way into the file.
type block struct {
	at    time.Duration
	track int // trackVideo or trackAudio
	key   bool
	data  []byte
}

const (
	trackVideo = 1
	trackAudio = 2
)

// NewRecorder returns a recorder that writes to w. If w can seek, Close adds
// what a player needs to jump; a w that cannot seek gets a plain stream. The
// caller closes w after Close.
func NewRecorder(w io.Writer, cfg Config) *Recorder {
	return &Recorder{cfg: cfg, file: newFile(w), waiting: cfg.Video}
}

// NeedsKeyPicture reports whether the recording cannot go on without a key
// picture; the caller asks the sender for one.
func (r *Recorder) NeedsKeyPicture() bool { return r.cfg.Video && r.waiting }

// SetTopSpatial changes the layer that the first picture must have, for a
// sender that does not send the one that was hoped for.
func (r *Recorder) SetTopSpatial(spatial int) { r.cfg.TopSpatial = spatial }

// Break says that pictures were lost: what follows cannot be decoded until the
// next key picture.
func (r *Recorder) Break() {
	if r.cfg.Video && !r.waiting {
		r.waiting = true
		r.stats.Gaps++
	}
}

// WriteVideo adds a picture: its layers lowest first, top being the spatial id
// of the last. at is when it is to be shown, by the clock that WriteAudio uses.
// A picture that comes before the first usable key picture is left out without
// an error; one that cannot be used gives an error that wraps ErrVP9 or
// ErrNotDecodable, and the recording goes on with the next key picture.
func (r *Recorder) WriteVideo(at time.Duration, layers [][]byte, top int) error {
	if r.closed {
		return ErrClosed
	}
	if !r.cfg.Video {
		return nil
	}
	if r.waiting {
		if len(layers) == 0 || !isKey(layers[0]) || !r.begun && top < r.cfg.TopSpatial {
			return nil
		}
		r.join = joiner{}
	}
	picture, err := r.join.join(layers)
	if err != nil {
		r.Break()
		return err
	}
	if !r.begun {
		if err := r.begin(at, picture.size); err != nil {
			return err
		}
	}
	r.waiting = false
	return r.add(block{at: at - r.start, track: trackVideo, key: picture.key, data: picture.data})
}

// isKey reports whether a layer frame starts a key picture.
func isKey(frame []byte) bool {
	var none slots
	h, err := none.parse(frame)
	return err == nil && h.key
}

// WriteAudio adds one Opus packet. Before the first picture of a recording with
// video it is left out.
func (r *Recorder) WriteAudio(at time.Duration, opus []byte) error {
	if r.closed {
		return ErrClosed
	}
	if !r.cfg.Audio || len(opus) == 0 {
		return nil
	}
	if !r.begun {
		if r.cfg.Video {
			return nil
		}
		if err := r.begin(at, size{}); err != nil {
			return err
		}
	}
	if at < r.start {
		return nil
	}
	return r.add(block{at: at - r.start, track: trackAudio, key: true, data: slices.Clone(opus)})
}

func (r *Recorder) begin(at time.Duration, s size) error {
	r.start = at
	r.stats.Width, r.stats.Height = s.width, s.height
	if err := r.file.writeHead(r.cfg, s); err != nil {
		return fmt.Errorf("writing head of recording: %w", err)
	}
	r.begun = true
	return nil
}

// add keeps b until its cluster is complete.
func (r *Recorder) add(b block) error {
	last := &r.last[b.track-1]
	if b.at < *last || b.at < r.file.flushed {
		r.stats.Late++
		return nil
	}
	*last = b.at
	i := len(r.pending)
	for i > 0 && r.pending[i-1].at > b.at {
		i--
	}
	r.pending = slices.Insert(r.pending, i, b)
	r.bytes += len(b.data)
	if b.track == trackVideo {
		r.stats.Pictures++
	} else {
		r.stats.AudioFrames++
	}
	r.stats.Length = max(r.stats.Length, b.at)
	return r.flushComplete()
}

// flushComplete writes a cluster when one is complete: up to the newest key
// picture that its audio can no longer come before, or what fits.
func (r *Recorder) flushComplete() error {
	newest := r.pending[len(r.pending)-1].at
	cut := 0
	for i, b := range r.pending[1:] {
		if b.track == trackVideo && b.key && newest-b.at >= reorderWindow {
			cut = i + 1
			break
		}
	}
	if cut == 0 && newest-r.pending[0].at >= maxCluster+reorderWindow {
		for cut < len(r.pending) && r.pending[cut].at-r.pending[0].at < maxCluster {
			cut++
		}
	}
	if cut == 0 && (len(r.pending) >= maxPending || r.bytes >= maxPendingBytes) {
		cut = len(r.pending)
	}
	return r.flush(cut)
}

// flush writes the first n pending blocks.
func (r *Recorder) flush(n int) error {
	for n > 0 {
		// Two blocks may be far apart after a pause; a cluster spans less.
		m := 1
		for m < n && r.pending[m].at-r.pending[0].at < maxBlockOffset {
			m++
		}
		if err := r.file.writeCluster(r.pending[:m]); err != nil {
			return fmt.Errorf("writing recording: %w", err)
		}
		for _, b := range r.pending[:m] {
			r.bytes -= len(b.data)
		}
		r.pending = slices.Delete(r.pending, 0, m)
		n -= m
	}
	return nil
}

// Stats returns what has been recorded so far.
func (r *Recorder) Stats() Stats { return r.stats }

// Close writes what is left and, where the file can seek, its index. It does
// not close the writer.
func (r *Recorder) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	if !r.begun {
		return nil
	}
	if err := r.flush(len(r.pending)); err != nil {
		return err
	}
	if err := r.file.finish(r.stats.Length); err != nil {
		return fmt.Errorf("finishing recording: %w", err)
	}
	return nil
}
