package feedback

import (
	"testing"
	"time"
)

// TestPacketAllocatesNothing holds the packet path and the writing at no
// allocation.
func TestPacketAllocatesNothing(t *testing.T) {
	r := New(1)
	s := r.Source(2, 90000, true)
	now, number := epoch, uint16(0)
	b := make([]byte, 0, MaxPacket)
	step := func() {
		for range 10 {
			number++
			now = now.Add(time.Millisecond)
			r.Arrived(now, number)
			switch number % 16 {
			case 3: // lost
			case 9:
				r.Recovered(now, s, number-6)
				r.Received(now, s, number, 0)
			default:
				r.Received(now, s, number, 0)
			}
		}
		for r.Due(now) {
			b = r.Append(now, b[:0])
		}
	}
	for range 100 {
		step()
	}
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations for ten packets, want 0", n)
	}
}

func TestNilSourceIsIgnored(t *testing.T) {
	r := New(1)
	r.Received(epoch, nil, 1, 1)
	r.Recovered(epoch, nil, 1)
	r.Skip(nil, 1)
	r.SenderReport(epoch, nil, 1)
	r.Forget(nil)
	if !r.Next().IsZero() || r.Due(epoch) {
		t.Errorf("Next = %v, want never", r.Next())
	}
}

// FuzzRecorder has a publisher send anything at any time. Whatever comes out must
// be sound RTCP, end, and leave a bounded memory.
func FuzzRecorder(f *testing.F) {
	f.Add([]byte("\x00\x00\x01\x00\x00\x02\x00\x00\x04\x30\x00\x10"))
	f.Add([]byte{0, 0xff, 0xff, 0, 0, 0, 1, 0, 5, 4, 4, 0, 2, 0, 9, 3, 0, 8, 0x40, 0x80, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := New(1)
		now := epoch
		for ; len(data) >= 3; data = data[3:] {
			number := uint16(data[1])<<8 | uint16(data[2])
			s := r.Source(uint32(data[0]>>6), 90000, data[0]&0x20 == 0)
			switch data[0] & 7 {
			case 0, 1:
				r.Received(now, s, number, uint32(number)<<12)
			case 2:
				r.Recovered(now, s, number)
			case 3:
				r.Skip(s, number)
			case 4:
				// A goroutine may have read the clock a moment before another.
				now = now.Add(time.Duration(number) * time.Millisecond)
				drain(t, r, now.Add(-time.Second))
				drain(t, r, now)
			case 5, 6:
				r.Arrived(now, number)
			case 7:
				r.Forget(s)
			}
			for _, s := range r.sources {
				if len(s.missing.entries) > maxMissing || s.missing.asked > len(s.missing.entries) {
					t.Fatalf("%d packets missing, %d asked for", len(s.missing.entries), s.missing.asked)
				}
			}
		}
		drain(t, r, now.Add(time.Hour))
		drain(t, r, now.Add(2*time.Hour))
		if !r.Next().IsZero() {
			t.Fatalf("Next = %v after two hours of silence", r.Next())
		}
	})
}

func BenchmarkRecorder(b *testing.B) {
	r := New(1)
	s := r.Source(2, 90000, true)
	now, number := epoch, uint16(0)
	out := make([]byte, 0, MaxPacket)
	for b.Loop() {
		number++
		now = now.Add(400 * time.Microsecond)
		r.Arrived(now, number)
		if number%100 != 3 {
			r.Received(now, s, number, 0)
		}
		if r.Due(now) {
			out = r.Append(now, out[:0])
		}
	}
}
