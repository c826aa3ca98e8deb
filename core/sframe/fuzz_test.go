package sframe_test

import (
	"bytes"
	"testing"

	"conclave/core/secret"
	"conclave/core/sframe"
)

// FuzzHeader checks that a header that parses is written back byte for byte.
func FuzzHeader(f *testing.F) {
	for _, h := range []sframe.Header{{}, {KID: 7, Counter: 8}, {KID: 0x123, Counter: 0x4567}, {KID: 1<<64 - 1, Counter: 1<<64 - 1}} {
		f.Add(h.Append(nil))
	}
	f.Add([]byte{0x88, 0, 0})
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, size, err := sframe.ParseHeader(frame)
		if err != nil {
			return
		}
		if got := h.Append(nil); !bytes.Equal(got, frame[:size]) || h.Size() != size {
			t.Errorf("%x parses as %+v, which is written as %x", frame[:size], h, got)
		}
		if c, i, e, err := h.KID.Split(); err == nil && sframe.NewKID(c, i, e) != h.KID {
			t.Errorf("key id %#x splits into %v, %d, %d", h.KID, c, i, e)
		}
	})
}

// FuzzOpen gives an Opener hostile frames: nothing but what was sealed opens.
func FuzzOpen(f *testing.F) {
	kid := sframe.NewKID(sframe.Camera, 3, 9)
	var keys []sframe.KeyMaterial
	for _, s := range suites {
		m, err := sframe.DeriveKey(s, kid, secret.New(make([]byte, 32)))
		if err != nil {
			f.Fatal(err)
		}
		sealer, err := sframe.NewSealer(m, 5, 6)
		if err != nil {
			f.Fatal(err)
		}
		sealed, err := sealer.Seal(nil, []byte("plaintext"), []byte("meta"))
		if err != nil {
			f.Fatal(err)
		}
		keys = append(keys, m)
		f.Add(sealed, []byte("meat"))
	}
	f.Fuzz(func(t *testing.T, frame, metadata []byte) {
		for _, m := range keys {
			o := sframe.NewOpener()
			if err := o.Add(m); err != nil {
				t.Fatal(err)
			}
			before := bytes.Clone(frame)
			plaintext, _, err := o.Open(nil, frame, metadata)
			if err == nil && (string(plaintext) != "plaintext" || string(metadata) != "meta") && m.Suite > sframe.AES128CTRHMACSHA256Tag32 {
				t.Errorf("suite %d: a forgery opens: %x", m.Suite, frame)
			}
			if !bytes.Equal(frame, before) {
				t.Error("Open changes the frame")
			}
		}
	})
}

// FuzzFrameHeader checks that an inner header that parses is written back.
func FuzzFrameHeader(f *testing.F) {
	f.Add([]byte{1, 0x21, 'b'})
	f.Add([]byte{5, 0})
	f.Fuzz(func(t *testing.T, plaintext []byte) {
		h, bitstream, err := sframe.ParseFrameHeader(plaintext)
		if err != nil {
			return
		}
		got, err := h.Append(nil)
		if err != nil || !bytes.Equal(append(got, bitstream...), plaintext) {
			t.Errorf("%x is written back as %x, %v", plaintext, got, err)
		}
	})
}
