package layer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"conclave/sfu/codec"
	"conclave/sfu/dd"
	"conclave/sfu/rtpbuf"
	"conclave/sfu/seqmap"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A tester is what testing.T and rapid.T have in common.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// A wire is a packet on its way from a publisher, with what the test knows of it.
type wire struct {
	source     Source
	sequence   uint16
	timestamp  uint32
	marker     bool
	descriptor []byte // nil if the publisher has no dependency descriptor
	payload    []byte
	sent       time.Time

	frame *frame
	index int // of the packet in its frame
}

// A frame is what the test knows of a layer frame.
type frame struct {
	name              string
	source            Source
	picture           int
	spatial, temporal uint8
	key               bool // of a key picture
	needs             []*frame
	packets           int
}

// A publisher makes the packets of one encoding.
type publisher struct {
	source     Source
	mode       dd.Mode
	codec      codec.Codec
	descriptor bool
	packets    func(f *frame) int // packets of a frame
	drop       func(picture int, spatial uint8) bool
	padding    func() bool // whether a padding packet follows a frame

	writer    *dd.Writer
	sequence  uint16
	base      uint32 // RTP timestamp of picture 0
	pictureID uint16
	phase     int // pictures since the last key picture
	frames    map[uint16]*frame
	current   dd.Structure
	scratch   dd.Structure
}

func newPublisher(t tester, source Source, mode string, c codec.Codec, descriptor bool) *publisher {
	t.Helper()
	m, err := dd.ParseMode(mode)
	if err != nil {
		t.Fatal(err)
	}
	w, err := dd.NewWriter(m, nil, uint16(source)*20000+65500)
	if err != nil {
		t.Fatal(err)
	}
	return &publisher{
		source: source, mode: m, codec: c, descriptor: descriptor, writer: w,
		sequence: uint16(source)*1000 + 65400, base: uint32(source) * 0x30000000, pictureID: 32760,
		packets: func(*frame) int { return 2 },
		drop:    func(int, uint8) bool { return false },
		padding: func() bool { return false },
		frames:  map[uint16]*frame{},
	}
}

// picture returns the packets of the next picture, which is captured at now.
func (b *publisher) picture(t tester, number int, now time.Time, key bool) []*wire {
	t.Helper()
	if key {
		b.phase = 0
	}
	pattern := b.mode.Pattern()
	temporal := pattern[b.phase%len(pattern)]
	b.phase++
	b.pictureID++
	timestamp := b.base + uint32(now.Sub(epoch).Microseconds()*9/100)
	var all []*wire
	for spatial := range uint8(b.mode.Spatial) {
		if b.drop(number, spatial) {
			continue
		}
		if err := b.writer.Begin(spatial, temporal, key); err != nil {
			t.Fatal(err)
		}
		f := &frame{
			name: fmt.Sprintf("%d:%d/S%dT%d", b.source, number, spatial, temporal), source: b.source, picture: number,
			spatial: spatial, temporal: temporal, key: key,
		}
		f.packets = b.packets(f)
		for i := range f.packets {
			first, last := i == 0, i == f.packets-1
			raw, err := b.writer.Append(nil, first, last)
			if err != nil {
				t.Fatal(err)
			}
			if first {
				b.remember(t, f, raw)
			}
			w := &wire{
				source: b.source, sequence: b.sequence, timestamp: timestamp, sent: now, frame: f, index: i,
				payload: b.payload(f, first, last),
			}
			if b.descriptor {
				w.descriptor = raw
			}
			b.sequence++
			all = append(all, w)
		}
		if b.padding() {
			all = append(all, &wire{source: b.source, sequence: b.sequence, timestamp: timestamp, sent: now})
			b.sequence++
		}
	}
	for _, w := range slices.Backward(all) {
		if w.frame != nil {
			w.marker = true
			break
		}
	}
	return all
}

// remember finds out what a frame needs, from its descriptor.
func (b *publisher) remember(t tester, f *frame, raw []byte) {
	t.Helper()
	var d dd.Descriptor
	if err := dd.Parse(raw, &b.current, &b.scratch, &d); err != nil {
		t.Fatal(err)
	}
	if d.Attached {
		b.current = b.scratch
	}
	for _, diff := range d.FrameDiffs[:d.FrameDiffCount] {
		on := b.frames[d.FrameNumber-diff]
		if on == nil {
			t.Fatalf("%s refers to an unknown frame", f.name)
		}
		f.needs = append(f.needs, on)
	}
	b.frames[d.FrameNumber] = f
}

