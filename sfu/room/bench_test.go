package room

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"conclave/sfu/bwe"
	"conclave/sfu/codec"
	"conclave/sfu/dd"
	"conclave/sfu/rtp"
)

// A loop repeats a second of video without end, as one long stream: numbers and
// times go on.
type loop struct {
	pictures [][]rtp.Inbound
	packets  int // of a lap
	frames   int
	next     int // picture
}

const loopPictures = 32

func newLoop(e *encoder) *loop {
	l := &loop{frames: loopPictures * e.mode.Spatial}
	for i := range loopPictures {
		at := time.Unix(1_000_000, 0).Add(time.Duration(i) * time.Second / loopPictures)
		var in []rtp.Inbound
		for _, b := range e.frame(at) {
			in = append(in, rtp.Inbound{Data: b})
			l.packets++
		}
		l.pictures = append(l.pictures, in)
	}
	return l
}

// picture returns the packets of the next picture as one batch. They are changed
// in place.
func (l *loop) picture() []rtp.Inbound {
	in := l.pictures[l.next%loopPictures]
	if l.next >= loopPictures {
		for i := range in {
			b := in[i].Data
			binary.BigEndian.PutUint16(b[2:], binary.BigEndian.Uint16(b[2:])+uint16(l.packets))
			binary.BigEndian.PutUint32(b[4:], binary.BigEndian.Uint32(b[4:])+videoClock)
			var p rtp.Packet
			rtp.Parse(b, &p)
			if d := p.Extension(b, pubDD); !d.Empty() {
				at := b[d.From+1:]
				binary.BigEndian.PutUint16(at, binary.BigEndian.Uint16(at)+uint16(l.frames))
			}
		}
	}
	l.next++
	return in
}

// crowd is a meeting with one camera that many show.
func crowd(t testing.TB, mode string, receivers int, layers [][2]uint32) (*meeting, *client, *loop) {
	t.Helper()
	m := newMeeting(t, Config{Bandwidth: bwe.Config{Start: 15 * bwe.Megabit}})
	pub := m.join(1)
	var err error
	if pub.mode, err = dd.ParseMode(mode); err != nil {
		t.Fatal(err)
	}
	pub.codec = codec.VP9
	pub.makeEncoders()
	pub.encoders[0].packets, pub.encoders[0].size = 4, 1100
	if pub.mode.Spatial == 1 {
		pub.encoders[0].packets = 10
	}
	pub.mics = false
	pub.publish(true)
	for i := range receivers {
		c := m.join(uint32(i + 2))
		size := layers[i%len(layers)]
		c.show(tile(c.stream(1, camera), size[0], size[1]))
	}
	return m, pub, newLoop(pub.encoders[0])
}

// step hands a picture to the room and throws away what comes out. It returns how
// many packets that was.
func (m *meeting) step(in []rtp.Inbound) int {
	m.now = m.now.Add(time.Second / loopPictures)
	m.room.Receive(m.now, 1, in, &m.out)
	n := len(m.out.Packets)
	m.out.Reset()
	return n
}

var (
	large = [][2]uint32{{1920, 1080}}
	mixed = [][2]uint32{{1920, 1080}, {640, 360}, {160, 90}}
)

// BenchmarkForward is what one forwarded packet costs from the decrypted packet to
// the packet that is to be sealed.
func BenchmarkForward(b *testing.B) {
	for _, kind := range []struct {
		name, mode string
		layers     [][2]uint32
	}{
		{"plain", "L1T1", large}, {"9layers", "L3T3_KEY", large}, {"9layers-mixed", "L3T3_KEY", mixed},
	} {
		for _, receivers := range []int{1, 100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", kind.name, receivers), func(b *testing.B) {
				m, _, l := crowd(b, kind.mode, receivers, kind.layers)
				warm(m, l)
				b.ReportAllocs()
				b.ResetTimer()
				sent := 0
				for b.Loop() {
					sent += m.step(l.picture())
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(sent), "ns/packet")
				b.ReportMetric(float64(sent)/float64(b.N), "packets/op")
			})
		}
	}
}

// warm plays three seconds with ticks, so that rates are known and all layers flow.
func warm(m *meeting, l *loop) {
	for range 3 * loopPictures {
		m.step(l.picture())
		m.room.Tick(m.now, &m.out)
		m.out.Reset()
		m.room.Pending()
	}
}

// TestForwardAllocs holds that forwarding a picture to a hundred receivers
// allocates nothing.
func TestForwardAllocs(t *testing.T) {
	for _, mode := range []string{"L1T1", "L3T3_KEY"} {
		m, _, l := crowd(t, mode, 100, mixed)
		warm(m, l)
		sent := 0
		if got := testing.AllocsPerRun(300, func() { sent += m.step(l.picture()) }); got != 0 {
			t.Errorf("%s: a picture allocates %v times, want 0", mode, got)
		}
		if sent < 300*100*4 {
			t.Errorf("%s: only %d packets were sent", mode, sent)
		}
	}
}

// BenchmarkTick is what a tick costs for each receiver.
func BenchmarkTick(b *testing.B) {
	m, _, l := crowd(b, "L3T3_KEY", 1000, mixed)
	warm(m, l)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		m.step(l.picture())
		b.StartTimer()
		m.now = m.now.Add(tickInterval)
		m.room.Tick(m.now, &m.out)
		m.out.Reset()
	}
	m.room.Pending()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/receiver")
}
