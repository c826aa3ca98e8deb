package clip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"time"
)

// Errors of Unmarshal.
var (
	ErrFormat  = errors.New("not a clip file")
	ErrDamaged = errors.New("clip file is damaged or cut short")
	ErrInvalid = errors.New("clip file breaks a rule")
)

// The file, all integers big-endian:
//
//	magic       8  "CCLIP\x00\x01\n"; 1 is the version
//	length      4  milliseconds; the clip then starts again
//	tracks      1  1 or 2
//	track       tracks times:
//	  kind      1  1 video, 2 audio; each at most once
//	  codec     1+n
//	  mode      1+n
//	  clock     4  ticks per second
//	  frames    4
//	  frame     frames times:
//	    time    4  ticks
//	    layer   1  spatial << 4 | temporal
//	    flags   1  1: key
//	    width   2
//	    height  2
//	    level   1
//	    refs    1+2n
//	    size    4
//	    data    size
//	checksum    4  CRC-32 (IEEE) of everything before it
const (
	magic        = "CCLIP\x00\x01\n"
	kindVideo    = 1
	kindAudio    = 2
	flagKey      = 1
	frameFixed   = 16 // bytes of a frame without references and data
	checksumSize = 4
)

// Unmarshal decodes a clip file. The result aliases data. It returns an error
// that wraps ErrFormat, ErrDamaged or ErrInvalid.
func Unmarshal(data []byte) (*Clip, error) {
	if len(data) < len(magic) || string(data[:len(magic)]) != magic {
		return nil, ErrFormat
	}
	if len(data) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrInvalid, len(data), MaxSize)
	}
	if len(data) < len(magic)+checksumSize {
		return nil, ErrDamaged
	}
	body, sum := data[:len(data)-checksumSize], data[len(data)-checksumSize:]
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(sum) {
		return nil, ErrDamaged
	}
	r := reader{b: body[len(magic):]}
	c := &Clip{Length: time.Duration(r.uint32()) * time.Millisecond}
	for range r.uint8() {
		if err := c.readTrack(&r); err != nil {
			return nil, err
		}
	}
	if r.short || len(r.b) != 0 {
		return nil, ErrDamaged
	}
	if c.Video == nil && c.Audio == nil || c.Length <= 0 {
		return nil, fmt.Errorf("%w: it holds nothing to play", ErrInvalid)
	}
	return c, nil
}

func (c *Clip) readTrack(r *reader) error {
	kind := r.uint8()
	t := &Track{Codec: r.string(), Mode: r.string(), Clock: r.uint32()}
	n := int(r.uint32())
	if r.short || n > len(r.b)/frameFixed {
		return ErrDamaged
	}
	if n > MaxFrames {
		return fmt.Errorf("%w: %d frames announced", ErrInvalid, n)
	}
	t.Frames = make([]Frame, n)
	for i := range t.Frames {
		r.frame(&t.Frames[i])
	}
	if r.short {
		return ErrDamaged
	}
	var home **Track
	switch {
	case kind == kindVideo && t.Codec == VP9 && t.Clock == VideoClock:
		home = &c.Video
	case kind == kindAudio && t.Codec == Opus && t.Clock == AudioClock:
		home = &c.Audio
	default:
		return fmt.Errorf("%w: track of kind %d, codec %q and clock %d", ErrInvalid, kind, t.Codec, t.Clock)
	}
	if *home != nil {
		return fmt.Errorf("%w: two tracks of kind %d", ErrInvalid, kind)
	}
	*home = t
	return t.validate(c.Length)
}

// validate reports a frame that a player or packetizer could not rely on.
func (t *Track) validate(length time.Duration) error {
	limit := uint64(length) * uint64(t.Clock) / uint64(time.Second)
	for i, f := range t.Frames {
		bad := ""
		switch {
		case uint64(f.Time) >= limit:
			bad = "lies after the end"
		case i == 0 && (f.Time != 0 || !f.Key):
			bad = "is first but neither at time 0 nor a key frame"
		case f.Spatial > MaxSpatial || f.Temporal > MaxTemporal:
			bad = "has too high a layer"
		case f.Key && (f.Spatial != 0 || len(f.References) != 0):
			bad = "is a key frame that needs another"
		case i > 0 && f.Time < t.Frames[i-1].Time:
			bad = "goes back in time"
		case i > 0 && f.Time == t.Frames[i-1].Time && f.Spatial <= t.Frames[i-1].Spatial:
			bad = "repeats a layer"
		case len(f.Data) == 0:
			bad = "is empty"
		case slices.ContainsFunc(f.References, func(d uint16) bool { return d == 0 || int(d) > i }):
			bad = "needs a frame that is not there"
		}
		if bad != "" {
			return fmt.Errorf("%w: frame %d %s", ErrInvalid, i, bad)
		}
	}
	if len(t.Frames) == 0 {
		return fmt.Errorf("%w: an empty track", ErrInvalid)
	}
	return nil
}

// Marshal encodes c as a clip file.
func (c *Clip) Marshal() []byte {
	b := []byte(magic)
	b = binary.BigEndian.AppendUint32(b, uint32(c.Length/time.Millisecond))
	tracks := []struct {
		kind  byte
		track *Track
	}{{kindVideo, c.Video}, {kindAudio, c.Audio}}
	n := len(b)
	b = append(b, 0)
	for _, e := range tracks {
		if e.track != nil {
			b[n]++
			b = e.track.append(append(b, e.kind))
		}
	}
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func (t *Track) append(b []byte) []byte {
	for _, s := range []string{t.Codec, t.Mode} {
		b = append(append(b, byte(len(s))), s...)
	}
	b = binary.BigEndian.AppendUint32(b, t.Clock)
	b = binary.BigEndian.AppendUint32(b, uint32(len(t.Frames)))
	for _, f := range t.Frames {
		var flags byte
		if f.Key {
			flags |= flagKey
		}
		b = binary.BigEndian.AppendUint32(b, f.Time)
		b = append(b, f.Spatial<<4|f.Temporal, flags)
		b = binary.BigEndian.AppendUint16(b, f.Width)
		b = binary.BigEndian.AppendUint16(b, f.Height)
		b = append(b, f.Level, byte(len(f.References)))
		for _, d := range f.References {
			b = binary.BigEndian.AppendUint16(b, d)
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(f.Data)))
		b = append(b, f.Data...)
	}
	return b
}

// A reader takes fields off the front of b. After the first that is not there,
// short is set and all others are zero.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) bytes(n int) []byte {
	if r.short || n > len(r.b) {
		r.short = true
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) uint8() uint8 {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) string() string { return string(r.bytes(int(r.uint8()))) }

func (r *reader) frame(f *Frame) {
	f.Time = r.uint32()
	layer := r.uint8()
	f.Spatial, f.Temporal = layer>>4, layer&15
	f.Key = r.uint8()&flagKey != 0
	f.Width, f.Height, f.Level = r.uint16(), r.uint16(), r.uint8()
	n := int(r.uint8())
	if n > maxRefs {
		r.short = true
		return
	}
	for range n {
		f.References = append(f.References, r.uint16())
	}
	size := r.uint32()
	if size > MaxFrameSize {
		r.short = true
		return
	}
	f.Data = r.bytes(int(size))
}
