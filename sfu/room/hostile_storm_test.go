package room_test

import (
	"encoding/binary"
	"testing"
	"time"

	"conclave/sfu/room"
	"conclave/sfu/rtp"
)

// storm has the first client send video for a time, 100 packets of some 1000 bytes
// a second, and calls each after every packet.
func (m *mob) storm(t *testing.T, lasts time.Duration, each func(sent int)) {
	t.Helper()
	h := m.seats[0]
	for n := range int(lasts / (10 * time.Millisecond)) {
		b := append(h.plain(false, uint16(n+1), m.now.Sub(m.start)), make([]byte, 1000)...)
		m.room.Receive(m.now, h.seat, []rtp.Inbound{{Data: b}}, &m.out)
		m.flush()
		each(n)
		m.now = m.now.Add(10 * time.Millisecond)
		m.tick()
	}
}

// videoSlot returns the slot of a client that was sent most.
func (h *hostile) videoSlot() (best room.Slot) {
	for _, s := range h.slots {
		if !s.Audio && h.receive.highest[s.SSRC] != 0 {
			best = s
		}
	}
	return best
}

// TestNACKStorm: a receiver that asks for all it was sent, again and again, gets
// no more than its budget, and costs others nothing.
func TestNACKStorm(t *testing.T) {
	stats := new(room.Stats)
	m := newMob(t, stats, nil)
	h := m.seats[1]
	const lasts = 10 * time.Second
	m.storm(t, lasts, func(int) {
		s := h.videoSlot()
		if s.SSRC == 0 {
			return
		}
		last := h.receive.highest[s.SSRC]
		b := []byte{0x81, 205, 0, 0, 0, 0, 0, 9}
		b = binary.BigEndian.AppendUint32(b, s.SSRC)
		for i := range uint16(60) { // 1020 packets
			b = binary.BigEndian.AppendUint16(b, last-17*(i+1)+1)
			b = binary.BigEndian.AppendUint16(b, 0xFFFF)
		}
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
		for range 20 {
			m.room.Feedback(m.now, h.seat, []rtp.Inbound{{Data: b, RTCP: true}}, &m.out)
			m.flush()
		}
	})
	again := stats.Retransmitted.Load()
	t.Logf("%d packets asked for, %d sent again", stats.NACKs.Load(), again)
	if most := uint64((250_000*lasts.Seconds() + 128<<10) / 1000); again > most || again == 0 {
		t.Errorf("%d packets of 1000 bytes were sent again in %v, want at most %d and some", again, lasts, most)
	}
	if asked, most := stats.NACKs.Load(), uint64(30_000*lasts.Seconds()); asked > most {
		t.Errorf("%d packets were looked for, want at most %d", asked, most)
	}
}

// TestKeyFrameStorm: a publisher is asked for a key picture a few times a second,
// however many ask, by whatever means, and however often.
func TestKeyFrameStorm(t *testing.T) {
	stats := new(room.Stats)
	m := newMob(t, stats, nil)
	const lasts = 10 * time.Second
	m.storm(t, lasts, func(int) {
		for _, h := range m.seats[1:] {
			s := h.videoSlot()
			pli := binary.BigEndian.AppendUint32([]byte{0x81, 206, 0, 2, 0, 0, 0, 9}, s.SSRC)
			fir := binary.BigEndian.AppendUint32([]byte{0x84, 206, 0, 4, 0, 0, 0, 9, 0, 0, 0, 0}, s.SSRC)
			fir = append(fir, byte(m.now.UnixMilli()), 0, 0, 0)
			for range 50 {
				m.room.Feedback(m.now, h.seat, []rtp.Inbound{{Data: pli, RTCP: true}, {Data: fir, RTCP: true}}, &m.out)
				m.room.RequestKeyFrame(m.now, h.seat, m.streams[0], &m.out)
			}
			m.flush()
		}
	})
	asks := stats.KeyFrameAsks.Load()
	t.Logf("%d requests merged into %d", stats.KeyFrameMerged.Load(), asks)
	if asks > 2*10*3 || asks < 10 { // three a second, of two streams at most
		t.Errorf("a publisher was asked %d times in %v, want 10 to 60", asks, lasts)
	}
}

// TestCodecFlips: a publisher whose packets are of another codec each time cannot
// have all clients told each time.
func TestCodecFlips(t *testing.T) {
	m := newMob(t, nil, nil)
	h := m.seats[0]
	told := 0
	for n := range 1000 {
		b := h.plain(false, uint16(n+1), m.now.Sub(m.start))
		if n%2 == 0 {
			b[1] = 0x80 | mobAV1
		}
		m.room.Receive(m.now, h.seat, []rtp.Inbound{{Data: b}}, &m.out)
		m.rules.check(t, &m.out)
		m.out.Reset()
		frames, _ := m.room.Pending()
		for _, f := range frames {
			if f.Seat == h.seat && f.Frame.GetStreams() != nil {
				told++
			}
		}
		m.now = m.now.Add(time.Millisecond)
	}
	if told > 20 {
		t.Errorf("each client was told %d times in a second what streams there are, want at most 20", told)
	}
}

// TestFeedbackStorm: a receiver that sends reports on thousands of packets in
// each of many small RTCP packets costs the room no more than so many of them.
func TestFeedbackStorm(t *testing.T) {
	stats := new(room.Stats)
	m := newMob(t, stats, nil)
	h := m.seats[1]
	const lasts = 2 * time.Second
	const count = 4096 // packets that one report speaks of, all lost
	m.storm(t, lasts, func(int) {
		var b []byte
		for range 55 { // 1320 bytes
			b = append(b, 0x8F, 205, 0, 5, 0, 0, 0, 9, 0, 0, 0, 1)
			b = binary.BigEndian.AppendUint16(b, h.receive.number-count+1)
			b = binary.BigEndian.AppendUint16(b, count)
			b = append(b, 0, 0, 1, 1, 0x0F, 0xFF, 0, 1)
		}
		for range 10 { // 10 Mbit/s
			m.room.Feedback(m.now, h.seat, []rtp.Inbound{{Data: b, RTCP: true}}, &m.out)
		}
		m.flush()
	})
	sent := uint64(lasts/(10*time.Millisecond)) * 10 * 55
	taken := stats.Feedbacks.Load()
	t.Logf("of %d reports %d were taken", sent, taken)
	if most := uint64(200 * lasts.Seconds()); taken > most {
		t.Errorf("%d reports on %d packets each were taken in %v, want at most %d", taken, count, lasts, most)
	}
}
