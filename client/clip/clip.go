// Package clip holds recorded media as an encoder made it: one entry for each
// spatial layer of each picture, and for each audio frame, in clear and ready
// to be sealed by a participant that has no camera.
//
// Call [Demo] for the bundled clip or [Unmarshal] for a file, then [NewPlayer]
// to get its frames at their times, for ever. A decoded Clip is checked: its
// frames are in order, its layers within [MaxSpatial] and [MaxTemporal], its
// first picture a key picture. A Clip is immutable after decoding and may be
// read by many goroutines.
package clip

import (
	_ "embed"
	"fmt"
	"sync"
	"time"
)

// Limits of a clip. A file beyond them is refused.
const (
	MaxSize      = 64 << 20 // bytes of a whole file; about six minutes at 1.5 Mbit/s
	MaxFrameSize = 1 << 20  // bytes of one layer frame; a 4K key picture is below this
	MaxFrames    = 1 << 18  // frames of one track; 87 minutes of 20 ms audio
	MaxSpatial   = 3        // highest spatial id
	MaxTemporal  = 3        // highest temporal id
	maxRefs      = 8        // VP9 and AV1 have eight reference slots
)

// MIME types a clip may carry, spelled as in the protocol's Stream.codec.
const (
	VP9  = "video/VP9"
	Opus = "audio/opus"
)

// RTP clock rates of the two media kinds, ticks per second.
const (
	VideoClock = 90000
	AudioClock = 48000
)

// A Clip is one recording that is played in a loop.
type Clip struct {
	// Length is when the clip starts again from its beginning.
	Length time.Duration
	// Video and Audio are the recorded tracks; one of them may be nil.
	Video *Track
	Audio *Track
}

// A Track is the frames of one medium in sending order.
type Track struct {
	Codec  string // VP9 or Opus
	Mode   string // scalability mode of a video track, such as "L3T3_KEY"
	Clock  uint32 // ticks of Frame.Time per second
	Frames []Frame
}

// A Frame is what an encoder made for one spatial layer of one picture, or one
// audio packet.
type Frame struct {
	Time     uint32 // ticks since the start of the clip
	Spatial  uint8
	Temporal uint8
	Key      bool // starts a key picture; always set for audio
	Width    uint16
	Height   uint16
	// Level is the loudness of audio as in RFC 6464: -dBov in the low seven
	// bits, 0x80 set for speech.
	Level uint8
	// References are the frames of the same track this one is predicted from,
	// as distances back. Empty for a key picture's lowest layer.
	References []uint16
	Data       []byte
}

// Layers returns the number of spatial and temporal layers of the track.
func (t *Track) Layers() (spatial, temporal int) {
	for _, f := range t.Frames {
		spatial = max(spatial, int(f.Spatial)+1)
		temporal = max(temporal, int(f.Temporal)+1)
	}
	return spatial, temporal
}

// Picture returns the frames of the picture that starts at index i.
func (t *Track) Picture(i int) []Frame {
	end := i + 1
	for end < len(t.Frames) && t.Frames[end].Time == t.Frames[i].Time {
		end++
	}
	return t.Frames[i:end]
}

//go:embed demo.clip
var demoFile []byte

var demo = sync.OnceValues(func() (*Clip, error) { return Unmarshal(demoFile) })

// Demo returns the bundled clip: eight seconds of VP9 L3T3_KEY at 960x540 and
// Opus, recorded by tools/recordclip. All of its pictures have all layers.
func Demo() (*Clip, error) {
	c, err := demo()
	if err != nil {
		return nil, fmt.Errorf("bundled clip: %w", err)
	}
	return c, nil
}
