package srtp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pion/srtp/v3"
)

var profiles = []Profile{AES128CMHMACSHA1_80, AEADAES128GCM, AEADAES256GCM}

func (p Profile) name() string {
	return map[Profile]string{AES128CMHMACSHA1_80: "AES-CM", AEADAES128GCM: "GCM-128", AEADAES256GCM: "GCM-256"}[p]
}

// material returns keying material, the same for a seed.
func material(p Profile, seed byte) []byte {
	b := make([]byte, p.KeyingSize())
	for i := range b {
		b[i] = byte(i)*7 + seed
	}
	return b
}

// connect returns a client's and a server's contexts.
func connect(t testing.TB, p Profile) (client, server *Sealer, clientOpener, serverOpener *Opener) {
	t.Helper()
	client, clientOpener, err := New(p, material(p, 1), false)
	if err != nil {
		t.Fatal(err)
	}
	server, serverOpener, err = New(p, material(p, 1), true)
	if err != nil {
		t.Fatal(err)
	}
	return client, server, clientOpener, serverOpener
}

// pionContexts returns pion's view of the same connection: one context for what
// the client sends and one for what the server sends.
func pionContexts(t testing.TB, p Profile) (client, server *srtp.Context) {
	t.Helper()
	s, err := p.sizes()
	if err != nil {
		t.Fatal(err)
	}
	c, v := split(material(p, 1), s)
	client, err = srtp.CreateContext(c.key, c.salt, srtp.ProtectionProfile(p), srtp.SRTPReplayProtection(windowSize))
	if err != nil {
		t.Fatal(err)
	}
	server, err = srtp.CreateContext(v.key, v.salt, srtp.ProtectionProfile(p), srtp.SRTPReplayProtection(windowSize))
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

// randomPacket returns an RTP packet and the size of its header.
func randomPacket(r *rand.Rand, ssrc uint32, sequence uint16) (packet []byte, header int) {
	csrc := r.IntN(16)
	b := make([]byte, rtpHeader+4*csrc, 2000)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	b[0], b[1] = 0x80|byte(csrc), byte(r.IntN(256))
	b[2], b[3] = byte(sequence>>8), byte(sequence)
	b[8], b[9], b[10], b[11] = byte(ssrc>>24), byte(ssrc>>16), byte(ssrc>>8), byte(ssrc)
	if r.IntN(2) == 0 { // an extension of one-byte elements
		words := r.IntN(5)
		b[0] |= 0x10
		b = append(b, 0xBE, 0xDE, 0, byte(words))
		for range words {
			b = append(b, 0x12, byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()))
		}
	}
	header = len(b)
	for range r.IntN(1300) {
		b = append(b, byte(r.Uint32()))
	}
	if r.IntN(4) == 0 { // padding
		n := 1 + r.IntN(255)
		b[0] |= 0x20
		b = append(b, make([]byte, n)...)
		b[len(b)-1] = byte(n)
	}
	return b, header
}

// randomRTCP returns a compound RTCP packet: a sender report and more.
func randomRTCP(r *rand.Rand) []byte {
	b := make([]byte, 28+4*r.IntN(50))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	words := len(b)/4 - 1
	copy(b, []byte{0x80, 200, byte(words >> 8), byte(words)})
	return b
}

// TestPionRTP sends random packets both ways between this package and pion's,
// across a wrap of the sequence number.
func TestPionRTP(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.name(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(p)))
			client, server, clientOpener, serverOpener := connect(t, p)
			pionClient, pionServer := pionContexts(t, p)
			for n := uint64(65000); n < 66200; n++ {
				packet, header := randomPacket(r, uint32(n%3), uint16(n))

				sealed := client.Seal([]byte("before"), packet[:header], packet[header:], n)
				if string(sealed[:6]) != "before" || len(sealed) != 6+len(packet)+p.Overhead() {
					t.Fatalf("packet %d: Seal() = %d bytes for %d", n, len(sealed), len(packet))
				}
				got, err := pionClient.DecryptRTP(nil, sealed[6:], nil)
				if err != nil || !bytes.Equal(got, packet) {
					t.Fatalf("packet %d: pion reads %x, %v, want %x", n, got, err, packet)
				}
				if got, err := serverOpener.Open(sealed[6:]); err != nil || !bytes.Equal(got, packet) {
					t.Fatalf("packet %d: Open() = %x, %v, want %x", n, got, err, packet)
				}

				sealed, err = pionServer.EncryptRTP(nil, packet, nil)
				if err != nil {
					t.Fatal(err)
				}
				if own := server.Seal(nil, packet[:header], packet[header:], n); !bytes.Equal(own, sealed) {
					t.Fatalf("packet %d: Seal() = %x, pion seals %x", n, own, sealed)
				}
				if got, err := clientOpener.Open(sealed); err != nil || !bytes.Equal(got, packet) {
					t.Fatalf("packet %d: Open() of pion's = %x, %v, want %x", n, got, err, packet)
				}
			}
		})
	}
}

