package room

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"conclave/sfu/rtp"
)

// TestWhatLeavesIsNotInCaches holds that what is put out does not change when the
// caches are used again, by another thread, before it was sealed: a packet that was
// held back, a repaired one, one that waited to be paced, and the beginning of a
// word.
func TestWhatLeavesIsNotInCaches(t *testing.T) {
	m, pub, view := pair(t, Config{AudioAll: 1}, nil)
	other := m.join(3)
	other.publish(true) // two microphones: the stage chooses
	m.speak(time.Second, 60, pub)
	view.show(tile(view.stream(1, camera), 1280, 720))
	pub.mics = false
	m.play(4*time.Second, pub)
	l := view.line(view.stream(1, camera))
	for _, k := range []struct {
		name string
		make func(out *rtp.Output)
	}{
		{"repair", func(out *rtp.Output) {
			n := l.received[len(l.received)-1].h.Sequence
			b := marshal(t, &rtcp.TransportLayerNack{MediaSSRC: l.slot.SSRC, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{n, n - 1, n - 2})})
			m.room.Feedback(m.now, 2, []rtp.Inbound{{Data: b, RTCP: true}}, out)
		}},
		{"pictures in batches of one, some paced", func(out *rtp.Output) {
			for range 3 {
				for _, b := range pub.encoders[0].frame(m.now) {
					m.room.Receive(m.now, 1, []rtp.Inbound{{Data: b}}, out)
				}
			}
			m.now = m.now.Add(100 * time.Millisecond)
			m.room.Tick(m.now, out)
		}},
		{"the beginning of a word", func(out *rtp.Output) {
			m.room.Receive(m.now, 1, []rtp.Inbound{{Data: pub.speech(60)}, {Data: pub.speech(60)}}, out)
			m.now = m.now.Add(20 * time.Millisecond)
			m.room.Receive(m.now, 1, []rtp.Inbound{{Data: pub.speech(10)}}, out)
		}},
	} {
		m.now = m.now.Add(time.Second)
		var out, others rtp.Output
		k.make(&out)
		var before [][]byte
		for _, o := range out.Packets {
			before = append(before, append(bytes.Clone(o.Header), o.Payload...))
		}
		if len(before) < 3 {
			t.Errorf("%s: only %d packets", k.name, len(before))
		}
		for range 200 {
			m.now = m.now.Add(40 * time.Millisecond)
			var in []rtp.Inbound
			for _, b := range pub.encoders[0].frame(m.now) {
				in = append(in, rtp.Inbound{Data: b})
			}
			for range 12 {
				in = append(in, rtp.Inbound{Data: pub.speech(90)})
			}
			m.room.Receive(m.now, 1, in, &others)
			others.Reset()
		}
		for i, o := range out.Packets {
			if !bytes.Equal(before[i], append(bytes.Clone(o.Header), o.Payload...)) {
				t.Errorf("%s: packet %d changed after it was put out", k.name, i)
			}
		}
		m.room.Tick(m.now, &others)
	}
}

// TestPublisherIsTold holds that a publisher is told what arrived, of each packet
// and in reports.
func TestPublisherIsTold(t *testing.T) {
	m, pub, _ := pair(t, Config{}, nil)
	m.play(10*time.Second, pub)
	if sent := int(pub.transport); pub.arrivals < sent*95/100 || pub.arrivals > sent {
		t.Errorf("told of %d arrivals, sent %d packets", pub.arrivals, sent)
	}
	for _, ssrc := range []uint32{pub.encoders[0].ssrc, pub.voiceSSRC()} {
		if n := pub.reported[ssrc]; n < 5 || n > 50 {
			t.Errorf("%d receiver reports of SSRC %d in ten seconds", n, ssrc)
		}
	}
	if pub.nacked != 0 {
		t.Errorf("asked %d times for packets that came", pub.nacked)
	}
}