func (b *publisher) payload(f *frame, first, last bool) []byte {
	switch b.codec {
	case codec.VP9:
		h := byte(0b1011_0000) // I L F
		if !f.key {
			h |= 0x40
		}
		if first {
			h |= 0x08
		}
		if last {
			h |= 0x04
		}
		structure := f.key && f.spatial == 0 && first
		if structure {
			h |= 0x02
		}
		p := []byte{h, byte(b.pictureID>>8) | 0x80, byte(b.pictureID), f.temporal<<5 | 0x10 | f.spatial<<1}
		if !f.key {
			p = append(p, 1<<1)
		}
		if structure {
			p = append(p, byte(b.mode.Spatial-1)<<5)
		}
		return append(p, "sealed"...)
	case codec.VP8:
		h, tag := byte(0), byte(1)
		if first {
			h = 0x10
		}
		if f.key {
			tag = 0
		}
		if b.descriptor {
			return append([]byte{h, tag}, "sealed"...)
		}
		return append([]byte{h | 0x80, 0xe0, byte(b.pictureID>>8) | 0x80, byte(b.pictureID), byte(f.picture), f.temporal << 6, tag}, "sealed"...)
	case codec.AV1:
		h := byte(0x10)
		if !first {
			h |= 0x80
		} else if f.key && f.spatial == 0 {
			h |= 0x08
		}
		return append([]byte{h}, "sealed"...)
	case codec.H264:
		if f.key {
			if first {
				return []byte{0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68}
			}
			return append([]byte{0x7c, 0x05}, "sealed"...)
		}
		return append([]byte{0x5c, 0x01}, "sealed"...)
	default:
		panic("no such codec")
	}
}

// A server is one receiver's slot with what lies before it: windows, readers
// and caches.
type server struct {
	t        tester
	selector *Selector
	windows  map[Source]*rtpbuf.Window
	readers  map[Source]*Reader
	cache    map[seqmap.Origin]*Packet
	wires    map[seqmap.Origin]*wire
	seen     map[*wire]bool
	unread   map[*wire]bool  // refused by the Reader
	early    map[*wire]bool  // came while their source was not forwarded
	have     map[uint16]bool // numbers sent
	asked    map[uint16]bool // numbers asked for
	promised uint16          // numbers before this one went through checkPromises
	cut      map[uint32]bool // outgoing timestamps of the last pictures before a pause
	outs     []sent
	now      time.Time
}

// A sent is an Out that was sent, with its descriptor copied.
type sent struct {
	Out
	at     time.Time
	target Layer
	wire   *wire
	info   codec.Info
}

func newServer(t tester, config Config, stream Stream) *server {
	s := &server{
		t: t, selector: NewSelector(config),
		windows: map[Source]*rtpbuf.Window{}, readers: map[Source]*Reader{},
		cache: map[seqmap.Origin]*Packet{}, wires: map[seqmap.Origin]*wire{}, seen: map[*wire]bool{}, unread: map[*wire]bool{}, cut: map[uint32]bool{}, have: map[uint16]bool{}, early: map[*wire]bool{}, asked: map[uint16]bool{},
	}
	s.promised = config.Sequence
	s.show(stream)
	return s
}

func (s *server) show(stream Stream) {
	for i := range stream.Count {
		source := stream.Sources[i]
		if s.readers[source] == nil {
			s.windows[source] = new(rtpbuf.Window)
			s.readers[source] = NewReader(stream.Codec, source, uint8(i))
		}
	}
	s.selector.SwitchSource(stream)
}

// receive lets a packet arrive.
func (s *server) receive(now time.Time, w *wire) {
	s.now = now
	n, fresh := s.windows[w.source].Accept(w.sequence)
	if !fresh {
		return
	}
	if s.seen[w] {
		s.t.Fatalf("packet %d is new again", w.sequence)
	}
	s.seen[w] = true
	origin := seqmap.Origin{Source: w.source, Sequence: n}
	s.wires[origin] = w
	p := s.read(origin, w)
	if p == nil {
		return
	}
	if !s.selector.active || s.selector.segments.newest().source != w.source {
		s.early[w] = !p.Key
	}
	for _, o := range s.selector.Forward(now, p) {
		s.record(o)
	}
	s.checkPromises()
	if !s.selector.active { // p ended it, or did not begin it
		s.early[w] = true
		s.cut[s.selector.trail.timestamp] = true
	}
}