func TestPionRTCP(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.name(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(2, uint64(p)))
			client, _, clientOpener, serverOpener := connect(t, p)
			pionClient, pionServer := pionContexts(t, p)
			for n := range 300 {
				packet := randomRTCP(r)
				sealed, err := client.SealRTCP(nil, packet)
				if err != nil || len(sealed) != len(packet)+p.RTCPOverhead() {
					t.Fatalf("packet %d: SealRTCP() = %d bytes, %v, for %d", n, len(sealed), err, len(packet))
				}
				if got, err := pionClient.DecryptRTCP(nil, sealed, nil); err != nil || !bytes.Equal(got, packet) {
					t.Fatalf("packet %d: pion reads %x, %v, want %x", n, got, err, packet)
				}
				if got, err := serverOpener.OpenRTCP(sealed); err != nil || !bytes.Equal(got, packet) {
					t.Fatalf("packet %d: OpenRTCP() = %x, %v, want %x", n, got, err, packet)
				}
				if sealed, err = pionServer.EncryptRTCP(nil, packet, nil); err != nil {
					t.Fatal(err)
				}
				if got, err := clientOpener.OpenRTCP(sealed); err != nil || !bytes.Equal(got, packet) {
					t.Fatalf("packet %d: OpenRTCP() of pion's = %x, %v, want %x", n, got, err, packet)
				}
			}
		})
	}
}

// TestPionAgrees gives both openers the same stream, reordered, repeated and
// with jumps of thousands, and wants the same verdicts.
func TestPionAgrees(t *testing.T) {
	const p = AEADAES128GCM
	r := rand.New(rand.NewPCG(3, 3))
	client, _, _, opener := connect(t, p)
	pion, _ := pionContexts(t, p)
	at := int64(30000)
	var verdicts [2]int
	for n := range 20000 {
		switch r.IntN(40) {
		case 0:
			at += int64(r.IntN(20000))
		default:
			at++
		}
		index := max(at-int64(r.IntN(30)), 0)
		if r.IntN(50) == 0 {
			index = max(at-int64(r.IntN(3000)), 0)
		}
		header := []byte{0x80, 96, byte(index >> 8), byte(index), 0, 0, 0, 0, 0, 0, 0, 1}
		sealed := client.Seal(nil, header, []byte("payload"), uint64(index))
		_, pionErr := pion.DecryptRTP(nil, sealed, nil)
		_, err := opener.Open(sealed)
		if (err == nil) != (pionErr == nil) {
			t.Fatalf("packet %d, index %d of %d: Open() = %v, pion %v", n, index, at, err, pionErr)
		}
		if err == nil {
			verdicts[0]++
		} else {
			verdicts[1]++
		}
	}
	if verdicts[0] < 1000 || verdicts[1] < 1000 {
		t.Errorf("%d packets taken and %d refused; the test wants many of both", verdicts[0], verdicts[1])
	}
}

func BenchmarkSeal(b *testing.B) {
	for _, p := range profiles {
		header := []byte{0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
		payload := make([]byte, 1200-len(header))
		client, _, _, _ := connect(b, p)
		pion, _ := pionContexts(b, p)
		b.Run(fmt.Sprintf("%s/own", p.name()), func(b *testing.B) {
			dst := make([]byte, 0, 1500)
			var n uint64
			b.ReportAllocs()
			for b.Loop() {
				header[2], header[3] = byte(n>>8), byte(n)
				if dst = client.Seal(dst[:0], header, payload, n); len(dst) < 1200 {
					b.Fatal("nothing sealed")
				}
				n++
			}
		})
		b.Run(fmt.Sprintf("%s/pion", p.name()), func(b *testing.B) {
			dst, packet := make([]byte, 1500), append(bytes.Clone(header), payload...)
			var n uint64
			var err error
			b.ReportAllocs()
			for b.Loop() {
				packet[2], packet[3] = byte(n>>8), byte(n)
				if dst, err = pion.EncryptRTP(dst, packet, nil); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, p := range profiles {
		header := []byte{0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
		payload := make([]byte, 1200-len(header))
		client, _, _, opener := connect(b, p)
		sealed := make([][]byte, 1<<12)
		for n := range sealed {
			header[2], header[3] = byte(n>>8), byte(n)
			sealed[n] = client.Seal(nil, header, payload, uint64(n))
		}
		buf := make([]byte, 1500)
		b.Run(fmt.Sprintf("%s/own", p.name()), func(b *testing.B) {
			n := len(sealed)
			b.ReportAllocs()
			for b.Loop() {
				if n == len(sealed) {
					opener.rtp, n = sources{}, 0
				}
				if _, err := opener.Open(buf[:copy(buf, sealed[n])]); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
		b.Run(fmt.Sprintf("%s/pion", p.name()), func(b *testing.B) {
			n := len(sealed)
			var pion *srtp.Context
			b.ReportAllocs()
			for b.Loop() {
				if n == len(sealed) {
					pion, _ = pionContexts(b, p)
					n = 0
				}
				if _, err := pion.DecryptRTP(buf, sealed[n], nil); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}
