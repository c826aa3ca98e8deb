package udp

import (
	"net/netip"
	"testing"
	"time"

	"conclave/sfu/rtp"
	"conclave/sfu/srtp"
)

// FuzzDatagrams gives a transport whatever may come, from an address that is
// unknown, one that a client has proven, and one whose client is connected.
// Nobody who knows no key is answered or heard.
func FuzzDatagrams(f *testing.F) {
	tr, err := open(Config{Listen: "127.0.0.1:0", Shards: 1}, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = tr.Close() })
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{1, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 40})
	f.Add([]byte{21, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 1, 0, 26, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add(append([]byte{0x90, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xBE, 0xDE, 0, 1, 0, 0, 0, 0}, make([]byte, 20)...))
	f.Add(append([]byte{0x80, 201, 0, 1, 0, 0, 0, 0}, make([]byte, 24)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4096 {
			return
		}
		heard := &fake{connected: make(chan struct{}, 1), disconnected: make(chan struct{}, 1)}
		heard.receive = func(_ time.Time, in []rtp.Inbound, _ *rtp.Output) {
			t.Errorf("a forged packet was taken: %x", in[0].Data)
		}
		p, err := tr.NewPeer(heard)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		l := link{route: route{remote: netip.MustParseAddrPort("192.0.2.1:1000"), local: netip.MustParseAddr("192.0.2.2")}}
		now := time.Now()
		k := intake{t: tr, send: &sender{t: tr}}
		k.group(now, &l, nil, [][]byte{append([]byte(nil), b...)})

		p.mu.Lock()
		q := p.addPathLocked(now, l, p.current, []byte("client"))
		p.checkedLocked(now, q, true)
		p.mu.Unlock()
		k.group(now, &l, q, [][]byte{append([]byte(nil), b...)})

		if err := p.activate(srtp.AEADAES128GCM, make([]byte, srtp.AEADAES128GCM.KeyingSize())); err != nil {
			t.Fatal(err)
		}
		k.group(now, &l, q, [][]byte{append([]byte(nil), b...), b})
		if k.n.stunAnswered != 0 {
			t.Errorf("answered %x", b)
		}
		if len(p.paths) != 1 {
			t.Errorf("the peer has %d paths, want 1", len(p.paths))
		}
		select {
		case <-heard.disconnected:
			t.Errorf("%x ended the connection", b)
		default:
		}
	})
}
