package bwe_test

import (
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"

	"conclave/sfu/bwe"
)

// A wire carries feedback as a receiver puts it into RTCP packets.
type wire struct {
	recorder *twcc.Recorder
	decoder  bwe.Decoder
}

func newWire() *wire { return &wire{recorder: twcc.NewRecorder(1)} }

// record notes an arrival.
func (w *wire) record(seq uint16, at time.Duration) {
	w.recorder.Record(2, seq, at.Microseconds())
}

// feedback returns what has been recorded, by way of the wire format.
func (w *wire) feedback(t *testing.T) []bwe.Feedback {
	t.Helper()
	var all []bwe.Feedback
	for _, p := range w.recorder.BuildFeedbackPacket() {
		b, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var tcc rtcp.TransportLayerCC
		if err := tcc.Unmarshal(b); err != nil {
			t.Fatal(err)
		}
		f, err := w.decoder.Decode(&tcc)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, bwe.Feedback{Arrivals: append([]bwe.Arrival(nil), f.Arrivals...)})
	}
	return all
}

// TestWire runs the step with feedback in the wire format, over a loss that makes
// all kinds of chunks and over wraps of sequence numbers.
func TestWire(t *testing.T) {
	down, back := path(3_000_000, 40*time.Millisecond)
	down.Loss = 0.02
	down.Jitter = 5 * time.Millisecond
	f := &flow{source: newLayered(), back: back, wire: newWire()}
	s := newSim(t, down, f)
	s.run(20 * second)
	s.set(400_000)
	s.run(40 * second)
	s.set(3_000_000)
	s.run(60 * second)
	fall := f.when("layer below 400 kbit/s", 20*second, func(s sample) bool { return s.target <= 400_000 && s.layer.Spatial <= 1 })
	again := f.when("best layer again", 40*second, isBest)
	mean := f.received(25*second, 40*second)
	st := f.est.Stats()
	t.Logf("fall %v, mean at 400 kbit/s %v, back %v, unknown %d", fall, mean, again, st.Unknown)
	if fall > second || again > 8*second || mean < 200_000 || st.Unknown > 0 {
		t.Error("not as without the wire format")
		f.dump(19*second, 50*second)
	}
}
