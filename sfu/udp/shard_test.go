package udp

import (
	"net"
	"strconv"
	"testing"
	"time"

	"conclave/sfu/rtp"
	"conclave/sfu/srtp"
)

// A bench is a shard without its goroutine, with one peer that sends and some
// that get it all.
type bench struct {
	tr        *Transport
	shard     *shard
	publisher *srtp.Sealer
	conn      *net.UDPConn // of the publisher
	sequence  uint16
}

// newBench connects all peers as a handshake would have.
func newBench(t testing.TB, receivers int) *bench {
	t.Helper()
	tr, err := open(Config{Listen: "127.0.0.1:0", Shards: 1}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{tr: tr, shard: tr.newShard(tr.v4[0], 0, false)}
	profile := srtp.AEADAES128GCM
	material := make([]byte, profile.KeyingSize())
	for i := range material {
		material[i] = byte(i)
	}
	if b.publisher, _, err = srtp.New(profile, material, false); err != nil {
		t.Fatal(err)
	}
	to := make([]*Peer, receivers)
	f := newFake()
	f.receive = func(_ time.Time, in []rtp.Inbound, out *rtp.Output) {
		var p rtp.Packet
		for _, peer := range to {
			for i := range in {
				if !rtp.Parse(in[i].Data, &p) {
					continue
				}
				h := rtp.Header{PayloadType: 100, Sequence: p.Sequence, Timestamp: p.Timestamp, SSRC: 9}
				out.Packets = append(out.Packets, rtp.Outbound{
					To: peer, Header: rtp.AppendHeader(out.Alloc(12)[:0], &h, nil), Payload: p.Payload.In(in[i].Data),
					Index: uint64(p.Sequence),
				})
			}
		}
	}
	var conns []*net.UDPConn
	connect := func(h Handler) (*Peer, *net.UDPConn) {
		p, err := tr.NewPeer(h)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(tr.v4[0].LocalAddr()))
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		remote := conn.LocalAddr().(*net.UDPAddr).AddrPort() //nolint:forcetypeassert // it is one
		l := link{route: route{remote: remote, local: tr.v4[0].LocalAddr().Addr()}}
		p.mu.Lock()
		q := p.addPathLocked(time.Now(), l, p.current, nil)
		q.proven = true
		p.checkedLocked(time.Now(), q, true)
		p.inbox = newInbox(nil)
		p.mu.Unlock()
		if err := p.activate(profile, material); err != nil {
			t.Fatal(err)
		}
		return p, conn
	}
	_, b.conn = connect(f)
	for i := range to {
		to[i], _ = connect(newFake())
	}
	t.Cleanup(func() {
		_ = tr.Close()
		for _, c := range conns {
			_ = c.Close()
		}
	})
	return b
}

// packets returns the next n packets of the publisher.
func (b *bench) packets(n, size int) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		b.sequence++
		header := rtp.AppendHeader(nil, &rtp.Header{PayloadType: 96, Sequence: b.sequence, SSRC: 7}, nil)
		list[i] = b.publisher.Seal(make([]byte, 0, size+64), header, make([]byte, size), uint64(b.sequence))
	}
	return list
}

// send sends packets of the publisher.
func (b *bench) send(list [][]byte) {
	for _, p := range list {
		_, _ = b.conn.Write(p)
	}
}

// turn serves a batch.
func (b *bench) turn(t testing.TB) int {
	n, err := b.shard.socket.Read(b.shard.batch)
	if err != nil {
		t.Fatal(err)
	}
	b.shard.serve(n)
	return n
}

func TestShardAllocates(t *testing.T) {
	b := newBench(t, 20)
	const packets, runs = 10, 50
	list := b.packets((runs+4)*packets, 1100)
	turn := func() {
		b.send(list[:packets])
		list = list[packets:]
		b.turn(t)
	}
	turn()
	turn() // now everything has its size
	before := b.tr.Stats().DatagramsSent.Load()
	allocs := testing.AllocsPerRun(runs, turn)
	if sent := b.tr.Stats().DatagramsSent.Load() - before; sent < 20*packets*runs {
		t.Fatalf("only %d packets were sent", sent)
	}
	if raceDetector {
		t.Log("allocations are not counted with the race detector, which makes pools lose things")
	} else if allocs != 0 {
		t.Errorf("%v allocations a batch of %d packets, want 0", allocs, packets)
	}
}

// BenchmarkShard is what a packet to a receiver costs from the socket to the
// socket, the receiver's part of the loopback interface included.
func BenchmarkShard(b *testing.B) {
	for _, receivers := range []int{1, 10, 100} {
		b.Run(strconv.Itoa(receivers), func(b *testing.B) {
			const packets = 10
			x := newBench(b, receivers)
			n := 0
			for b.Loop() {
				b.StopTimer()
				list := x.packets(packets, 1200)
				b.StartTimer()
				x.send(list)
				for got := 0; got < packets; {
					got += x.turn(b)
				}
				n += packets * receivers
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/packet")
		})
	}
}
