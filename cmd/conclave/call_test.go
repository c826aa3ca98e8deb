package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/client/media"
	"conclave/client/meeting"
	"conclave/core/session"
	"conclave/core/sframe"
	"conclave/internal/testkit"
)

// call runs conclave call join and returns its exit code and output.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = runWith(&env{ctx: t.Context(), stdout: &out, stderr: &errs}, append([]string{"call", "join"}, args...))
	return code, out.String(), errs.String()
}

func newLink(t *testing.T, base string) string {
	t.Helper()
	l, err := session.GenerateLink(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return l.URL(base)
}

func TestCallExitCodes(t *testing.T) {
	d, err := startDemo(t.Context(), "127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}()
	base, _, _ := strings.Cut(d.link, "/m/")
	notConclave := httptest.NewServer(http.NotFoundHandler())
	defer notConclave.Close()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	tests := []struct {
		name, link string
		code       int
		says       string
	}{
		{"secret missing", strings.Split(d.link, "#")[0], exitLinkWrong, "ask for the link again"},
		{"secret of another meeting", strings.Split(d.link, "#")[0] + "#AAAAAAAAAAAAAAAAAAAAAA", exitLinkWrong, "ask for the link again"},
		{"not protected", newLink(t, "http://conclave.example"), exitLinkWrong, "https://"},
		{"nobody started it", newLink(t, base), exitLinkExpired, "ask the host"},
		{"nobody there", newLink(t, gone.URL), exitUnreachable, "is the server running?"},
		{"another server", newLink(t, notConclave.URL), exitUnreachable, "not as a Conclave server"},
		{"untrusted", newLink(t, untrusted.URL), exitUnreachable, "--roots"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := call(t, tt.link)
			if code != tt.code || !strings.Contains(stderr, tt.says) {
				t.Errorf("exit code %d, %q; want %d and %q", code, stderr, tt.code, tt.says)
			}
			if _, secret, _ := strings.Cut(tt.link, "#"); secret != "" && strings.Contains(stdout+stderr, secret) {
				t.Error("the output holds the secret of the link")
			}
			_, stdout, _ = call(t, "--json", tt.link)
			var event struct {
				Event   string
				Code    int
				Message string
			}
			lines := strings.Split(strings.TrimSpace(stdout), "\n")
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &event); err != nil || event.Event != "failed" || event.Code != tt.code {
				t.Errorf("last event %q (%v), want failed with code %d", lines[len(lines)-1], err, tt.code)
			}
		})
	}
}

// TestCallRecords records the robot and has ffmpeg decode the file.
func TestCallRecords(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		testkit.Missing(t, "ffmpeg is not installed, so nothing decodes the recording (Debian: apt install ffmpeg)")
	}
	d, err := startDemo(t.Context(), "127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "out.webm")
	code, stdout, stderr := call(t, "--record", path, "--from", robotName, "--for", "12s", "--json", d.link)
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	var summary struct {
		OK        bool
		Recording recordingResult
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &summary); err != nil {
		t.Fatal(err)
	}
	r := summary.Recording
	if !summary.OK || r.Pictures < 20 || r.AudioFrames < 100 || r.Width != 960 || r.Height != 540 || r.Gaps != 0 {
		t.Errorf("summary %+v, want some seconds of 960x540 without gaps", summary)
	}
	out, err := exec.Command(ffmpeg, "-v", "warning", "-xerror", "-i", path, "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("ffmpeg: %v\n%s", err, out)
	}
}

func TestDemoEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := &cancelAfterLink{cancel: cancel}
	code := runWith(&env{ctx: ctx, stdout: out, stderr: out}, []string{"demo"})
	if code != exitOK {
		t.Errorf("exit code %d: %s", code, out.text)
	}
	for _, want := range []string{"http://localhost:", "/m/", "▀", "Ctrl-C"} {
		if !strings.Contains(out.text, want) {
			t.Errorf("output lacks %q:\n%s", want, out.text)
		}
	}
}

// A cancelAfterLink ends a demo once it has said how to end it.
type cancelAfterLink struct {
	cancel context.CancelFunc
	text   string
}

func (c *cancelAfterLink) Write(b []byte) (int, error) {
	c.text += string(b)
	if strings.Contains(c.text, "Ctrl-C") {
		c.cancel()
	}
	return len(b), nil
}

func TestStreamClock(t *testing.T) {
	start := time.Unix(1000, 0)
	c := streamClock{rate: 90000}
	steps := []struct {
		timestamp uint32
		arrived   time.Duration
		want      time.Duration
	}{
		{1<<32 - 9000, 500 * time.Millisecond, 500 * time.Millisecond},
		{1<<32 - 4500, 590 * time.Millisecond, 550 * time.Millisecond},
		{0, 600 * time.Millisecond, 600 * time.Millisecond},
		{90000, 900 * time.Millisecond, 1600 * time.Millisecond},
		{3 << 30, 5 * time.Second, 5 * time.Second}, // another clock: by arrival
		{3<<30 + 900, 6 * time.Second, 5*time.Second + 10*time.Millisecond},
	}
	for i, s := range steps {
		got := c.time(media.Frame{Timestamp: s.timestamp, Arrived: start.Add(s.arrived)}, start)
		if got != s.want {
			t.Errorf("step %d: time = %v, want %v", i, got, s.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	tests := []struct{ in, want string }{
		{"Ada 🐱 李", "Ada 🐱 李"},
		{"two\nlines", "two lines"},
		{"\x1b]0;title\x07", "�]0;title�"},
		{"a\u202eb", "a�b"},
	}
	for _, tt := range tests {
		if got := printable(tt.in); got != tt.want {
			t.Errorf("printable(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestExplainKeepsOtherErrors(t *testing.T) {
	err := errors.New("disk is full")
	if got := explain(err); !errors.Is(got, err) {
		t.Errorf("explain(%v) = %v", err, got)
	}
}

func TestCheckerHighest(t *testing.T) {
	k := &checker{seen: make(map[layer]time.Time)}
	if _, ok := k.highest(); ok {
		t.Error("a layer before the first frame")
	}
	k.frame(media.Frame{Context: sframe.Microphone, Spatial: 3})
	for _, l := range []layer{{0, 2}, {1, 0}, {1, 1}} {
		k.frame(media.Frame{Context: sframe.Camera, Sender: meeting.Index(0), Spatial: l.spatial, Temporal: l.temporal})
	}
	k.seen[layer{2, 2}] = time.Now().Add(-2 * layerWindow)
	if top, ok := k.highest(); !ok || top != (layer{1, 1}) {
		t.Errorf("highest() = %v, %v, want S1T1", top, ok)
	}
}

// What was said in a meeting is not for the other users of the machine.
func TestRecordingIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meeting.webm")
	r, err := newCallRecording(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.close(); err == nil {
		t.Error("an empty recording is no error")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode %v, want %v", got, os.FileMode(0o600))
	}
}
