package layer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"conclave/sfu/codec"
)

func simulcast(c codec.Codec, first Source) Stream {
	return Stream{Codec: c, Sources: [MaxEncodings]Source{first, first + 1, first + 2}, Count: 3}
}

// A simulcaster publishes the encodings of one stream.
type simulcaster struct {
	encodings []*publisher
	key       []bool // the next picture is a key picture
	off       []bool // the encoding is switched off
}

func newSimulcaster(t tester, stream Stream, mode string, descriptor bool) *simulcaster {
	m := &simulcaster{key: make([]bool, stream.Count), off: make([]bool, stream.Count)}
	for i := range stream.Count {
		m.encodings = append(m.encodings, newPublisher(t, stream.Sources[i], mode, stream.Codec, descriptor))
		m.key[i] = true
	}
	return m
}

func (m *simulcaster) picture(t tester, number int, now time.Time) []*wire {
	var all []*wire
	for i, b := range m.encodings {
		if m.off[i] {
			m.key[i] = true // when it comes back
			continue
		}
		all = append(all, b.picture(t, number, now, m.key[i])...)
		m.key[i] = false
	}
	return all
}

// TestSimulcast switches between encodings one after another.
func TestSimulcast(t *testing.T) {
	for _, c := range []codec.Codec{codec.VP8, codec.VP9, codec.AV1, codec.H264} {
		for _, descriptor := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v descriptor %v", c, descriptor), func(t *testing.T) {
				mode := "L1T3"
				if !descriptor && c != codec.VP9 {
					mode = "L1T1"
				}
				stream := simulcast(c, 1)
				pub := newSimulcaster(t, stream, mode, descriptor)
				s := newServer(t, Config{Descriptor: descriptor, Sequence: 9, Timestamp: 1 << 31}, stream)
				number := 0
				play := func(pictures int) {
					for range pictures {
						now := epoch.Add(time.Duration(number) * interval)
						for _, w := range pub.picture(t, number, now) {
							s.receive(now, w)
						}
						if e, ok := s.selector.NeedsKeyFrame(); ok {
							pub.key[e] = true
						}
						number++
					}
				}
				is := func(step string, want int8) {
					t.Helper()
					if got := s.selector.Current().Spatial; got != want {
						t.Errorf("%s: encoding %d is forwarded, want %d", step, got, want)
					}
				}
				s.selector.SetTarget(Layer{0, 2})
				play(3)
				is("start", 0)
				s.selector.SetTarget(Top)
				play(3)
				is("top", 2)
				s.selector.SetTarget(Layer{1, 2})
				play(3)
				is("middle", 1)
				s.selector.SetTarget(Layer{2, 2})
				pub.off[2] = true
				play(60)
				is("the top is off", 1)
				if _, ok := s.selector.NeedsKeyFrame(); ok {
					t.Error("a key frame is asked of an encoding that is off")
				}
				pub.off[2] = false
				play(3)
				is("the top is on", 2)
				pub.off[2] = true
				play(60)
				is("the top is off", 1)
				pub.off[1] = true
				play(60)
				is("the middle is off too", 0)
				s.verify(check{complete: true, descriptor: descriptor})
			})
		}
	}
}

// TestSimulcastModel: as TestForwardModel, with encodings that come and go, and
// with the slot given to another stream and back.
func TestSimulcastModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		codecs := []codec.Codec{codec.VP8, codec.VP9, codec.AV1}
		streams := []Stream{
			simulcast(rapid.SampledFrom(codecs).Draw(rt, "codec"), 1),
			simulcast(rapid.SampledFrom(codecs).Draw(rt, "other codec"), 4),
		}
		trouble := rapid.IntRange(0, 3).Draw(rt, "trouble")
		seed := rapid.Uint64().Draw(rt, "seed")
		r := rand.New(rand.NewPCG(seed, 2))
		receiverDD := rapid.Bool().Draw(rt, "receiver descriptor")
		reports := rapid.Bool().Draw(rt, "sender reports")

		s := newServer(rt, Config{Descriptor: receiverDD, Sequence: uint16(seed), Timestamp: uint32(seed)}, streams[1])
		s.show(streams[0])
		pubs := []*simulcaster{newSimulcaster(rt, streams[0], "L1T3", true), newSimulcaster(rt, streams[1], "L1T3", true)}
		h := path{rand: r}
		if trouble >= 1 {
			h.jitter, h.duplicate = 25*time.Millisecond, 0.05
		}
		if trouble >= 2 {
			h.loss, h.recovery = 0.03, 1
		}
		if trouble == 3 {
			h.recovery = 0.5
		}
		s.selector.SetTarget(Top)
		var waiting []arrival
		for n := range 150 {
			now := epoch.Add(time.Duration(n) * interval)
			for i, pub := range pubs {
				if r.IntN(20) == 0 {
					pub.off[1+r.IntN(2)] = r.IntN(2) == 0
				}
				if reports && r.IntN(10) == 0 {
					for _, b := range pub.encodings {
						s.readers[b.source].SenderReport(now.Add(time.Duration(i)*time.Hour), b.base+uint32(now.Sub(epoch).Microseconds()*9/100))
					}
				}
				waiting = append(waiting, h.arrivals(pub.picture(rt, n, now))...)
			}
			slices.SortStableFunc(waiting, func(a, b arrival) int { return a.at.Compare(b.at) })
			for len(waiting) > 0 && waiting[0].at.Before(now.Add(interval)) {
				s.receive(waiting[0].at, waiting[0].w)
				waiting = waiting[1:]
			}
			s.nack()
			if r.IntN(15) == 0 {
				s.selector.SetTarget(Layer{int8(r.IntN(4)), int8(r.IntN(3))})
			}
			if r.IntN(40) == 0 {
				s.show(streams[r.IntN(2)])
			}
			if e, ok := s.selector.NeedsKeyFrame(); ok && r.IntN(3) == 0 {
				pubs[(s.selector.stream.Sources[0]-1)/3].key[e] = true
			}
		}
		for _, a := range waiting {
			s.receive(a.at, a.w)
		}
		s.nack()
		s.verify(check{complete: trouble < 3, descriptor: receiverDD})
	})
}
