package feedback

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
)

var epoch = time.Unix(1_700_000_000, 0)

// drain appends until nothing is due, checks that every packet is sound and
// not too long, and returns what was written.
func drain(t testing.TB, r *Recorder, now time.Time) []rtcp.Packet {
	t.Helper()
	var all []rtcp.Packet
	for range 1000 {
		if !r.Due(now) {
			return all
		}
		prefix := []byte{1, 2, 3}
		b := r.Append(now, prefix)
		if b = b[len(prefix):]; len(b) == 0 {
			continue
		}
		if len(b) > MaxPacket {
			t.Fatalf("Append wrote %d bytes, want at most %d", len(b), MaxPacket)
		}
		packets, err := rtcp.Unmarshal(b)
		if err != nil {
			t.Fatalf("Append wrote %x: %v", b, err)
		}
		for _, p := range packets {
			if _, ok := p.(*rtcp.RawPacket); ok {
				t.Fatalf("Append wrote an unknown packet: %x", b)
			}
		}
		if report, ok := packets[0].(*rtcp.ReceiverReport); ok {
			name, ok := packets[1].(*rtcp.SourceDescription)
			if !ok || name.Chunks[0].Source != report.SSRC || len(name.Chunks[0].Items) != 1 {
				t.Fatalf("after the report comes %v, want a name", packets[1])
			}
		}
		all = append(all, packets...)
	}
	t.Fatal("Append never ends")
	return nil
}

// asked returns the numbers that NACKs ask for, of one source.
func asked(packets []rtcp.Packet, ssrc uint32) []uint16 {
	var numbers []uint16
	for _, p := range packets {
		if n, ok := p.(*rtcp.TransportLayerNack); ok && n.MediaSSRC == ssrc {
			for _, pair := range n.Nacks {
				numbers = append(numbers, pair.PacketList()...)
			}
		}
	}
	return numbers
}
