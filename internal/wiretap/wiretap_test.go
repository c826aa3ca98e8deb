package wiretap

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"conclave/core/secret"
	"conclave/core/sframe"
)

// payloaders cut sealed frames into packets as a sender would.
var payloaders = map[string]rtp.Payloader{
	"video/VP9":  &codecs.VP9Payloader{FlexibleMode: true},
	"video/VP8":  &codecs.VP8Payloader{},
	"video/AV1":  &codecs.AV1Payloader{},
	"video/H264": &codecs.H264Payloader{},
}

// wrap puts the constant bytes of a codec around a sealed frame.
func wrap(codec string, frame []byte) []byte {
	switch codec {
	case "video/VP8":
		return append([]byte{0x01}, frame...)
	case "video/AV1":
		return append([]byte{0x30}, frame...)
	case "video/H264":
		out := []byte{0, 0, 0, 1, 0x41, 0x9a, 0x80}
		zeros := 0
		for _, b := range frame {
			if zeros >= 2 && b <= 3 {
				out, zeros = append(out, 3), 0
			}
			out = append(out, b)
			if b == 0 {
				zeros++
			} else {
				zeros = 0
			}
		}
		return append(out, 0x80)
	default:
		return frame
	}
}

func newKey(t *testing.T, epoch sframe.Epoch) sframe.KeyMaterial {
	t.Helper()
	base := secret.New(bytes.Repeat([]byte{byte(epoch)}, 32))
	key, err := sframe.DeriveKey(sframe.AES256GCMSHA512, sframe.NewKID(sframe.Camera, 3, epoch), base)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// packets seals n frames (or leaves every clearEvery-th in clear) and cuts them up.
func packets(t *testing.T, codec string, key sframe.KeyMaterial, n, clearEvery int) []Packet {
	t.Helper()
	sealer, err := sframe.NewSealer(key, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var out []Packet
	random := rand.New(rand.NewPCG(1, 2))
	seq := uint16(65500) // wraps on the way
	for i := range n {
		frame := make([]byte, 1+random.IntN(5000))
		for j := range frame {
			frame[j] = byte(random.Uint32())
		}
		if clearEvery == 0 || i%clearEvery != 0 {
			if frame, err = sealer.SealFrame(nil, sframe.FrameHeader{Kind: sframe.Camera, Spatial: 1}, frame); err != nil {
				t.Fatal(err)
			}
		}
		cut := payloaders[codec].Payload(1100, wrap(codec, frame))
		for j, payload := range cut {
			out = append(out, Packet{
				SSRC: 7, Mid: "1", Kind: "camera", Codec: codec,
				Sequence: seq, Marker: j == len(cut)-1, Payload: payload,
			})
			seq++
		}
	}
	return out
}

func TestEveryFrameOpens(t *testing.T) {
	for codec := range payloaders {
		t.Run(codec, func(t *testing.T) {
			tap, key := New(), newKey(t, 1)
			if err := tap.AddKey(1, key); err != nil {
				t.Fatal(err)
			}
			for _, p := range packets(t, codec, key, 200, 0) {
				tap.Add(p)
				tap.Add(p) // retransmitted without need
			}
			r := tap.Report()
			if r.Opened != 200 || r.Failed != 0 || r.Incomplete != 0 {
				t.Errorf("opened %d, failed %d, incomplete %d of 200: %v", r.Opened, r.Failed, r.Incomplete, r.Failures)
			}
			if got := r.Streams[0].Layers["S1T0"]; got != 200 {
				t.Errorf("layers = %v, want 200 of S1T0", r.Streams[0].Layers)
			}
		})
	}
}

func TestClearFramesFail(t *testing.T) {
	for codec := range payloaders {
		t.Run(codec, func(t *testing.T) {
			tap, key := New(), newKey(t, 1)
			if err := tap.AddKey(1, key); err != nil {
				t.Fatal(err)
			}
			for _, p := range packets(t, codec, key, 100, 10) {
				tap.Add(p)
			}
			r := tap.Report()
			if r.Failed != 10 || r.Opened != 90 || len(r.Failures) != 10 {
				t.Errorf("failed %d, opened %d of 10 clear and 90 sealed: %v", r.Failed, r.Opened, r.Failures)
			}
		})
	}
}

func TestReorderedAndLost(t *testing.T) {
	tap, key := New(), newKey(t, 1)
	if err := tap.AddKey(1, key); err != nil {
		t.Fatal(err)
	}
	all := packets(t, "video/VP9", key, 400, 0)
	for i := 2; i+1 < len(all); i += 5 {
		all[i], all[i+1] = all[i+1], all[i]
	}
	lost := 0
	for i, p := range all {
		if i%100 == 50 {
			lost++
			continue
		}
		tap.Add(p)
	}
	r := tap.Report()
	if r.Failed != 0 {
		t.Errorf("a lost packet made %d frames fail: %v", r.Failed, r.Failures)
	}
	if r.Incomplete == 0 || r.Incomplete > 2*lost || r.Opened < 400-2*lost || r.Opened == 400 {
		t.Errorf("opened %d, incomplete %d with %d packets lost", r.Opened, r.Incomplete, lost)
	}
}

func TestEpochs(t *testing.T) {
	tap := New()
	// Epochs 1 and 17 have the same key ids.
	for _, epoch := range []sframe.Epoch{1, 17} {
		if err := tap.AddKey(epoch, newKey(t, epoch)); err != nil {
			t.Fatal(err)
		}
	}
	for i, epoch := range []sframe.Epoch{1, 17, 2} {
		for _, p := range packets(t, "video/VP9", newKey(t, epoch), 10, 0) {
			p.SSRC = uint32(i)
			tap.Add(p)
		}
	}
	r := tap.Report()
	if r.Opened != 20 || r.Failed != 10 {
		t.Errorf("opened %d, failed %d, want 20 and 10 (epoch 2 has no key): %v", r.Opened, r.Failed, r.Failures)
	}
}

func TestAudio(t *testing.T) {
	key := newKey(t, 1)
	mic, err := sframe.DeriveKey(sframe.AES256GCMSHA512, sframe.NewKID(sframe.Microphone, 3, 1), secret.New(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	tap := New()
	for _, k := range []sframe.KeyMaterial{key, mic} {
		if err := tap.AddKey(1, k); err != nil {
			t.Fatal(err)
		}
	}
	sealer, err := sframe.NewSealer(mic, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	camera, err := sframe.NewSealer(key, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	good, err := sealer.SealFrame(nil, sframe.FrameHeader{Kind: sframe.Microphone}, []byte{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	swapped, err := camera.SealFrame(nil, sframe.FrameHeader{Kind: sframe.Camera}, []byte{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	for i, payload := range [][]byte{good, {}, {0xf8, 0xff, 0xfe}, swapped} {
		tap.Add(Packet{SSRC: 1, Kind: "microphone", Codec: "audio/opus", Sequence: uint16(i), Payload: payload})
	}
	r := tap.Report()
	if r.Opened != 1 || r.Failed != 2 || r.Streams[0].Empty != 1 {
		t.Errorf("opened %d, failed %d, empty %d, want 1, 2 (silence in clear; a key of another stream), 1", r.Opened, r.Failed, r.Streams[0].Empty)
	}
	if got := strings.Join(r.Failures, "\n"); !strings.Contains(got, "no SFrame header") && !strings.Contains(got, "key id") {
		t.Errorf("failures do not say why: %s", got)
	}
}

func TestCounterUsedTwice(t *testing.T) {
	tap, key := New(), newKey(t, 1)
	if err := tap.AddKey(1, key); err != nil {
		t.Fatal(err)
	}
	frames := packets(t, "video/VP9", key, 20, 0)
	for _, p := range frames {
		tap.Add(p)
		p.SSRC++ // the same bytes on another stream, as when a sender probes
		tap.Add(p)
	}
	r := tap.Report()
	if r.Failed != 0 || r.Opened != 20 || r.Streams[1].Repeated != 20 {
		t.Errorf("failed %d, opened %d, repeated %d, want 0, 20, 20: %v", r.Failed, r.Opened, r.Streams[1].Repeated, r.Failures)
	}
	sealer, err := sframe.NewSealer(key, 0, 100) // begins at 0 again
	if err != nil {
		t.Fatal(err)
	}
	again, err := sealer.SealFrame(nil, sframe.FrameHeader{Kind: sframe.Camera}, []byte("another frame"))
	if err != nil {
		t.Fatal(err)
	}
	for i, payload := range payloaders["video/VP9"].Payload(1100, again) {
		tap.Add(Packet{SSRC: 9, Kind: "camera", Codec: "video/VP9", Sequence: uint16(i), Payload: payload})
	}
	if r := tap.Report(); r.Failed != 1 {
		t.Errorf("failed %d, want 1: a counter was used for two frames", r.Failed)
	}
}