// checkPromises: only packets that did not come are promised numbers, or that
// came before the key frame at which forwarding their source began.
func (s *server) checkPromises() {
	next := s.selector.numbers.Next()
	for ; s.promised != next; s.promised++ {
		o, state, ok := s.selector.numbers.Lookup(s.promised)
		if !ok || state != seqmap.Missing {
			continue
		}
		if w := s.wires[o]; w != nil && !s.unread[w] && !s.early[w] {
			s.t.Fatalf("number %d is promised to packet %d, which came before", s.promised, o.Sequence)
		}
	}
}

// read puts a packet into the cache, if it can be read.
func (s *server) read(origin seqmap.Origin, w *wire) *Packet {
	p := new(Packet)
	h := Header{Sequence: origin.Sequence, Timestamp: w.timestamp, Marker: w.marker, PayloadType: 98}
	if err := s.readers[w.source].Read(p, h, w.descriptor, w.payload); err != nil {
		s.unread[w] = true
		return nil
	}
	delete(s.unread, w)
	s.cache[origin] = p
	return p
}

func (s *server) record(o Out) {
	origin := seqmap.Origin{Source: o.Source, Sequence: o.Incoming}
	p := s.cache[origin]
	if p == nil {
		s.t.Fatalf("Forward names packet %v, which never came", origin)
	}
	o.DD = slices.Clone(o.DD)
	r := sent{Out: o, at: s.now, target: s.selector.Target(), wire: s.wires[origin], info: p.Info}
	if !o.Padding && len(p.Payload) > 0 {
		payload := slices.Clone(p.Payload)
		o.Rewrite.Apply(payload, &p.Info)
		if err := codec.Parse(s.readers[o.Source].codec, payload, &r.info); err != nil {
			s.t.Fatalf("the rewritten payload %x is broken: %v", payload, err)
		}
	}
	s.outs = append(s.outs, r)
	s.have[o.Sequence] = true
}

// nack answers, as far as the cache can, for every number that was not sent.
func (s *server) nack() {
	if len(s.outs) == 0 {
		return
	}
	last := s.selector.numbers.Next()
	for n := last - min(last-s.outs[0].Sequence, 500); n != last; n++ {
		if s.have[n] || s.selector.held.valid && s.selector.held.out.Sequence == n {
			continue
		}
		source, incoming, ok := s.selector.Lookup(n)
		if !ok && !s.asked[n] {
			s.t.Errorf("number %d was skipped and stands for nothing", n)
		}
		s.asked[n] = true
		origin := seqmap.Origin{Source: source, Sequence: incoming}
		if w := s.wires[origin]; s.unread[w] { // its structure may have come meanwhile
			s.read(origin, w)
		}
		if p := s.cache[origin]; ok && p != nil {
			o, ok := s.selector.Resend(n, p)
			if !ok || o.Sequence != n {
				s.t.Fatalf("Resend(%d) = %+v, %v", n, o, ok)
			}
			s.record(o)
		}
	}
}

// A path delays, loses and repeats packets.
type path struct {
	rand           *rand.Rand
	jitter         time.Duration // packets are delayed by up to this
	duplicate      float64
	loss, recovery float64 // share lost; share of those that come later after all
}

type arrival struct {
	at time.Time
	w  *wire
}

// arrivals returns when what arrives, in order.
func (h *path) arrivals(all []*wire) []arrival {
	var list []arrival
	for _, w := range all {
		at := w.sent
		if h.jitter > 0 {
			at = at.Add(time.Duration(h.rand.Int64N(int64(h.jitter))))
		}
		if h.rand.Float64() < h.loss {
			if h.rand.Float64() >= h.recovery {
				continue
			}
			at = at.Add(time.Duration(50+h.rand.IntN(100)) * time.Millisecond)
		}
		list = append(list, arrival{at, w})
		if h.rand.Float64() < h.duplicate {
			list = append(list, arrival{at.Add(time.Duration(h.rand.IntN(50)) * time.Millisecond), w})
		}
	}
	slices.SortStableFunc(list, func(a, b arrival) int { return a.at.Compare(b.at) })
	return list
}
