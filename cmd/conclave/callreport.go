package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"conclave/client/media"
	"conclave/client/meeting"
	"conclave/core/sframe"
)

// A callReport tells the user, or a program, what happens in a call. Its methods
// may be called concurrently, except that stats and recording are set before.
type callReport struct {
	json      bool
	out       io.Writer
	started   time.Time
	stats     func() media.Stats
	recording *recordingResult

	mu    sync.Mutex
	names map[meeting.Index]string
	epoch uint64
	heard map[heard]bool
	other map[meeting.StreamID]bool // streams whose codec is not read
}

// A heard is a stream whose first frame was reported.
type heard struct {
	sender  meeting.Index
	context sframe.Context
}

// say prints one event: text for people, fields for programs.
func (r *callReport) say(event, text string, fields map[string]any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sayLocked(event, text, fields)
}

func (r *callReport) sayLocked(event, text string, fields map[string]any) {
	ms := time.Since(r.started).Milliseconds()
	if !r.json {
		if text != "" {
			printf(r.out, "%6.1f s  %s\n", float64(ms)/1000, text)
		}
		return
	}
	object := map[string]any{"event": event, "ms": ms}
	maps.Copy(object, fields)
	_ = printJSON(r.out, object) // a closed standard output does not end the call
}

// event reports what happened in the meeting.
func (r *callReport) event(o meeting.Output) {
	switch o := o.(type) {
	case meeting.Joined:
		r.say("joined", "at the server, waiting for the key", map[string]any{"seat": o.Seat, "limit": o.Limit, "resumed": o.Resumed})
	case meeting.Roster:
		r.roster(o)
	case meeting.Published:
		r.say("publishing", "sending", nil)
	case meeting.PublishFailed:
		r.say("publish-failed", "the server refused what this client sends: "+printable(o.Message), map[string]any{"message": o.Message})
	case meeting.Chat:
		if !o.You {
			r.say("chat", fmt.Sprintf("%s: %s", printable(o.Name), printable(o.Text)), map[string]any{"id": o.ID, "name": o.Name, "text": o.Text, "sent_at": o.SentAt})
		}
	case meeting.StreamStates:
		states := make([]map[string]any, 0, len(o.States))
		text := ""
		for _, s := range o.States {
			if s.Reason == "codec" && r.isNews(s.Stream) {
				text = "a picture comes in a codec that this client does not read; it reads VP9"
			}
			states = append(states, map[string]any{"stream": s.Stream, "reason": s.Reason, "spatial": s.Spatial, "temporal": s.Temporal, "estimate": s.Estimate})
		}
		r.say("streams", text, map[string]any{"states": states})
	case meeting.Reconnecting:
		r.say("reconnecting", "connection lost, trying again", map[string]any{"until": o.Until})
	case meeting.Reconnected:
		r.say("reconnected", "connected again", nil)
	case meeting.Alarm:
		r.say("alarm", alarmText(o.ID), map[string]any{"id": o.ID})
	}
}

// isNews reports whether a stream's codec has not been complained about yet.
func (r *callReport) isNews(s meeting.StreamID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.other == nil {
		r.other = make(map[meeting.StreamID]bool)
	}
	was := r.other[s]
	r.other[s] = true
	return !was
}

func alarmText(id meeting.AlarmID) string {
	switch id {
	case meeting.AlarmGhost:
		return "ALARM: somebody without the link tried to get in, and was refused"
	case meeting.AlarmFork:
		return "ALARM: the server showed different meetings to different members"
	case meeting.AlarmTamper:
		return "ALARM: a message was changed on its way, and was refused"
	}
	return "ALARM: " + string(id)
}

func (r *callReport) roster(o meeting.Roster) {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, 0, len(o.Members))
	clear(r.names)
	for _, m := range o.Members {
		r.names[m.Index] = m.Name
		names = append(names, m.Name)
	}
	text := ""
	if o.Epoch != r.epoch { // else only what somebody does has changed
		text = fmt.Sprintf("key %d, shared by %s", o.Epoch, printable(strings.Join(names, ", ")))
	}
	r.epoch = o.Epoch
	r.sayLocked("roster", text, map[string]any{"epoch": o.Epoch, "members": names})
}

// frame reports the first frame of each stream.
func (r *callReport) frame(f media.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.heard == nil {
		r.heard = make(map[heard]bool)
	}
	k := heard{f.Sender, f.Context}
	if r.heard[k] {
		return
	}
	r.heard[k] = true
	name := r.names[f.Sender]
	r.sayLocked("receiving", fmt.Sprintf("opened the first frame of %s's %s", printable(name), f.Context), map[string]any{"name": name, "index": f.Sender, "kind": f.Context.String()})
}

// progress reports how many frames have opened.
func (r *callReport) progress() {
	s := r.stats()
	video, audio := s.Count(sframe.Camera, sframe.Screen), s.Count(sframe.Microphone, sframe.ScreenAudio)
	r.say("progress", fmt.Sprintf("%d video layer frames and %d audio frames opened, %d refused", video, audio, s.DecryptErrors()),
		map[string]any{"video_frames": video, "audio_frames": audio, "decrypt_errors": s.DecryptErrors()})
}

// summary is the last event of a call that went well.
func (r *callReport) summary() {
	s := r.stats()
	video, audio := s.Count(sframe.Camera, sframe.Screen), s.Count(sframe.Microphone, sframe.ScreenAudio)
	seen := make(map[string]bool)
	layers := []string{}
	for k := range s.Frames {
		isVideo := k.Context == sframe.Camera || k.Context == sframe.Screen
		if name := (layer{k.Spatial, k.Temporal}).String(); isVideo && !seen[name] {
			seen[name] = true
			layers = append(layers, name)
		}
	}
	slices.Sort(layers)
	text := fmt.Sprintf("left. %d video layer frames (%s) and %d audio frames opened, %d refused",
		video, strings.Join(layers, " "), audio, s.DecryptErrors())
	fields := map[string]any{
		"ok": true, "video_frames": video, "audio_frames": audio, "decrypt_errors": s.DecryptErrors(),
		"replays": s.Replays, "before_join": s.BeforeUs, "layers": layers, "sent": s.Sent,
	}
	if r.recording != nil {
		fields["recording"] = r.recording
		text += "; " + r.recording.String()
	}
	r.say("summary", text, fields)
}

// failed is the last event of a call that did not go well; people get it on
// standard error.
func (r *callReport) failed(err error) {
	code := exitFailed
	if x := new(exitError); errors.As(err, &x) {
		code = x.code
	}
	r.say("failed", "", map[string]any{"message": err.Error(), "code": code})
}

// printable makes what others wrote safe for a terminal: control characters
// could move the cursor, change colours or rename the window.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t':
			return ' '
		case !unicode.IsPrint(c):
			return '�'
		}
		return c
	}, s)
}
