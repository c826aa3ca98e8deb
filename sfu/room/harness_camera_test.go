package room

import (
	"encoding/binary"
	"time"

	"conclave/api"
	"conclave/sfu/codec"
	"conclave/sfu/dd"
	"conclave/sfu/rtp"
)

// An encoder makes the packets of one encoding.
type encoder struct {
	c         *client
	index     uint8
	ssrc, rtx uint32
	rid       string
	mode      dd.Mode
	writer    *dd.Writer
	sequence  uint16
	repair    uint16
	base      uint32
	pictureID uint16
	picture   uint32
	phase     int
	key       bool // asked for
	packets   int  // of a frame
	size      int  // of a packet's payload
	sent      map[uint16][]byte
	signalled bool // the description names its SSRC
}

// sections is what the client negotiates.
func (c *client) sections() []*Section {
	video := &Section{
		Mid: "0", Codecs: map[uint8]Payload{
			ptVP8: {MIME: "video/VP8", Codec: VP8, Video: codec.VP8}, ptVP9: {MIME: "video/VP9", Codec: VP9, Video: codec.VP9},
			ptAV1: {MIME: "video/AV1", Codec: AV1, Video: codec.AV1}, ptH264: {MIME: "video/H264", Codec: H264, Video: codec.H264},
			ptRTX: {MIME: "video/rtx", Repair: true, Repairs: c.payloadType()},
		}, First: c.codec.String(), RIDs: c.rids, SSRCs: map[uint32]uint32{},
		MidID: pubMid, RidID: pubRID, RepairedRidID: pubRepairedRID, TransportID: pubTransport, DescriptorID: pubDD,
	}
	for _, e := range c.encoders {
		if e.signalled {
			video.SSRCs[e.ssrc], video.SSRCs[e.rtx] = e.ssrc, e.ssrc
		}
	}
	audio := &Section{
		Mid: "1", Audio: true, Codecs: map[uint8]Payload{ptOpus: {MIME: "audio/opus", Codec: Opus}}, First: "audio/opus",
		SSRCs: map[uint32]uint32{c.voiceSSRC(): c.voiceSSRC()}, MidID: pubMid, TransportID: pubTransport, LevelID: pubLevel,
	}
	return []*Section{video, audio}
}

func (c *client) payloadType() uint8 {
	return map[codec.Codec]uint8{codec.VP8: ptVP8, codec.VP9: ptVP9, codec.AV1: ptAV1, codec.H264: ptH264}[c.codec]
}

func (c *client) voiceSSRC() uint32 { return c.seat*1000 + 900 }

// publish negotiates a camera and a microphone.
func (c *client) publish(active bool) {
	c.m.t.Helper()
	if c.encoders == nil {
		c.makeEncoders()
	}
	announced := []*api.PublishedStream{{Mid: "0", Kind: camera, Active: active}}
	if c.mics {
		announced = append(announced, &api.PublishedStream{Mid: "1", Kind: micKind, Active: active})
	}
	if err := c.m.room.Publish(c.m.now, c.seat, c.pub, c.sections(), announced, &c.m.out); err != nil {
		c.m.t.Fatal(err)
	}
	c.m.flush()
}

func (c *client) makeEncoders() {
	for i := range max(1, len(c.rids)) {
		sizes := make([]dd.Resolution, c.mode.Spatial)
		for s := range sizes {
			scale := uint32(1) << (c.mode.Spatial - 1 - s + max(0, len(c.rids)-1-i))
			sizes[s] = dd.Resolution{Width: 1280 / scale, Height: 720 / scale}
		}
		w, err := dd.NewWriter(c.mode, sizes, uint16(c.seat*1000))
		if err != nil {
			c.m.t.Fatal(err)
		}
		e := &encoder{
			c: c, index: uint8(i), ssrc: c.seat*1000 + uint32(i), rtx: c.seat*1000 + 100 + uint32(i), mode: c.mode, writer: w,
			sequence: uint16(65500 + i), base: c.seat * 0x30000000, pictureID: 32760, key: true, packets: 2, size: 600,
			sent: map[uint16][]byte{}, signalled: len(c.rids) == 0,
		}
		if len(c.rids) > 0 {
			e.rid = c.rids[i]
		}
		c.encoders = append(c.encoders, e)
	}
}

// frame makes the next picture.
func (e *encoder) frame(now time.Time) (packets [][]byte) {
	key := e.key
	e.key = false
	if key {
		e.phase = 0
	}
	pattern := e.mode.Pattern()
	temporal := pattern[e.phase%len(pattern)]
	e.phase++
	e.picture++
	e.pictureID++
	for spatial := range uint8(e.mode.Spatial) {
		if err := e.writer.Begin(spatial, temporal, key); err != nil {
			e.c.m.t.Fatal(err)
		}
		for i := range e.packets {
			first, last := i == 0, i == e.packets-1
			descriptor, err := e.writer.Append(nil, first, last)
			if err != nil {
				e.c.m.t.Fatal(err)
			}
			g := tag{
				seat: e.c.seat, encoding: e.index, spatial: spatial, temporal: temporal, first: first, last: last, key: key,
				picture: e.picture, index: uint16(i),
			}
			end := last && int(spatial) == e.mode.Spatial-1
			packets = append(packets, e.packet(now, g, descriptor, end))
		}
	}
	return packets
}

