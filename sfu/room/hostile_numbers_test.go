package room_test

import (
	"testing"
	"time"

	"conclave/sfu/rtp"
)

// TestPublisherBeginsAgain: RTP streams that go on somewhere else in their
// numbers, after more packets than half a turn. What is forwarded must neither
// use an index of SRTP again nor stop.
func TestPublisherBeginsAgain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		audio bool
		count int // packets between two jumps
	}{{"sound", true, 33_000}, {"video", false, 8_000}} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMob(t, nil, nil)
			h := m.seats[0]
			var number uint16
			send := func(count int) (forwarded int) {
				before := m.rules.Packets
				for range count {
					number++
					m.room.Receive(m.now, h.seat, []rtp.Inbound{{Data: h.plain(tt.audio, number, m.now.Sub(m.start))}}, &m.out)
					m.flush()
					m.now = m.now.Add(10 * time.Millisecond)
					m.tick()
				}
				return m.rules.Packets - before
			}
			send(100)
			for _, jump := range []uint16{45_536, 32_768, 5_000, 60_000} {
				if got := send(tt.count); got < tt.count {
					t.Errorf("before a jump of %d: %d of %d packets forwarded", jump, got, tt.count)
				}
				number += jump
				if got := send(100); got < 90 {
					t.Errorf("after a jump of %d: %d of 100 packets forwarded to all", jump, got)
				}
			}
		})
	}
}

// plain makes a packet of sound, or a key picture in one packet.
func (h *hostile) plain(audio bool, number uint16, at time.Duration) []byte {
	base := 1000 * h.seat
	hd := rtp.Header{PayloadType: mobOpus, Sequence: number, SSRC: base + 900, Timestamp: uint32(at.Milliseconds()) * 48}
	if audio {
		return append(rtp.AppendHeader(nil, &hd, []rtp.Element{{ID: mobMid, Data: []byte("1")}, {ID: mobLevel, Data: []byte{30}}}), 1, 2, 3, byte(number))
	}
	hd.PayloadType, hd.SSRC, hd.Marker, hd.Timestamp = mobVP9, base, true, uint32(at.Milliseconds())*90
	return append(rtp.AppendHeader(nil, &hd, []rtp.Element{{ID: mobMid, Data: []byte("0")}}), 0xAC, byte(number)&0x7F, 0, byte(number>>8), byte(number))
}
