package rtc

import (
	"testing"

	"github.com/pion/rtcp"

	"conclave/sfu/codec"
)

// FuzzReceive hands what publishers made up to the whole packet path, after a
// few good packets and before others: nothing may panic.
func FuzzReceive(f *testing.F) {
	w := newWiring(f)
	for range 3 {
		f.Add(uint8(codec.VP9), w.next(f))
	}
	f.Add(uint8(codec.VP8), []byte{0x80, 96, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1, 0x90, 0xe0, 0x80, 1, 2, 0x20, 0})
	f.Add(uint8(codec.AV1), []byte{0x80, 45, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1, 0x18, 0x0a, 0x30})
	f.Add(uint8(codec.H264), []byte{0x80, 102, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1, 0x7c, 0x85, 0})
	f.Fuzz(func(t *testing.T, c uint8, b []byte) {
		w := newWiring(t)
		w.show()
		for range 3 {
			w.receive(w.next(t))
		}
		var p packet
		if parsePacket(b, &p) {
			kind := codec.Codec(c % 5)
			w.stream.receiveVideo(w.now, w.stream.encodings[0], 0, payload{mime: kind.String(), video: kind}, testDD, b, &p)
		}
		// A publisher that lied goes on with a key frame, as after any loss.
		w.sequence = p.sequence
		w.n = 0
		for range 3 {
			w.receive(w.next(t))
		}
	})
}

// FuzzFeedback hands RTCP that receivers made up to a slot that is sending.
func FuzzFeedback(f *testing.F) {
	for _, p := range []rtcp.Packet{
		&rtcp.TransportLayerNack{MediaSSRC: 1, Nacks: []rtcp.NackPair{{PacketID: 3, LostPackets: 0xFFFF}}},
		&rtcp.PictureLossIndication{MediaSSRC: 1},
		&rtcp.FullIntraRequest{MediaSSRC: 1, FIR: []rtcp.FIREntry{{SSRC: 1}, {SSRC: 2}}},
		&rtcp.TransportLayerCC{
			BaseSequenceNumber: 1, PacketStatusCount: 2,
			PacketChunks: []rtcp.PacketStatusChunk{&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 2}},
			RecvDeltas:   []*rtcp.RecvDelta{{Type: rtcp.TypeTCCPacketReceivedSmallDelta, Delta: 250}, {Type: rtcp.TypeTCCPacketReceivedSmallDelta, Delta: 250}},
		},
	} {
		b, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w := newWiring(t)
		w.show()
		for range 5 {
			w.receive(w.next(t))
		}
		before := w.writer.count
		w.egress.feedback(w.now, b)
		if n := w.writer.count - before; n > maxResend {
			t.Errorf("%d bytes of feedback sent %d packets", len(b), n)
		}
	})
}
