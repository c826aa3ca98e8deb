package rtc

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"

	"conclave/sfu/bwe"
)

// A wire counts the packets that a slot writes and keeps the last header.
type wire struct {
	packets int
	last    rtp.Header
}

func (w *wire) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	w.packets++
	w.last = h.Clone()
	return h.MarshalSize() + len(payload), nil
}

func (w *wire) Write(b []byte) (int, error) { return len(b), nil }

// Transport-wide numbers count the packets that carry one: a hole in them would
// be a loss to the estimate, and a packet that nobody can report on, too.
func TestTransportNumbersCountOnlyWhereNegotiated(t *testing.T) {
	e, err := newEgress(&Seat{room: &Room{engine: &Engine{}}})
	if err != nil {
		t.Fatal(err)
	}
	without, with := &slot{egress: e}, &slot{egress: e, twccID: 3, ssrc: 7}
	for _, s := range []*slot{without, with} {
		s.writer = &wire{}
	}
	// reported says whether the estimator knows the packet that is reported on.
	reported := func(number uint16) bool {
		before := e.estimator.Stats().Unknown
		e.estimator.OnFeedback(testTime, bwe.Feedback{Arrivals: []bwe.Arrival{{Seq: number, Received: true}}})
		return e.estimator.Stats().Unknown == before
	}
	send := func(s *slot) { e.sendLocked(testTime, &outgoing{slot: s, payload: make([]byte, 1000)}) }
	send(with)
	first := e.sequence
	for range 3 {
		send(without)
	}
	w := without.writer.(*wire)
	if w.packets != 3 || len(w.last.Extensions) != 0 {
		t.Errorf("%d packets with extensions %v, want 3 without", w.packets, w.last.Extensions)
	}
	if got := reported(first + 1); e.sequence != first || got {
		t.Errorf("number %d after %d, known to the estimator %v; want it not counted", e.sequence, first, got)
	}
	send(with)
	want := []byte{byte((first + 1) >> 8), byte(first + 1)}
	if got := with.writer.(*wire).last.GetExtension(3); !bytes.Equal(got, want) || e.sequence != first+1 {
		t.Errorf("number on the wire %v, counted %d; want %v, %d", got, e.sequence, want, first+1)
	}
	if !reported(first + 1) {
		t.Error("the estimator does not know of a packet that can be reported on")
	}
}
