package webm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/at-wat/ebml-go"
	"github.com/at-wat/ebml-go/webm"

	"conclave/client/clip"
	"conclave/internal/testkit"
)

func mustDemo(t testing.TB) *clip.Clip {
	t.Helper()
	c, err := clip.Demo()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tool returns the path of a program that the test needs. Without it the test
// is skipped, but in continuous integration it fails.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	testkit.Missing(t, "%s is not installed, so no decoder checks the recording (Debian: apt install ffmpeg)", name)
	return ""
}

// record writes length of the demo clip, and of its pictures only the layers
// that keep says.
func record(t *testing.T, r *Recorder, length time.Duration, keep func(picture int, f clip.Frame) bool) {
	t.Helper()
	c := mustDemo(t)
	video, audio := clip.NewPlayer(c, c.Video, time.Time{}), clip.NewPlayer(c, c.Audio, time.Time{})
	end := time.Time{}.Add(length)
	for n := 0; video.Due().Before(end); n++ {
		for audio.Due().Before(video.Due()) {
			at := audio.Due().Sub(time.Time{})
			if err := r.WriteAudio(at, audio.Next().Frames[0].Data); err != nil {
				t.Fatal(err)
			}
		}
		at := video.Due().Sub(time.Time{})
		var layers [][]byte
		top := 0
		for _, f := range video.Next().Frames {
			if keep(n, f) {
				layers = append(layers, f.Data)
				top = int(f.Spatial)
			}
		}
		if len(layers) == 0 {
			continue
		}
		if err := r.WriteVideo(at, layers, top); err != nil {
			t.Fatalf("picture %d: %v", n, err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func all(int, clip.Frame) bool { return true }

// decode has ffmpeg decode a whole file and returns its decoded pictures by
// size. Anything it complains about fails the test.
func decode(t *testing.T, path string) map[string]int {
	t.Helper()
	cmd := exec.Command(tool(t, "ffmpeg"), "-v", "warning", "-xerror", "-i", path, "-f", "null", "-")
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	probe := exec.Command(tool(t, "ffprobe"), "-v", "warning", "-select_streams", "v", "-show_entries", "frame=width,height",
		"-of", "csv=p=0:s=x", path)
	out, err = probe.CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe: %v\n%s", err, out)
	}
	sizes := map[string]int{}
	for line := range strings.Lines(string(out)) {
		sizes[strings.TrimRight(line, "x\n")]++
	}
	return sizes
}

func TestRecordingDecodes(t *testing.T) {
	// Temporal layers are dropped as a forwarding server does.
	tests := []struct {
		name string
		keep func(int, clip.Frame) bool
		want map[string]int
	}{
		{"all layers", all, map[string]int{"960x540": 240}},
		{"two spatial layers", func(_ int, f clip.Frame) bool { return f.Spatial < 2 }, map[string]int{"480x270": 240}},
		{"lowest layer", func(_ int, f clip.Frame) bool { return f.Spatial == 0 }, map[string]int{"240x136": 240}},
		{"base frame rate", func(_ int, f clip.Frame) bool { return f.Temporal == 0 }, map[string]int{"960x540": 60}},
		{
			"only the top layer between key pictures",
			func(n int, f clip.Frame) bool { return n%40 == 0 || f.Spatial == 2 },
			map[string]int{"960x540": 240},
		},
		{
			"top layer away for a while",
			func(n int, f clip.Frame) bool { return n < 50 || n >= 80 || f.Spatial < 2 },
			map[string]int{"960x540": 210, "480x270": 30},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out.webm")
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			r := NewRecorder(f, Config{Video: true, Audio: true})
			record(t, r, 12*time.Second, tt.keep)
			got := decode(t, path)
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("decoded pictures by size = %v, want %v", got, tt.want)
			}
		})
	}
}

// TestRecordingLooksRight has ffmpeg paint a picture of the recording and looks
// at the clip's red and blue patches.
func TestRecordingLooksRight(t *testing.T) {
	ffmpeg := tool(t, "ffmpeg")
	path := filepath.Join(t.TempDir(), "out.webm")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	record(t, NewRecorder(f, Config{Video: true, Audio: true, TopSpatial: 2}), 6*time.Second, all)
	out, err := exec.Command(ffmpeg, "-v", "error", "-ss", "5", "-i", path, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 960*540*3 {
		t.Fatalf("picture has %d bytes, want %d", len(out), 960*540*3)
	}
	at := func(x, y float64) (r, g, b byte) {
		i := 3 * (int(y*540)*960 + int(x*960))
		return out[i], out[i+1], out[i+2]
	}
	if r, g, b := at(0.125, 0.5); r < 140 || b > 100 {
		t.Errorf("left patch is rgb(%d,%d,%d), want red", r, g, b)
	}
	if r, g, b := at(0.875, 0.5); b < 140 || r > 100 {
		t.Errorf("right patch is rgb(%d,%d,%d), want blue", r, g, b)
	}
}

// TestUnhiddenLayersShow proves that the test above can fail: without the
// not-shown mark the lower layers come out as pictures of their own.
func TestUnhiddenLayersShow(t *testing.T) {
	tool(t, "ffprobe")
	c := mustDemo(t)
	var b bytes.Buffer
	f := newFile(&b)
	if err := f.writeHead(Config{Video: true}, size{960, 540}); err != nil {
		t.Fatal(err)
	}
	p := clip.NewPlayer(c, c.Video, time.Time{})
	var blocks []block
	for range 20 {
		at := p.Due().Sub(time.Time{})
		var layers [][]byte
		for _, f := range p.Next().Frames {
			layers = append(layers, f.Data)
		}
		blocks = append(blocks, block{at: at, track: trackVideo, key: at == 0, data: superframe(layers)})
	}
	if err := f.writeCluster(blocks); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "out.webm")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ffprobe", "-v", "quiet", "-select_streams", "v", "-show_entries", "frame=width,height", "-of", "csv=p=0:s=x", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "240x136") {
		t.Errorf("no small picture among the decoded ones: the not-shown rule is not what makes the recording right\n%s", out)
	}
}