// packet makes one packet.
func (e *encoder) packet(now time.Time, g tag, descriptor []byte, marker bool) []byte {
	h := rtp.Header{
		Marker: marker, PayloadType: e.c.payloadType(), Sequence: e.sequence, SSRC: e.ssrc,
		Timestamp: e.base + uint32(now.UnixMicro()*9/100),
	}
	b := rtp.AppendHeader(nil, &h, e.elements(descriptor, pubRID))
	b = append(b, e.payloadDescriptor(g)...)
	b = append(b, make([]byte, max(0, e.size-tagSize-8))...)
	b = g.append(b)
	e.sent[e.sequence] = b
	e.sequence++
	return b
}

func (e *encoder) elements(descriptor []byte, ridID uint8) []rtp.Element {
	c := e.c
	c.transport++
	all := []rtp.Element{{ID: pubTransport, Data: []byte{byte(c.transport >> 8), byte(c.transport)}}}
	if !e.signalled {
		all = append(all, rtp.Element{ID: pubMid, Data: []byte("0")})
	}
	if e.rid != "" {
		all = append(all, rtp.Element{ID: ridID, Data: []byte(e.rid)})
	}
	if descriptor != nil && !c.noDD {
		all = append(all, rtp.Element{ID: pubDD, Data: descriptor})
	}
	return all
}

// padding makes a packet without payload.
func (e *encoder) padding(now time.Time) []byte {
	h := rtp.Header{
		Padding: true, PayloadType: e.c.payloadType(), Sequence: e.sequence, SSRC: e.ssrc,
		Timestamp: e.base + uint32(now.UnixMicro()*9/100),
	}
	e.sequence++
	return append(rtp.AppendHeader(nil, &h, e.elements(nil, pubRID)), 0, 0, 3)
}

// again wraps a packet that was sent before as RTX.
func (e *encoder) again(sequence uint16) []byte {
	var p rtp.Packet
	old := e.sent[sequence]
	rtp.Parse(old, &p)
	e.repair++
	h := rtp.Header{Marker: p.Marker, PayloadType: ptRTX, Sequence: e.repair, SSRC: e.rtx, Timestamp: p.Timestamp}
	b := rtp.AppendHeader(nil, &h, e.elements(p.Extension(old, pubDD).In(old), pubRepairedRID))
	b = binary.BigEndian.AppendUint16(b, sequence)
	return append(b, p.Payload.In(old)...)
}

func (e *encoder) payloadDescriptor(g tag) []byte {
	switch e.c.codec {
	case codec.VP8:
		b := []byte{0, 1}
		if g.first {
			b[0] = 0x10
		}
		if g.key {
			b[1] = 0
		}
		if e.c.noDD {
			return []byte{b[0] | 0x80, 0x80, byte(e.pictureID>>8) | 0x80, byte(e.pictureID), b[1]}
		}
		return b
	case codec.AV1:
		h := byte(0x10)
		if !g.first {
			h |= 0x80
		} else if g.key && g.spatial == 0 {
			h |= 0x08
		}
		return []byte{h}
	case codec.H264:
		b := []byte{0x5c, 1} // FU-A of a slice
		if g.key {
			b = []byte{0x7c, 5}
		}
		if g.first {
			b[1] |= 0x80
		}
		return b
	default:
		return e.vp9(g)
	}
}

func (e *encoder) vp9(g tag) []byte {
	h := byte(0b1011_0000) // I L F
	if !g.key {
		h |= 0x40
	}
	if g.first {
		h |= 0x08
	}
	if g.last {
		h |= 0x04
	}
	b := []byte{h, byte(e.pictureID>>8) | 0x80, byte(e.pictureID), g.temporal<<5 | 0x10 | g.spatial<<1}
	if !g.key {
		b = append(b, 1<<1)
	}
	return b
}

// speech makes a packet of sound. level is in -dBov.
func (c *client) speech(level byte) []byte {
	c.voice++
	c.voiceTime += 960
	c.transport++
	h := rtp.Header{PayloadType: ptOpus, Sequence: c.voice, SSRC: c.voiceSSRC(), Timestamp: c.voiceTime}
	b := rtp.AppendHeader(nil, &h, []rtp.Element{
		{ID: pubTransport, Data: []byte{byte(c.transport >> 8), byte(c.transport)}},
		{ID: pubLevel, Data: []byte{0x80 | level}},
	})
	b = append(b, "sound"...)
	return binary.BigEndian.AppendUint16(b, c.voice)
}
