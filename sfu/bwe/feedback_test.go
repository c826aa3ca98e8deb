package bwe

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
)

const ms = time.Millisecond

// tcc is a feedback with the given chunks and deltas in microseconds.
func tcc(base, count uint16, reference uint32, deltas []int64, chunks ...rtcp.PacketStatusChunk) *rtcp.TransportLayerCC {
	p := &rtcp.TransportLayerCC{BaseSequenceNumber: base, PacketStatusCount: count, ReferenceTime: reference, PacketChunks: chunks}
	for _, d := range deltas {
		p.RecvDeltas = append(p.RecvDeltas, &rtcp.RecvDelta{Type: rtcp.TypeTCCPacketReceivedSmallDelta, Delta: d})
	}
	return p
}

func runs(symbol, length uint16) *rtcp.RunLengthChunk {
	return &rtcp.RunLengthChunk{PacketStatusSymbol: symbol, RunLength: length}
}

func vector(symbols ...uint16) *rtcp.StatusVectorChunk {
	return &rtcp.StatusVectorChunk{Type: rtcp.TypeTCCStatusVectorChunk, SymbolSize: rtcp.TypeTCCSymbolSizeTwoBit, SymbolList: symbols}
}

const origin = (1 << 24) * referenceUnit // where the first reference time of zero lies

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   *rtcp.TransportLayerCC
		want []Arrival
	}{
		{
			"run across the wrap", tcc(65535, 3, 2, []int64{1000, 250, 0}, runs(rtcp.TypeTCCPacketReceivedSmallDelta, 3)),
			[]Arrival{{origin + 129*ms, 65535, true}, {origin + 129*ms + 250*time.Microsecond, 0, true}, {origin + 129*ms + 250*time.Microsecond, 1, true}},
		},
		{
			"lost and untimed", tcc(10, 4, 0, []int64{500, -250}, vector(rtcp.TypeTCCPacketReceivedSmallDelta, rtcp.TypeTCCPacketNotReceived,
				rtcp.TypeTCCPacketReceivedWithoutDelta, rtcp.TypeTCCPacketReceivedLargeDelta, rtcp.TypeTCCPacketNotReceived)),
			[]Arrival{{origin + ms/2, 10, true}, {0, 11, false}, {origin + ms/4, 13, true}},
		},
		{
			"longer run than packets", tcc(10, 2, 0, nil, runs(rtcp.TypeTCCPacketNotReceived, 8191)),
			[]Arrival{{0, 10, false}, {0, 11, false}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d Decoder
			got, err := d.Decode(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Arrivals); diff != "" {
				t.Errorf("arrivals (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeMalformed(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   *rtcp.TransportLayerCC
	}{
		{"no packets", tcc(0, 0, 0, nil)},
		{"too many packets", tcc(0, MaxArrivals+1, 0, nil, runs(0, 8191))},
		{"no chunks", tcc(0, 1, 0, nil)},
		{"chunks too short", tcc(0, 10, 0, nil, runs(0, 9))},
		{"empty chunks", tcc(0, 10, 0, nil, runs(0, 0), runs(0, 0))},
		{"no deltas", tcc(0, 2, 0, []int64{0}, runs(rtcp.TypeTCCPacketReceivedSmallDelta, 2))},
		{"unknown chunk", tcc(0, 1, 0, nil, nil)},
		{"nil delta", &rtcp.TransportLayerCC{PacketStatusCount: 1, PacketChunks: []rtcp.PacketStatusChunk{runs(1, 1)}, RecvDeltas: []*rtcp.RecvDelta{nil}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d Decoder
			if got, err := d.Decode(tt.in); !errors.Is(err, ErrFeedback) {
				t.Errorf("Decode = %v, %v, want %v", got, err, ErrFeedback)
			}
			if d.started {
				t.Error("a malformed feedback moved the clock")
			}
		})
	}
}

// TestReferenceTime holds that the receiver's clock goes on over the wrap of its 24
// bits, and back for feedback that comes late.
func TestReferenceTime(t *testing.T) {
	var d Decoder
	var last time.Duration
	for i, tt := range []struct {
		reference uint32
		want      time.Duration // since the feedback before
	}{{1<<24 - 2, 0}, {1<<24 - 1, 64 * ms}, {1, 128 * ms}, {0, -64 * ms}, {5, 320 * ms}} {
		f, err := d.Decode(tcc(0, 1, tt.reference, []int64{0}, runs(rtcp.TypeTCCPacketReceivedSmallDelta, 1)))
		if err != nil {
			t.Fatal(err)
		}
		at := f.Arrivals[0].At
		if i > 0 && at-last != tt.want {
			t.Errorf("reference %d is %v after the one before, want %v", tt.reference, at-last, tt.want)
		}
		last = at
	}
}

// FuzzDecode feeds feedback as it comes off the wire to decoder and estimator.
func FuzzDecode(f *testing.F) {
	for _, p := range []*rtcp.TransportLayerCC{
		tcc(1, 3, 7, []int64{250, 500, 750}, runs(rtcp.TypeTCCPacketReceivedSmallDelta, 3)),
		tcc(65530, 20, 1<<24-1, []int64{0, 250}, vector(1, 0, 1, 0, 0, 0, 0), runs(0, 13)),
	} {
		p.Header = rtcp.Header{Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback}
		p.Header.Length = uint16(p.MarshalSize()/4 - 1)
		b, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint16(5))
	}
	f.Fuzz(func(t *testing.T, b []byte, first uint16) {
		var p rtcp.TransportLayerCC
		if p.Unmarshal(b) != nil {
			return
		}
		e, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		e.SetDemand(Megabit, 3*Megabit)
		now := time.Unix(0, 0)
		for i := range uint16(50) {
			now = now.Add(5 * ms)
			e.OnSent(now, first+i, 1200, 0)
		}
		var d Decoder
		for range 3 {
			now = now.Add(100 * ms)
			fb, err := d.Decode(&p)
			if err != nil {
				return
			}
			if len(fb.Arrivals) > MaxArrivals {
				t.Fatalf("%d arrivals", len(fb.Arrivals))
			}
			e.OnFeedback(now, fb)
			e.Tick(now)
			e.Probe(now)
		}
		if got := e.Target(); got < e.cfg.Min || got > e.cfg.Max {
			t.Errorf("target %v is out of bounds", got)
		}
	})
}