func TestRecorderStartsOnTopKeyPicture(t *testing.T) {
	c := mustDemo(t)
	var b bytes.Buffer
	r := NewRecorder(&b, Config{Video: true, Audio: true, TopSpatial: 2})
	layersOf := func(index, top int) [][]byte {
		var out [][]byte
		for _, f := range c.Video.Picture(index)[:top+1] {
			out = append(out, f.Data)
		}
		return out
	}
	if err := r.WriteAudio(0, []byte{1}); err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		name       string
		index, top int
		want       int // pictures recorded after it
	}{
		{"delta first", 3, 2, 0},
		{"key without top layer", 0, 1, 0},
		{"whole key", 0, 2, 1},
		{"delta", 3, 2, 2},
	}
	for i, s := range steps {
		if err := r.WriteVideo(time.Duration(i)*time.Second, layersOf(s.index, s.top), s.top); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if got := r.Stats().Pictures; got != s.want {
			t.Errorf("%s: %d pictures recorded, want %d", s.name, got, s.want)
		}
	}
	if got := r.Stats(); got.AudioFrames != 0 || got.Width != 960 || got.Height != 540 {
		t.Errorf("Stats() = %+v, want no audio and 960x540", got)
	}
	r.Break()
	if !r.NeedsKeyPicture() {
		t.Error("NeedsKeyPicture() after Break = false")
	}
	if err := r.WriteVideo(5*time.Second, layersOf(6, 2), 2); err != nil {
		t.Fatal(err)
	}
	if got := r.Stats().Pictures; got != 2 {
		t.Errorf("a delta picture after Break was recorded")
	}
	if err := r.WriteVideo(6*time.Second, [][]byte{{0xff}}, 0); err != nil {
		t.Errorf("WriteVideo of rubbish while waiting = %v", err)
	}
	if err := r.WriteVideo(7*time.Second, layersOf(0, 1), 1); err != nil || r.NeedsKeyPicture() {
		t.Errorf("a key picture of a lower layer did not end the gap: %v", err)
	}
	if err := r.WriteVideo(8*time.Second, [][]byte{{0xff}}, 0); !errors.Is(err, ErrVP9) || !r.NeedsKeyPicture() {
		t.Errorf("WriteVideo(rubbish) = %v, want ErrVP9 and a wait for a key picture", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteAudio(time.Minute, []byte{1}); !errors.Is(err, ErrClosed) {
		t.Errorf("WriteAudio after Close = %v, want ErrClosed", err)
	}
}

func TestFileStructure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.webm")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	record(t, NewRecorder(f, Config{Video: true, Audio: true}), 10*time.Second, all)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Header  webm.EBMLHeader `ebml:"EBML"`
		Segment webm.Segment    `ebml:"Segment"`
	}
	if err := ebml.Unmarshal(bytes.NewReader(b), &doc); err != nil {
		t.Fatal(err)
	}
	if got := doc.Segment.Info.Duration; got < 9900 || got > 10000 {
		t.Errorf("Duration = %v ms, want about 9950", got)
	}
	if len(doc.Segment.Cues.CuePoint) != 5 {
		t.Errorf("%d cue points, want 5", len(doc.Segment.Cues.CuePoint))
	}
	segment := bytes.Index(b, segmentID) + 12
	for _, s := range doc.Segment.SeekHead.Seek {
		if at := segment + int(s.SeekPosition); !bytes.HasPrefix(b[at:], s.SeekID) {
			t.Errorf("seek head: no element %x at %d", s.SeekID, at)
		}
	}
	for _, c := range doc.Segment.Cues.CuePoint {
		at := segment + int(c.CueTrackPositions[0].CueClusterPosition)
		if !bytes.HasPrefix(b[at:], ebml.ElementCluster.Bytes()) {
			t.Errorf("cue at %d ms: no cluster at %d", c.CueTime, at)
		}
	}
	blocks := map[uint64]int{}
	for _, c := range doc.Segment.Cluster {
		for _, s := range c.SimpleBlock {
			blocks[s.TrackNumber]++
		}
	}
	if blocks[trackVideo] != 200 || blocks[trackAudio] < 490 {
		t.Errorf("blocks by track = %v, want 200 pictures and about 497 audio frames", blocks)
	}
}

func TestAudioOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.webm")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := NewRecorder(f, Config{Audio: true})
	record(t, r, 3*time.Second, all)
	if got := r.Stats(); got.AudioFrames < 140 || got.Pictures != 0 {
		t.Errorf("Stats() = %+v, want about 148 audio frames and no picture", got)
	}
	if got := decode(t, path); len(got) != 0 {
		t.Errorf("decoded pictures = %v, want none", got)
	}
}
