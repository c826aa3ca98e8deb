package layer

import (
	"testing"
	"time"

	"conclave/sfu/codec"
	"conclave/sfu/seqmap"
)

// TestForwardAllocs: neither reading nor forwarding nor resending allocates.
func TestForwardAllocs(t *testing.T) {
	for _, descriptor := range []bool{true, false} {
		all := ladder(t, "L3T3_KEY", codec.VP9, descriptor, 64)
		r := NewReader(codec.VP9, 1, 0)
		s := NewSelector(Config{Descriptor: true})
		s.SwitchSource(single(codec.VP9))
		var m Meter
		var p Packet
		now, sequence, round := epoch, uint64(1<<16), uint32(0)
		targets := []Layer{Top, {1, 2}, {0, 1}, {2, 0}}
		var sent int
		got := testing.AllocsPerRun(20, func() {
			s.SetTarget(targets[round%4])
			for i, w := range all {
				sequence++
				if i%37 == 5 { // lost
					continue
				}
				h := Header{Sequence: sequence, Timestamp: w.timestamp + round*200000, Marker: w.marker}
				if err := r.Read(&p, h, w.descriptor, w.payload); err != nil {
					t.Fatal(err)
				}
				m.Add(now, Layer{int8(p.Spatial), int8(p.Temporal)}, len(p.Payload))
				for _, o := range s.Forward(now, &p) {
					sent++
					if !o.Held {
						s.Resend(o.Sequence, &p)
					}
				}
				s.NeedsKeyFrame()
				s.Current()
				now = now.Add(time.Millisecond)
			}
			m.Total(now, Top)
			round++
		})
		if got != 0 {
			t.Errorf("descriptor %v: %d packets allocate %v times, want 0", descriptor, len(all), got)
		}
		if sent < 3000 {
			t.Errorf("only %d packets were sent", sent)
		}
	}
}

// BenchmarkForward is what one receiver costs for each packet of its stream.
func BenchmarkForward(b *testing.B) {
	pub := newPublisher(b, 1, "L3T3_KEY", codec.VP9, true)
	pub.packets = func(*frame) int { return 3 }
	r := NewReader(codec.VP9, 1, 0)
	var packets []Packet
	sequence := uint64(1 << 16)
	for n := range 64 {
		for _, w := range pub.picture(b, n, epoch.Add(time.Duration(n)*interval), n == 0) {
			var p Packet
			if err := r.Read(&p, Header{Sequence: sequence, Timestamp: w.timestamp, Marker: w.marker}, w.descriptor, w.payload); err != nil {
				b.Fatal(err)
			}
			packets = append(packets, p)
			sequence++
		}
	}
	for _, bench := range []struct {
		name   string
		target Layer
	}{{"all layers", Top}, {"S1T2", Layer{1, 2}}, {"S0T0", Layer{0, 0}}} {
		b.Run(bench.name, func(b *testing.B) {
			s := NewSelector(Config{Descriptor: true})
			s.SwitchSource(single(codec.VP9))
			s.SetTarget(bench.target)
			b.ReportAllocs()
			for i := range b.N {
				p := &packets[i%len(packets)]
				p.Sequence = 1<<16 + uint64(i)
				p.Timestamp = uint32(i/9) * 3000
				s.Forward(epoch, p)
			}
		})
	}
}

// FuzzSelector gives a Reader and a Selector packets that a peer made up. Nothing
// panics, numbers go up by one, and a number is used once.
func FuzzSelector(f *testing.F) {
	pub := newPublisher(f, 1, "L3T3_KEY", codec.VP9, true)
	var seed []byte
	for n := range 6 {
		for _, w := range pub.picture(f, n, epoch.Add(time.Duration(n)*interval), n == 0) {
			seed = append(seed, 1, 3, boolByte(w.marker), 0, byte(len(w.descriptor)), byte(len(w.payload)))
			seed = append(seed, w.descriptor...)
			seed = append(seed, w.payload...)
		}
	}
	f.Add(uint8(codec.VP9), uint8(1), seed)
	f.Add(uint8(codec.AV1), uint8(3), seed)
	f.Fuzz(func(t *testing.T, c, count uint8, in []byte) {
		stream := Stream{Codec: codec.Codec(c), Sources: [MaxEncodings]Source{1, 2, 3}, Count: int(count % 4)}
		s := NewSelector(Config{Descriptor: c&0x80 == 0, Sequence: 65530})
		stream.Codec &= 0x7f
		s.SwitchSource(stream)
		s.SetTarget(Top)
		readers := [3]*Reader{NewReader(stream.Codec, 1, 0), NewReader(stream.Codec, 2, 1), NewReader(stream.Codec, 3, 2)}
		sequence, timestamp, now := uint64(1<<17), uint32(0), epoch
		used := map[uint16]bool{}
		for len(in) >= 6 {
			head := in[:6]
			in = in[6:]
			descriptor := in[:min(int(head[4]), len(in))]
			in = in[len(descriptor):]
			payload := in[:min(int(head[5]), len(in))]
			in = in[len(payload):]
			sequence += uint64(int64(int8(head[0])))
			if head[3]&0x40 != 0 {
				sequence += uint64(head[0]) << 4
			}
			sequence = max(sequence, 1<<16)
			timestamp += uint32(int32(int8(head[1]))) << (head[3] & 31)
			now = now.Add(time.Duration(head[1]) * time.Millisecond)
			if head[2]&4 != 0 {
				s.SetTarget(Layer{int8(head[2]>>3&7) - 1, int8(head[2]>>6) - 1})
			}
			if head[2] == 0xff {
				s.SwitchSource(Stream{})
				s.SwitchSource(stream)
			}
			var p Packet
			h := Header{Sequence: sequence, Timestamp: timestamp, Marker: head[2]&1 != 0}
			if readers[head[3]>>5%3].Read(&p, h, descriptor, payload) != nil {
				continue
			}
			for _, o := range s.Forward(now, &p) {
				if used[o.Sequence] {
					t.Fatalf("number %d is used twice", o.Sequence)
				}
				used[o.Sequence] = true
				if len(used) > 20000 {
					return // numbers may wrap
				}
			}
			s.NeedsKeyFrame()
			s.Current()
			if _, _, ok := s.Lookup(uint16(head[5])); ok {
				s.Resend(uint16(head[5]), &p)
			}
			for n := range uint16(4) {
				source, incoming, ok := s.Lookup(s.numbers.Next() - n)
				if ok && source == p.Source && incoming == p.Sequence {
					if _, _, found := s.numbers.Find(seqmap.Origin{Source: source, Sequence: incoming}); !found {
						t.Fatalf("packet %d has a number but Find does not know", incoming)
					}
				}
			}
		}
	})
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}
