package room_test

import (
	"conclave/api"
	"conclave/sfu/codec"
	"conclave/sfu/dd"
	"conclave/sfu/room"
)

// publish has a client say what it publishes.
func (m *mob) publish(h *hostile, plain bool) {
	s := m.script
	how := byte(0)
	if !plain {
		how = s.byte()
	}
	base := 1000 * h.seat
	video := &room.Section{
		Mid: "0", MidID: mobMid, RidID: mobRid, RepairedRidID: mobRepairedRid, DescriptorID: mobDescriptor, TransportID: mobTransport,
		SSRCs: map[uint32]uint32{base: base, base + 3: base}, First: "video/VP9",
		Codecs: map[uint8]room.Payload{
			mobVP8: {MIME: "video/VP8", Codec: room.VP8, Video: codec.VP8}, mobVP8 + 1: {MIME: "video/rtx", Repair: true, Repairs: mobVP8},
			mobVP9: {MIME: "video/VP9", Codec: room.VP9, Video: codec.VP9}, mobVP9 + 1: {MIME: "video/rtx", Repair: true, Repairs: mobVP9},
			mobAV1: {MIME: "video/AV1", Codec: room.AV1, Video: codec.AV1}, mobAV1 + 1: {MIME: "video/rtx", Repair: true, Repairs: mobAV1},
			mobH264: {MIME: "video/H264", Codec: room.H264, Video: codec.H264}, mobH264 + 1: {MIME: "video/rtx", Repair: true, Repairs: mobH264 + 1},
		},
	}
	if how&1 != 0 || h.seat%2 == 0 {
		video.RIDs, video.SSRCs, video.First = []string{"q", "h", "f"}, nil, "video/VP8"
	}
	if how&2 != 0 {
		video.DescriptorID = 0
	}
	audio := &room.Section{
		Mid: "1", Audio: true, MidID: mobMid, LevelID: mobLevel, TransportID: mobTransport, First: "audio/opus",
		SSRCs: map[uint32]uint32{base + 900: base + 900},
		Codecs: map[uint8]room.Payload{
			mobOpus: {MIME: "audio/opus", Codec: room.Opus}, mobRED: {MIME: "audio/red", Codec: room.RED},
		},
	}
	kind := api.StreamKind_STREAM_KIND_CAMERA
	if how&4 != 0 {
		kind = api.StreamKind_STREAM_KIND_SCREEN
	}
	announced := []*api.PublishedStream{
		{Mid: "0", Kind: kind, Active: how&8 == 0},
		{Mid: "1", Kind: api.StreamKind_STREAM_KIND_MICROPHONE, Active: how&16 == 0},
	}
	switch how & 0xE0 {
	case 0xE0:
		announced = announced[:1]
	case 0xC0:
		announced[1].Mid = "0" // refused
	}
	_ = m.room.Publish(m.now, h.seat, h.publish, []*room.Section{video, audio}, announced, &m.out)
	m.flush()
	if h.writer == nil || how&1 != 0 {
		h.writer, _ = dd.NewWriter(dd.Mode{Spatial: 3, Temporal: 3, Key: true}, nil, s.word())
	}
}

// bind has a client answer what it is offered.
func (m *mob) bind(h *hostile) {
	how := m.script.byte()
	if how < 0xF0 {
		how = 0
	}
	h.slots = m.room.Slots(h.seat)
	var all []room.Binding
	for _, s := range h.slots {
		b := room.Binding{Mid: s.Mid, TransportID: mobTransport, DescriptorID: mobDescriptor, LevelID: mobLevel}
		if s.Audio {
			b.PayloadTypes[room.Opus], b.PayloadTypes[room.RED] = mobOpus, mobRED
		} else {
			for c, pt := range map[room.Codec]uint8{room.VP8: mobVP8, room.VP9: mobVP9, room.AV1: mobAV1, room.H264: mobH264} {
				b.PayloadTypes[c], b.RepairTypes[c] = pt, pt+1
			}
		}
		if how&1 != 0 {
			b.RepairTypes = [room.CodecCount]uint8{}
		}
		if how&2 != 0 {
			b.DescriptorID = 0
		}
		if how&4 != 0 {
			b.PayloadTypes[room.Opus], b.PayloadTypes[room.VP8] = 0, 0
		}
		if how&8 != 0 {
			b.LevelID = 0
		}
		all = append(all, b)
	}
	m.room.Bind(m.now, h.seat, all, &m.out)
	m.flush()
}

// view has a client show some of the streams it knows, and some that are not.
func (m *mob) view(h *hostile) {
	s := m.script
	var items []*api.ViewItem
	for range s.pick(8) {
		id := uint32(s.byte())
		if len(m.streams) > 0 && id < 250 {
			id = m.streams[len(m.streams)-1-int(id)%min(len(m.streams), 8)]
		}
		items = append(items, &api.ViewItem{Stream: id, Width: uint32(s.word()), Height: uint32(s.word()), Priority: uint32(s.byte())})
	}
	m.room.View(m.now, h.seat, items, &m.out)
}
