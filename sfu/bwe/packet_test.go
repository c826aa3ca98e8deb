package bwe

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
)

// recorded returns feedback on packets that came at random, with losses, as
// another implementation writes it.
func recorded(t testing.TB, rng *rand.Rand, first uint16, packets int) []byte {
	t.Helper()
	r := twcc.NewRecorder(1)
	at := time.Duration(rng.Int64N(int64(time.Hour)))
	for i := range packets {
		at += time.Duration(rng.ExpFloat64() * float64([]time.Duration{time.Millisecond, 100 * time.Millisecond}[rng.IntN(2)]))
		if rng.IntN(4) > 0 || i == 0 {
			r.Record(1, first+uint16(i), at.Microseconds())
		}
	}
	all := r.BuildFeedbackPacket()
	b, err := all[0].Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// withoutPadding removes what makes a packet's length a multiple of four.
func withoutPadding(b []byte) []byte {
	if b[0]&0x20 != 0 {
		return b[:len(b)-int(b[len(b)-1])]
	}
	return b
}

// TestDecodePacketAgrees decodes the same feedback from the bytes and from
// pion/rtcp's reading of them.
func TestDecodePacketAgrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	var raw, parsed Decoder
	for round := range 500 {
		b := recorded(t, rng, uint16(65500+round*50), 1+rng.IntN(300))
		var p rtcp.TransportLayerCC
		if err := p.Unmarshal(b); err != nil {
			t.Fatal(err)
		}
		want, err := parsed.Decode(&p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := raw.DecodePacket(withoutPadding(b))
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if !slices.Equal(got.Arrivals, want.Arrivals) {
			t.Fatalf("round %d: %v, want %v", round, got.Arrivals, want.Arrivals)
		}
	}
}

// TestDecodePacketRefuses cuts feedback short everywhere, and makes it lie about
// how many packets it speaks of.
func TestDecodePacketRefuses(t *testing.T) {
	b := withoutPadding(recorded(t, rand.New(rand.NewPCG(4, 1)), 7, 200))
	var d Decoder
	for n := range len(b) {
		if _, err := d.DecodePacket(b[:n]); !errors.Is(err, ErrFeedback) {
			t.Fatalf("%d of %d bytes: %v", n, len(b), err)
		}
	}
	for _, count := range []uint16{0, MaxArrivals + 1, 65535} {
		c := slices.Clone(b)
		c[14], c[15] = byte(count>>8), byte(count)
		if _, err := d.DecodePacket(c); !errors.Is(err, ErrFeedback) {
			t.Errorf("%d packets: %v", count, err)
		}
	}
	if d.started {
		t.Error("refused feedback moved the clock")
	}
}

func TestDecodePacketAllocs(t *testing.T) {
	b := withoutPadding(recorded(t, rand.New(rand.NewPCG(5, 1)), 7, 300))
	var d Decoder
	if got := testing.AllocsPerRun(100, func() {
		if _, err := d.DecodePacket(b); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("allocates %v times", got)
	}
}

// FuzzDecodePacket holds that what both readings take, both understand alike.
func FuzzDecodePacket(f *testing.F) {
	rng := rand.New(rand.NewPCG(6, 1))
	for range 5 {
		f.Add(recorded(f, rng, 65530, 40))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var raw, parsed Decoder
		got, err := raw.DecodePacket(b)
		if err == nil && len(got.Arrivals) > MaxArrivals {
			t.Fatalf("%d arrivals", len(got.Arrivals))
		}
		var p rtcp.TransportLayerCC
		if p.Unmarshal(b) != nil || p.Header.Padding {
			return
		}
		want, errParsed := parsed.Decode(&p)
		if err == nil && errParsed == nil && !slices.Equal(got.Arrivals, want.Arrivals) {
			t.Fatalf("%v, want %v", got.Arrivals, want.Arrivals)
		}
	})
}
