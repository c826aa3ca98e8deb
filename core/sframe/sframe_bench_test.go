package sframe_test

import (
	"fmt"
	"testing"

	"conclave/core/sframe"
)

func BenchmarkFrame(b *testing.B) {
	for _, size := range []int{100, 1200, 50_000} {
		kid := sframe.NewKID(sframe.Camera, 3, 9)
		m := derive(b, sframe.AES256GCMSHA512, kid)
		h := sframe.FrameHeader{Kind: sframe.Camera}
		bitstream := make([]byte, size)
		sealed, opened := make([]byte, 0, size+64), make([]byte, 0, size+64)
		b.Run(fmt.Sprintf("Seal/%d", size), func(b *testing.B) {
			s := newSealer(b, m, 0, 1<<60)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.SealFrame(sealed, h, bitstream); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("SealOpen/%d", size), func(b *testing.B) {
			s, o := newSealer(b, m, 0, 1<<60), newOpener(b, m)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				frame, err := s.SealFrame(sealed, h, bitstream)
				if err == nil {
					_, _, _, err = o.OpenFrame(opened, frame)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
