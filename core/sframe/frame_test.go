package sframe_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"conclave/core/sframe"
)

func TestKID(t *testing.T) {
	tests := []struct {
		context sframe.Context
		index   sframe.SenderIndex
		epoch   sframe.Epoch
		kid     sframe.KID
		mod     sframe.Epoch
	}{
		{sframe.Microphone, 0, 1, 1, 1},
		{sframe.Camera, 0, 1, 1<<14 | 1, 1},
		{sframe.Screen, 5, 16, 2<<14 | 5<<4, 0},
		{sframe.Data, 1023, 31, 3<<14 | 1023<<4 | 15, 15},
		{sframe.ScreenAudio, 1023, math.MaxUint64, 4<<14 | 1023<<4 | 15, 15},
	}
	for _, tt := range tests {
		kid := sframe.NewKID(tt.context, tt.index, tt.epoch)
		if kid != tt.kid {
			t.Errorf("NewKID(%v, %d, %d) = %#x, want %#x", tt.context, tt.index, tt.epoch, kid, tt.kid)
		}
		c, i, e, err := kid.Split()
		if c != tt.context || i != tt.index || e != tt.mod || err != nil {
			t.Errorf("Split(%#x) = %v, %d, %d, %v", kid, c, i, e, err)
		}
	}
	for _, kid := range []sframe.KID{5 << 14, 8 << 14, math.MaxUint64} {
		if _, _, _, err := kid.Split(); !errors.Is(err, sframe.ErrMalformed) {
			t.Errorf("Split(%#x) = %v, want ErrMalformed", kid, err)
		}
	}
	for _, f := range []func(){
		func() { sframe.NewKID(5, 0, 1) },
		func() { sframe.NewKID(sframe.Camera, 1024, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("NewKID out of range does not panic")
				}
			}()
			f()
		}()
	}
}

func TestSealFrame(t *testing.T) {
	kid := sframe.NewKID(sframe.Camera, 3, 9)
	m := derive(t, sframe.AES256GCMSHA512, kid)
	s, o := newSealer(t, m, 0, 10), newOpener(t, m)
	h := sframe.FrameHeader{Kind: sframe.Camera, Spatial: 2, Temporal: 1}
	for _, bitstream := range []string{"", "b", strings.Repeat("bits", 1000)} {
		sealed, err := s.SealFrame([]byte("pre"), h, []byte(bitstream))
		if err != nil || !bytes.HasPrefix(sealed, []byte("pre")) {
			t.Fatalf("SealFrame = %x, %v", sealed, err)
		}
		got, fh, outer, err := o.OpenFrame([]byte("kept"), sealed[3:])
		if err != nil || string(got) != "kept"+bitstream || fh != h || outer.KID != kid {
			t.Errorf("OpenFrame = %q, %+v, %+v, %v", got, fh, outer, err)
		}
	}
	if left := s.Remaining(); left != 7 {
		t.Errorf("Remaining = %d, want 7", left)
	}
	for _, bad := range []sframe.FrameHeader{
		{Kind: sframe.Screen},
		{Kind: 5},
		{Kind: sframe.Camera, Spatial: 16},
		{Kind: sframe.Camera, Temporal: 16},
	} {
		if got, err := s.SealFrame([]byte("kept"), bad, nil); !errors.Is(err, sframe.ErrMalformed) || string(got) != "kept" {
			t.Errorf("SealFrame(%+v) = %q, %v, want ErrMalformed", bad, got, err)
		}
	}
}

// A member can seal any plaintext under its own key: what comes out is checked.
func TestOpenFrameRefuses(t *testing.T) {
	kid := sframe.NewKID(sframe.Camera, 3, 9)
	m := derive(t, sframe.AES256GCMSHA512, kid)
	foreign := derive(t, sframe.AES256GCMSHA512, 9<<14)
	tests := []struct {
		name      string
		key       sframe.KeyMaterial
		plaintext string
		want      error
	}{
		{"empty", m, "", sframe.ErrMalformed},
		{"half a header", m, "\x01", sframe.ErrMalformed},
		{"screen under a camera key", m, "\x02\x00bits", sframe.ErrMalformed},
		{"unknown kind", m, "\x05\x00bits", sframe.ErrMalformed},
		{"key id of another protocol", foreign, "\x01\x00bits", sframe.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sealed := seal(t, newSealer(t, tt.key, 0, 1), []byte(tt.plaintext), nil)
			got, _, _, err := newOpener(t, tt.key).OpenFrame([]byte("kept"), sealed)
			if !errors.Is(err, tt.want) || string(got) != "kept" {
				t.Errorf("OpenFrame = %q, %v, want %v", got, err, tt.want)
			}
		})
	}
	if _, _, _, err := newOpener(t).OpenFrame(nil, []byte("x")); err == nil {
		t.Error("OpenFrame of garbage succeeds")
	}
	if _, err := newSealer(t, foreign, 0, 1).SealFrame(nil, sframe.FrameHeader{}, nil); !errors.Is(err, sframe.ErrMalformed) {
		t.Errorf("SealFrame under a foreign key id = %v, want ErrMalformed", err)
	}
}
