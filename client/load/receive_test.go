package load

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtp"
)

const (
	testSSRC   = 1
	testRepair = 2
)

// newReceiver returns a subscriber without a connection, for what is negotiated
// in every test here.
func newReceiver() *Subscriber {
	s := &Subscriber{receiving: make(chan struct{}), lost: make(chan struct{}, 1), sources: make(map[uint32]*source)}
	s.terms = readTerms("a=ssrc-group:FID 1 2\r\n",
		"m=video 9 UDP/TLS/RTP/SAVPF 98 99\r\na=rtpmap:98 VP9/90000\r\na=rtcp-fb:98 nack\r\na=rtcp-fb:98 nack pli\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n")
	return s
}

func (s *Subscriber) put(t *testing.T, now time.Time, sequence uint16, payload []byte) {
	t.Helper()
	s.putAs(t, now, testSSRC, 98, sequence, payload)
}

// repair delivers a packet that was sent again.
func (s *Subscriber) repair(t *testing.T, now time.Time, sequence uint16) {
	t.Helper()
	s.putAs(t, now, testRepair, 99, 0, append([]byte{byte(sequence >> 8), byte(sequence)}, stamped(now, 5*time.Millisecond)...))
}

func (s *Subscriber) putAs(t *testing.T, now time.Time, ssrc uint32, pt uint8, sequence uint16, payload []byte) {
	t.Helper()
	b, err := (&rtp.Packet{Header: rtp.Header{Version: 2, SSRC: ssrc, PayloadType: pt, SequenceNumber: sequence}, Payload: payload}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s.receive(now, s.source(ssrc), b)
}

// stamped is a payload that was sent so long before now.
func stamped(now time.Time, ago time.Duration) []byte {
	b := make([]byte, 100)
	stamp(b, now.Add(-ago))
	return b
}

func TestCounting(t *testing.T) {
	s := newReceiver()
	now := time.Now()
	put := func(numbers ...uint16) {
		for _, n := range numbers {
			s.put(t, now, n, stamped(now, 5*time.Millisecond))
		}
	}
	put(65530, 65531, 65534) // 2 missing
	put(65535, 0, 1)         // over the end
	put(65532)               // late
	put(65532, 1)            // twice
	s.repair(t, now, 65533)  // sent again
	s.repair(t, now, 65533)  // and once more
	s.repair(t, now, 10)     // what is still under way
	put(5)                   // 3 missing
	s.put(t, now, 6, nil)    // padding
	c := s.Count()
	want := Count{Packets: 9, Bytes: 9 * 112, Lost: 3, Late: 2, Repaired: 1, Duplicates: 4, Padding: 1}
	c.Latency = Histogram{}
	if c.Packets != want.Packets || c.Bytes != want.Bytes || c.Lost != want.Lost || c.Late != want.Late ||
		c.Repaired != want.Repaired || c.Duplicates != want.Duplicates || c.Padding != want.Padding {
		t.Errorf("counted %+v, want %+v", c, want)
	}
	if p50 := s.Count().Latency.Quantile(0.5); p50 < 5*time.Millisecond || p50 > 5200*time.Microsecond {
		t.Errorf("latency %v, want 5 ms", p50)
	}
	select {
	case <-s.Receiving():
	default:
		t.Error("does not say that it receives")
	}
}

// TestNewBeginning lets numbers jump: that is a new stream, not a loss.
func TestNewBeginning(t *testing.T) {
	s := newReceiver()
	now := time.Now()
	for _, n := range []uint16{100, 101, 20_000, 20_001} {
		s.put(t, now, n, stamped(now, 0))
	}
	if c := s.Count(); c.Lost != 0 || c.Packets != 4 {
		t.Errorf("lost %d of %d packets, want 0 of 4", c.Lost, c.Packets)
	}
}

// TestNACKs asks for what is missing, again after a time, and no more than ten
// times; then for a key frame.
func TestNACKs(t *testing.T) {
	s := newReceiver()
	now := time.Now()
	s.put(t, now, 10, stamped(now, 0))
	s.put(t, now, 13, stamped(now, 0))
	select {
	case <-s.lost:
	default:
		t.Fatal("a gap wakes nobody")
	}
	x := s.source(testSSRC)
	for try := range mostNACKs {
		if numbers, _ := x.due(now); !slices.Equal(numbers, []uint16{11, 12}) {
			t.Fatalf("try %d asks for %v", try, numbers)
		}
		if numbers, _ := x.due(now.Add(nackEvery / 2)); numbers != nil {
			t.Fatalf("asks again for %v too soon", numbers)
		}
		now = now.Add(nackEvery)
	}
	numbers, hopeless := x.due(now)
	if numbers != nil || !hopeless {
		t.Errorf("after %d tries: asks for %v, gave up: %v", mostNACKs, numbers, hopeless)
	}
	s.put(t, now, 15, stamped(now, 0))
	s.put(t, now, 14, stamped(now, 0))
	if numbers, _ := x.due(now); numbers != nil {
		t.Errorf("asks for %v, which came late", numbers)
	}
}

// TestReports compares a receiver report with RFC 3550, Appendix A.3.
func TestReports(t *testing.T) {
	s := newReceiver()
	now := time.Now()
	for n := range uint16(100) {
		if n%10 != 5 {
			s.put(t, now, 1000+n, stamped(now, 0))
		}
	}
	s.report(now, []byte{0x80, 200, 0, 6, 0, 0, 0, testSSRC, 0, 0, 1, 2, 3, 4, 0, 0})
	r := s.source(testSSRC).reception(now.Add(time.Second))
	if r.TotalLost != 10 || r.FractionLost != 25 || uint16(r.LastSequenceNumber) != 1099 ||
		r.LastSenderReport != 0x01020304 || r.Delay != 1<<16 {
		t.Errorf("report %+v", r)
	}
}

// TestArrivals reads the transport-wide number of packets as they are on the
// wire, sealed: the last byte says nothing about padding.
func TestArrivals(t *testing.T) {
	s := newReceiver()
	s.terms.transport, s.arrivals = 3, twcc.NewRecorder(1)
	h := rtp.Header{Version: 2, SSRC: testSSRC, PayloadType: 98}
	if err := h.SetExtension(3, []byte{1, 2}); err != nil {
		t.Fatal(err)
	}
	b, err := (&rtp.Packet{Header: h, Payload: []byte{1, 2, 3, 255}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s.arrived(time.Now(), b)
	b[0] |= 0x20
	padded := slices.Clone(b)
	padded[18] = 3 // another number
	s.arrived(time.Now(), padded)
	for _, other := range [][]byte{nil, {0x80}, {0x80, 200, 0, 1, 0, 0, 0, 1}, {1, 1, 0, 0}, {22, 254, 253}} {
		s.arrived(time.Now(), other)
	}
	if n := s.arrivals.PacketsHeld(); n != 2 {
		t.Errorf("%d packets are told of, want 2", n)
	}
	if b[0] != 0xb0 {
		t.Errorf("the first byte is %#x afterwards", b[0])
	}
}

// TestNoAllocations holds what counting a packet costs: a thousand subscribers
// share the machine with the server.
func TestNoAllocations(t *testing.T) {
	s := newReceiver()
	now := time.Now()
	h := rtp.Header{Version: 2, SSRC: testSSRC, PayloadType: 98, Marker: true}
	if err := h.SetExtension(3, []byte{1, 2}); err != nil {
		t.Fatal(err)
	}
	b, err := (&rtp.Packet{Header: h, Payload: stamped(now, 0)}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	x, n := s.source(testSSRC), uint16(0)
	if got := testing.AllocsPerRun(1000, func() {
		n++
		b[2], b[3] = byte(n>>8), byte(n)
		s.receive(now, x, b)
	}); got != 0 {
		t.Errorf("%v allocations a packet", got)
	}
}
