package webm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"time"

	"github.com/at-wat/ebml-go"
	"github.com/at-wat/ebml-go/webm"
)

// A file lays out WebM: head, clusters and, at the end, cues. In a file that
// can seek, the places left open in the head are filled in at the end.
//
//	EBML head
//	Segment, size open
//	  Void, room for the SeekHead
//	  Info, Duration open
//	  Tracks
//	  Cluster ...
//	  Cues
type file struct {
	w       io.Writer
	written int64

	segment  int64 // position of the segment's content; all others count from it
	info     int64
	tracks   int64
	duration int64 // position of Duration's value, absolute

	flushed time.Duration // later blocks may not be earlier than this
	cues    []webm.CuePoint
}

const (
	timecodeScale = 1000000 // ns; one tick of the file is a millisecond
	seekHeadRoom  = 96      // bytes; three entries need 79 at most
	maxCues       = 1 << 16 // index entries; a day and a half at one in two seconds

	sampleRate  = 48000
	channels    = 2                // a decoder makes two of a mono packet
	opusPreSkip = 312              // samples, the encoder's delay of libopus
	seekPreRoll = 80 * 1000 * 1000 // ns, RFC 7845, Section 4.6
)

var (
	segmentID   = []byte{0x18, 0x53, 0x80, 0x67}
	unknownSize = []byte{0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	durationID  = []byte{0x44, 0x89, 0x88} // Duration, eight bytes long
)

func newFile(w io.Writer) *file { return &file{w: w} }

func (f *file) write(b []byte) error {
	n, err := f.w.Write(b)
	f.written += int64(n)
	return err
}

// element encodes a struct of elements.
func element(v any) ([]byte, error) {
	var b bytes.Buffer
	err := ebml.Marshal(v, &b)
	return b.Bytes(), err
}

func (f *file) writeHead(cfg Config, s size) error {
	head, err := element(&struct {
		EBML webm.EBMLHeader `ebml:"EBML"`
	}{*webm.DefaultEBMLHeader})
	if err != nil {
		return err
	}
	// The smallest float keeps the element there; zero would leave it out.
	info, err := element(&struct {
		Info webm.Info `ebml:"Info"`
	}{webm.Info{TimecodeScale: timecodeScale, MuxingApp: "conclave", WritingApp: "conclave", Duration: math.SmallestNonzeroFloat64}})
	if err != nil {
		return err
	}
	tracks, err := element(&struct {
		Tracks webm.Tracks `ebml:"Tracks"`
	}{webm.Tracks{TrackEntry: trackEntries(cfg, s)}})
	if err != nil {
		return err
	}
	open := bytes.Index(info, durationID)
	if open < 0 {
		return errors.New("no place for the duration")
	}
	head = append(append(head, segmentID...), unknownSize...)
	f.segment = int64(len(head))
	f.info = seekHeadRoom
	f.tracks = f.info + int64(len(info))
	f.duration = f.segment + f.info + int64(open+len(durationID))
	for _, part := range [][]byte{head, void(seekHeadRoom), info, tracks} {
		if err := f.write(part); err != nil {
			return err
		}
	}
	return nil
}

// trackEntries describes the tracks. DefaultDuration is left out on purpose:
// pictures are not evenly spaced.
func trackEntries(cfg Config, s size) []webm.TrackEntry {
	var out []webm.TrackEntry
	if cfg.Video {
		out = append(out, webm.TrackEntry{
			TrackNumber: trackVideo, TrackUID: trackVideo, TrackType: 1, CodecID: "V_VP9",
			Video: &webm.Video{PixelWidth: uint64(s.width), PixelHeight: uint64(s.height)},
		})
	}
	if cfg.Audio {
		out = append(out, webm.TrackEntry{
			TrackNumber: trackAudio, TrackUID: trackAudio, TrackType: 2, CodecID: "A_OPUS",
			CodecPrivate: opusHead(), CodecDelay: opusPreSkip * uint64(time.Second) / sampleRate, SeekPreRoll: seekPreRoll,
			Audio: &webm.Audio{SamplingFrequency: sampleRate, Channels: channels},
		})
	}
	return out
}

// opusHead is the identification header of RFC 7845, Section 5.1.
func opusHead() []byte {
	b := append([]byte("OpusHead"), 1, channels)
	b = binary.LittleEndian.AppendUint16(b, opusPreSkip)
	b = binary.LittleEndian.AppendUint32(b, sampleRate)
	return append(b, 0, 0, 0) // no gain, channel mapping family 0
}

// void is an element of n bytes, at least 9, that says nothing.
func void(n int) []byte {
	b := make([]byte, n)
	b[0] = 0xec
	binary.BigEndian.PutUint64(b[1:], 1<<56|uint64(n-9))
	return b
}

func (f *file) writeCluster(blocks []block) error {
	start := blocks[0].at
	cluster := webm.Cluster{Timecode: uint64(start.Milliseconds())}
	indexed := false
	for _, b := range blocks {
		if b.track == trackVideo && b.key && !indexed && len(f.cues) < maxCues {
			indexed = true
			f.cues = append(f.cues, webm.CuePoint{
				CueTime: uint64(b.at.Milliseconds()),
				CueTrackPositions: []webm.CueTrackPosition{{
					CueTrack: trackVideo, CueClusterPosition: uint64(f.written - f.segment),
				}},
			})
		}
		cluster.SimpleBlock = append(cluster.SimpleBlock, ebml.Block{
			TrackNumber: uint64(b.track),
			Timecode:    int16(b.at.Milliseconds() - start.Milliseconds()),
			Keyframe:    b.key,
			Data:        [][]byte{b.data},
		})
	}
	out, err := element(&struct {
		Cluster webm.Cluster `ebml:"Cluster"`
	}{cluster})
	if err != nil {
		return err
	}
	f.flushed = blocks[len(blocks)-1].at
	return f.write(out)
}

// finish writes the cues and fills in the open places of the head.
func (f *file) finish(length time.Duration) error {
	cues := f.written - f.segment
	if len(f.cues) > 0 {
		out, err := element(&struct {
			Cues webm.Cues `ebml:"Cues"`
		}{webm.Cues{CuePoint: f.cues}})
		if err != nil {
			return err
		}
		if err := f.write(out); err != nil {
			return err
		}
	}
	s, ok := f.w.(io.WriteSeeker)
	if !ok || !canSeek(s) {
		return nil
	}
	seekHead, err := f.seekHead(cues)
	if err != nil {
		return err
	}
	milliseconds := binary.BigEndian.AppendUint64(nil, math.Float64bits(float64(length.Microseconds())/1000))
	segmentSize := binary.BigEndian.AppendUint64(nil, 1<<56|uint64(f.written-f.segment))
	patches := []struct {
		at int64
		b  []byte
	}{
		{f.segment - int64(len(unknownSize)), segmentSize},
		{f.segment, seekHead},
		{f.duration, milliseconds},
	}
	for _, p := range patches {
		if _, err := s.Seek(p.at, io.SeekStart); err != nil {
			return err
		}
		if _, err := s.Write(p.b); err != nil {
			return err
		}
	}
	_, err = s.Seek(0, io.SeekEnd)
	return err
}

// canSeek reports whether s can seek: a pipe has the type of a file but cannot.
func canSeek(s io.Seeker) bool {
	_, err := s.Seek(0, io.SeekCurrent)
	return err == nil
}

// seekHead names the positions of the other elements; it fills its room.
func (f *file) seekHead(cues int64) ([]byte, error) {
	head := webm.SeekHead{Seek: []webm.Seek{
		{SeekID: ebml.ElementInfo.Bytes(), SeekPosition: uint64(f.info)},
		{SeekID: ebml.ElementTracks.Bytes(), SeekPosition: uint64(f.tracks)},
	}}
	if len(f.cues) > 0 {
		head.Seek = append(head.Seek, webm.Seek{SeekID: ebml.ElementCues.Bytes(), SeekPosition: uint64(cues)})
	}
	b, err := element(&struct {
		SeekHead webm.SeekHead `ebml:"SeekHead"`
	}{head})
	if err != nil {
		return nil, err
	}
	room := seekHeadRoom - len(b)
	if room < 9 {
		return nil, errors.New("no room for the seek head")
	}
	return append(b, void(room)...), nil
}
