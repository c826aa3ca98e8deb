package layer

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/sfu/codec"
	"conclave/sfu/dd"
)

// A trace is what a browser sent.
type trace struct {
	codec     codec.Codec
	encodings int
	packets   []*wire
}

// readTrace reads a file of testdata (see ORIGIN.md there).
func readTrace(t *testing.T, name string) trace {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var tr trace
	frames := map[string]*frame{}
	structures := map[Source]*dd.Structure{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if mime, ok := strings.CutPrefix(line, "# video/"); ok {
			tr.codec = codec.FromMIME("video/" + mime)
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		var micros, encoding, marker, size int
		var descriptor, payload string
		w := new(wire)
		if _, err := fmt.Sscan(line, &micros, &encoding, &w.sequence, &w.timestamp, &marker, &descriptor, &size, &payload); err != nil {
			t.Fatalf("%s: %q: %v", name, line, err)
		}
		tr.encodings = max(tr.encodings, encoding+1)
		w.source, w.marker = Source(encoding+1), marker == 1
		w.sent = epoch.Add(time.Duration(micros) * time.Microsecond)
		if descriptor != "-" {
			w.descriptor = fromHex(t, descriptor)
		}
		if payload != "-" {
			w.payload = fromHex(t, payload)
			w.frame = traceFrame(t, tr.codec, w, frames, structures)
			w.index = w.frame.packets
			w.frame.packets++
		}
		tr.packets = append(tr.packets, w)
	}
	return tr
}

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// traceFrame finds or makes the frame of a packet: by its frame number and what
// it refers to, or else by its timestamp and spatial id.
func traceFrame(t *testing.T, c codec.Codec, w *wire, frames map[string]*frame, structures map[Source]*dd.Structure) *frame {
	t.Helper()
	var d dd.Descriptor
	var info codec.Info
	if err := codec.Parse(c, w.payload, &info); err != nil {
		t.Fatalf("Parse(%v, %x): %v", c, w.payload, err)
	}
	name := fmt.Sprintf("%d:%d/%d", w.source, w.timestamp, info.Spatial)
	spatial, temporal := info.Spatial, info.Temporal
	if w.descriptor != nil {
		attached := new(dd.Structure)
		if err := dd.Parse(w.descriptor, structures[w.source], attached, &d); err != nil {
			t.Fatalf("Parse(%x): %v", w.descriptor, err)
		}
		if d.Attached {
			structures[w.source] = attached
		}
		if info.HasLayers && (info.Spatial != d.Spatial || info.Temporal != d.Temporal) {
			t.Fatalf("the payload descriptor says S%dT%d, the dependency descriptor S%dT%d", info.Spatial, info.Temporal, d.Spatial, d.Temporal)
		}
		if info.HasLast && (info.First != d.StartOfFrame || info.Last != d.EndOfFrame) {
			t.Fatalf("first and last: %v %v in the payload descriptor, %v %v in the dependency descriptor",
				info.First, info.Last, d.StartOfFrame, d.EndOfFrame)
		}
		name = fmt.Sprintf("%d:%d", w.source, d.FrameNumber)
		spatial, temporal = d.Spatial, d.Temporal
	}
	f := frames[name]
	if f == nil {
		f = &frame{name: fmt.Sprintf("%s/S%dT%d", name, spatial, temporal), source: w.source, spatial: spatial, temporal: temporal}
		frames[name] = f
		for _, diff := range d.FrameDiffs[:d.FrameDiffCount] {
			on := frames[fmt.Sprintf("%d:%d", w.source, d.FrameNumber-diff)]
			if on == nil {
				t.Fatalf("%s refers to a frame that was not recorded", f.name)
			}
			f.needs = append(f.needs, on)
		}
	}
	return f
}

// TestTraces forwards what a browser sent, to all kinds of receivers.
func TestTraces(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(names) != 7 {
		t.Fatalf("%d traces, %v, want 7", len(names), err)
	}
	for _, name := range names {
		tr := readTrace(t, filepath.Base(name))
		plain := strings.Contains(name, "plain")
		stream := Stream{Codec: tr.codec, Sources: [MaxEncodings]Source{1, 2, 3}, Count: tr.encodings}
		for _, descriptor := range []bool{true, false} {
			for _, target := range []Layer{Top, {2, 0}, {1, 2}, {1, 1}, {0, 2}, {0, 0}} {
				t.Run(fmt.Sprintf("%s descriptor %v target %v", filepath.Base(name), descriptor, target), func(t *testing.T) {
					s := newServer(t, Config{Descriptor: descriptor}, stream)
					s.selector.SetTarget(target)
					for _, w := range tr.packets {
						s.receive(w.sent, w)
					}
					if len(s.unread) > 0 {
						t.Errorf("%d packets were refused", len(s.unread))
					}
					s.verify(check{complete: true, descriptor: descriptor && !plain, anyPace: true})
					s.verifyContinuous()
					for l, n := range s.frames() {
						if l.Temporal > target.Temporal || tr.encodings == 1 && l.Spatial > target.Spatial {
							t.Errorf("%d frames of %v are sent", n, l)
						}
					}
					if got := s.frames()[Layer{0, 0}]; got < 5 {
						t.Errorf("%d frames of the lowest layer are sent", got)
					}
				})
			}
			t.Run(fmt.Sprintf("%s descriptor %v changing targets", filepath.Base(name), descriptor), func(t *testing.T) {
				for seed := range uint64(30) {
					r := rand.New(rand.NewPCG(seed, 3))
					s := newServer(t, Config{Descriptor: descriptor}, stream)
					for _, w := range tr.packets {
						if r.IntN(20) == 0 {
							s.selector.SetTarget(Layer{int8(r.IntN(3)), int8(r.IntN(3))})
						}
						s.receive(w.sent, w)
					}
					s.verify(check{complete: true, descriptor: descriptor && !plain, anyPace: true})
					s.verifyContinuous()
				}
			})
		}
	}
}

// verifyContinuous: with nothing lost, numbers go up by one in order of sending.
func (s *server) verifyContinuous() {
	s.t.Helper()
	for i := 1; i < len(s.outs); i++ {
		if s.outs[i].Sequence != s.outs[i-1].Sequence+1 {
			s.t.Fatalf("%s has number %d after %d", describe(s.outs[i]), s.outs[i].Sequence, s.outs[i-1].Sequence)
		}
	}
}
