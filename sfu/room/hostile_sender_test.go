package room_test

import (
	"testing"
	"time"

	"conclave/sfu/rtp"
)

// TestFatSender: a client that sends 50 Mbit/s, as video or as sound, does not
// make the room send that to everybody.
func TestFatSender(t *testing.T) {
	const (
		lasts = 5 * time.Second
		each  = time.Millisecond
		size  = 1200 // bytes; 5 in a millisecond are 48 Mbit/s
	)
	for _, tt := range []struct {
		name  string
		audio bool
		most  float64 // bit/s to one receiver, on average
	}{
		{"video", false, 2 * mobBandwidth},
		{"sound", true, 2_000_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMob(t, nil, nil)
			h := m.seats[0]
			var number uint16
			for at := time.Duration(0); at < lasts; at += each {
				var in []rtp.Inbound
				for range 5 {
					number++
					b := append(h.plain(tt.audio, number, at), make([]byte, size)...)
					in = append(in, rtp.Inbound{Data: b[:size]})
				}
				m.room.Receive(m.now, h.seat, in, &m.out)
				m.flush()
				m.now = m.now.Add(each)
				if at%(5*time.Millisecond) == 0 {
					m.tick()
				}
			}
			rate := float64(m.rules.Bytes) * 8 / lasts.Seconds() / (mobSeats - 1)
			t.Logf("each receiver is sent %.2f Mbit/s", rate/1e6)
			if rate > tt.most {
				t.Errorf("each receiver is sent %.2f Mbit/s, want at most %.2f", rate/1e6, tt.most/1e6)
			}
		})
	}
}
