package feedback

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// reports returns the report blocks of what was written.
func reports(packets []rtcp.Packet) []rtcp.ReceptionReport {
	var blocks []rtcp.ReceptionReport
	for _, p := range packets {
		if r, ok := p.(*rtcp.ReceiverReport); ok {
			blocks = append(blocks, r.Reports...)
		}
	}
	return blocks
}

// TestReportModel compares reports with sums made from RFC 3550, Appendices A.3
// and A.8, in floating point and without wraps.
func TestReportModel(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 3))
		const clock = 90000
		r := New(1)
		s := r.Source(2, clock, false)
		first := 60000 + random.IntN(5535)
		offset := random.Uint32()
		var at time.Duration
		var jitter, transit float64
		highest, received, toldHighest, toldReceived := first-1, 0, first-1, 0
		number := first
		loss := 0.5 * random.Float64()
		told := 0
		for number < first+9000 {
			sent := at - time.Duration(random.IntN(30_000))*time.Microsecond
			stamp := math.Floor(sent.Seconds() * clock)
			if number == first || random.Float64() > loss {
				copies := 1 + random.IntN(20)/19
				for range copies {
					r.Received(epoch.Add(at), s, uint16(number), offset+uint32(int64(stamp)))
					d := math.Floor((at.Seconds()+1)*clock) - stamp
					if received > 0 {
						jitter += (math.Abs(d-transit) - jitter) / 16
					}
					transit = d
					received++
				}
				highest = number
			}
			number++
			at += time.Duration(random.IntN(5000)) * time.Microsecond
			for _, got := range reports(drain(t, r, epoch.Add(at))) {
				told++
				expected := highest - first + 1
				lostNow := float64((highest - toldHighest) - (received - toldReceived))
				fraction := math.Floor(max(0, lostNow) * 256 / float64(highest-toldHighest))
				toldHighest, toldReceived = highest, received
				want := rtcp.ReceptionReport{
					SSRC: 2, FractionLost: uint8(fraction), TotalLost: uint32(expected-received) & 0xffffff,
					LastSequenceNumber: uint32(highest), Jitter: got.Jitter,
				}
				if got != want {
					t.Fatalf("seed %d: report %+v, want %+v", seed, got, want)
				}
				if math.Abs(float64(got.Jitter)-jitter) > 2 {
					t.Fatalf("seed %d: jitter %d, want %.1f", seed, got.Jitter, jitter)
				}
			}
		}
		if want := int(at / time.Second); told < want-1 || told > want+1 {
			t.Errorf("%d reports in %v", told, at)
		}
	}
}

func TestReportOfSenderReport(t *testing.T) {
	r := New(1)
	s := r.Source(2, 90000, false)
	r.Received(epoch, s, 1, 0)
	r.SenderReport(epoch.Add(100*time.Millisecond), s, 0x1122334455667788)
	blocks := reports(drain(t, r, epoch.Add(1850*time.Millisecond)))
	if len(blocks) != 1 || blocks[0].LastSenderReport != 0x33445566 || blocks[0].Delay != 0x1c000 {
		t.Errorf("reports %+v, want sender report 33445566 and a delay of 1.75 s", blocks)
	}
}

func TestReportsOfMany(t *testing.T) {
	r := New(1)
	for i := range uint32(MaxSources) {
		r.Received(epoch, r.Source(i, 90000, false), 1, 0)
	}
	seen := map[uint32]bool{}
	for _, block := range reports(drain(t, r, epoch.Add(time.Second))) {
		seen[block.SSRC] = true
	}
	if len(seen) != MaxSources {
		t.Errorf("reports of %d sources, want %d", len(seen), MaxSources)
	}
	// Silence is not reported on.
	if got := drain(t, r, epoch.Add(3*time.Second)); got != nil {
		t.Errorf("after silence %v", got)
	}
}

// TestReportExtremes checks the ends of the fields' ranges.
func TestReportExtremes(t *testing.T) {
	r := New(1)
	s := r.Source(2, 90000, false)
	r.Received(epoch, s, 1, 0)
	s.received = 1 << 25 // as many duplicates
	if b := reports(drain(t, r, epoch.Add(time.Second))); b[0].TotalLost != 0x800000 || b[0].FractionLost != 0 {
		t.Errorf("with duplicates: lost %x, fraction %d", b[0].TotalLost, b[0].FractionLost)
	}
	for n := uint16(1); n < 60000; n += 2999 {
		r.Received(epoch.Add(time.Second), s, n, 1<<31) // the clock jumps
	}
	b := reports(drain(t, r, epoch.Add(2*time.Second)))
	if b[0].FractionLost != 255 && b[0].FractionLost != 0 || b[0].Jitter > 90000*mostDeviation {
		t.Errorf("with a loss of nearly all: %+v", b[0])
	}
}
