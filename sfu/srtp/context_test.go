package srtp

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
)

// rtpHeaderOf returns a header without contributing sources and extension.
func rtpHeaderOf(ssrc uint32, index uint64) []byte {
	return []byte{
		0x80, 96, byte(index >> 8), byte(index), 0, 0, 0, 1,
		byte(ssrc >> 24), byte(ssrc >> 16), byte(ssrc >> 8), byte(ssrc),
	}
}

func TestNewRefuses(t *testing.T) {
	if _, _, err := New(2, make([]byte, 60), true); !errors.Is(err, ErrProfile) {
		t.Errorf("New(profile 2) = %v, want ErrProfile", err)
	}
	for _, p := range profiles {
		for _, n := range []int{0, p.KeyingSize() - 1, p.KeyingSize() + 1} {
			if _, _, err := New(p, make([]byte, n), true); err == nil {
				t.Errorf("%s: New(%d bytes) = nil", p.name(), n)
			}
		}
	}
	var unknown Profile
	if unknown.KeyingSize() != 0 || unknown.Overhead() != 0 {
		t.Error("an unknown profile has sizes")
	}
}

func TestSizes(t *testing.T) {
	for _, tt := range []struct {
		p                 Profile
		keying, rtp, rtcp int
	}{{AES128CMHMACSHA1_80, 60, 10, 14}, {AEADAES128GCM, 56, 16, 20}, {AEADAES256GCM, 88, 16, 20}} {
		if tt.p.KeyingSize() != tt.keying || tt.p.Overhead() != tt.rtp || tt.p.RTCPOverhead() != tt.rtcp {
			t.Errorf("%s: sizes %d, %d, %d, want %d, %d, %d", tt.p.name(),
				tt.p.KeyingSize(), tt.p.Overhead(), tt.p.RTCPOverhead(), tt.keying, tt.rtp, tt.rtcp)
		}
	}
}

// TestOrder opens packets in an order of indices and wants a verdict for each.
func TestOrder(t *testing.T) {
	type step struct {
		index uint64
		want  error
	}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"replay", []step{{5, nil}, {5, ErrReplay}, {6, nil}, {5, ErrReplay}, {6, ErrReplay}}},
		{"reorder", []step{{9, nil}, {7, nil}, {8, nil}, {7, ErrReplay}, {8, ErrReplay}, {9, ErrReplay}}},
		{"oldest in the window", []step{{2000, nil}, {2001 - windowSize, nil}, {2000 - windowSize, ErrReplay}}},
		{"window moves on", []step{{1, nil}, {2, nil}, {1 + windowSize, nil}, {2, ErrReplay}, {3, nil}, {1, ErrReplay}, {3 + 2*windowSize, nil}, {3 + windowSize, ErrReplay}, {4 + windowSize, nil}}},
		{"wrap", []step{{65534, nil}, {65535, nil}, {65536, nil}, {65537, nil}, {65535, ErrReplay}}},
		{"wrap with loss", []step{{65000, nil}, {66500, nil}, {66000, nil}}},
		{"late across the wrap", []step{{65530, nil}, {65540, nil}, {65535, nil}, {65536, nil}, {65531, nil}, {65535, ErrReplay}}},
		{"many wraps", []step{{60000, nil}, {90000, nil}, {120000, nil}, {150000, nil}, {180000, nil}, {180001, nil}}},
		{"before the first packet", []step{{3, nil}, {1, nil}, {0, nil}, {2, nil}, {0, ErrReplay}}},
		{"half a turn and more is taken for the past", []step{{65000, nil}, {65636, nil}, {65636 + 32769, ErrReplay}, {65636 + 32768, nil}}},
		{"nothing is before the first turn", []step{{100, nil}, {100 + 32769, nil}}},
		{"lost too much of the next turn", []step{{40000, nil}, {40000 + 32769, ErrReplay}}},
	} {
		for _, p := range profiles {
			t.Run(tt.name+"/"+p.name(), func(t *testing.T) {
				client, _, _, opener := connect(t, p)
				for i, s := range tt.steps {
					header := rtpHeaderOf(7, s.index)
					_, err := opener.Open(client.Seal(nil, header, []byte("payload"), s.index))
					if !errors.Is(err, s.want) || (s.want == nil && err != nil) {
						t.Errorf("step %d: Open(%d) = %v, want %v", i, s.index, err, s.want)
					}
				}
			})
		}
	}
}

// TestTamper changes each byte of a packet, and cuts it at each length.
func TestTamper(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.name(), func(t *testing.T) {
			client, _, _, opener := connect(t, p)
			header := append(rtpHeaderOf(7, 1), 0, 0, 0, 9, 0xBE, 0xDE, 0, 1, 0x10, 1, 0, 0)
			header[0] = 0x91
			rtp := client.Seal(nil, header, []byte("payload"), 1)
			rtcp, err := client.SealRTCP(nil, []byte{0x80, 201, 0, 3, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8})
			if err != nil {
				t.Fatal(err)
			}
			tamper(t, "Open", rtp, opener.Open)
			tamper(t, "OpenRTCP", rtcp, opener.OpenRTCP)
			if n := len(opener.rtp.active) + len(opener.rtcp.active); n != 0 {
				t.Errorf("forged packets left %d sources", n)
			}
			if got, err := opener.Open(rtp); err != nil || string(got) != string(header)+"payload" {
				t.Errorf("Open() after forgeries = %q, %v", got, err)
			}
			if _, err := opener.OpenRTCP(rtcp); err != nil {
				t.Errorf("OpenRTCP() after forgeries = %v", err)
			}
		})
	}
}

func tamper(t *testing.T, name string, packet []byte, open func([]byte) ([]byte, error)) {
	t.Helper()
	for i := range packet {
		for _, bit := range []byte{0x01, 0x10, 0x80} {
			b := bytes.Clone(packet)
			b[i] ^= bit
			if _, err := open(b); !errors.Is(err, ErrAuth) && !errors.Is(err, ErrShort) {
				t.Errorf("%s() with bit %#x of byte %d changed = %v", name, bit, i, err)
			}
		}
		if _, err := open(bytes.Clone(packet[:i])); !errors.Is(err, ErrAuth) && !errors.Is(err, ErrShort) {
			t.Errorf("%s() of the first %d bytes = %v", name, i, err)
		}
	}
	if _, err := open(append(bytes.Clone(packet), 0)); !errors.Is(err, ErrAuth) {
		t.Errorf("%s() with a byte more = %v", name, err)
	}
}

func TestWrongKey(t *testing.T) {
	for _, p := range profiles {
		client, server, clientOpener, _ := connect(t, p)
		_, other, err := New(p, material(p, 2), true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Open(client.Seal(nil, rtpHeaderOf(1, 1), nil, 1)); !errors.Is(err, ErrAuth) {
			t.Errorf("%s: Open() with another key = %v", p.name(), err)
		}
		// What one side sent does not open as if the other had sent it.
		if _, err := clientOpener.Open(client.Seal(nil, rtpHeaderOf(1, 1), nil, 1)); !errors.Is(err, ErrAuth) {
			t.Errorf("%s: Open() of the own packet = %v", p.name(), err)
		}
		if _, err := clientOpener.Open(server.Seal(nil, rtpHeaderOf(1, 1), nil, 1)); err != nil {
			t.Errorf("%s: Open() = %v", p.name(), err)
		}
	}
}

func TestSealRefuses(t *testing.T) {
	for _, p := range profiles {
		client, _, _, _ := connect(t, p)
		good := rtpHeaderOf(1, 7)
		extended := bytes.Clone(good)
		extended[0] = 0x91
		for _, tt := range []struct {
			name   string
			header []byte
			index  uint64
		}{
			{"short", good[:11], 7},
			{"no header", nil, 7},
			{"version", append([]byte{0x40}, good[1:]...), 7},
			{"payload in the header", append(bytes.Clone(good), 1), 7},
			{"cut contributing source", extended, 7},
			{"another sequence number", good, 8},
			{"index of 49 bits", good, 1<<48 | 7},
		} {
			if got := client.Seal([]byte("x"), tt.header, []byte("p"), tt.index); string(got) != "x" {
				t.Errorf("%s, %s: Seal() = %x, want nothing appended", p.name(), tt.name, got)
			}
		}
		if _, err := client.SealRTCP(nil, make([]byte, 8)); !errors.Is(err, ErrShort) {
			t.Errorf("SealRTCP(version 0) = %v", err)
		}
		if _, err := client.SealRTCP(nil, []byte{0x80, 200, 0, 0}); !errors.Is(err, ErrShort) {
			t.Errorf("SealRTCP(4 bytes) = %v", err)
		}
	}
}

func TestRTCP(t *testing.T) {
	packet := []byte{0x80, 201, 0, 1, 0, 0, 0, 7}
	for _, p := range profiles {
		client, _, _, opener := connect(t, p)
		var all [][]byte
		for range 3 {
			b, err := client.SealRTCP(nil, packet)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
		for _, i := range []int{2, 0, 1} {
			if got, err := opener.OpenRTCP(bytes.Clone(all[i])); err != nil || !bytes.Equal(got, packet) {
				t.Errorf("%s: OpenRTCP(%d) = %x, %v", p.name(), i, got, err)
			}
			if _, err := opener.OpenRTCP(bytes.Clone(all[i])); !errors.Is(err, ErrReplay) {
				t.Errorf("%s: OpenRTCP(%d) again = %v, want ErrReplay", p.name(), i, err)
			}
		}
		client.rtcp.Store(maxRTCP - 1)
		last, err := client.SealRTCP(nil, packet)
		if err != nil {
			t.Errorf("%s: the last SealRTCP() = %v", p.name(), err)
		}
		if _, err := opener.OpenRTCP(last); err != nil {
			t.Errorf("%s: OpenRTCP() of the last = %v", p.name(), err)
		}
		for range 2 {
			if got, err := client.SealRTCP([]byte("x"), packet); !errors.Is(err, ErrExhausted) || string(got) != "x" {
				t.Errorf("%s: SealRTCP() after the last = %x, %v, want ErrExhausted", p.name(), got, err)
			}
		}
	}
}

// TestUnencryptedRTCP authenticates a packet without the E bit, as RFC 3711
// allows a sender, and wants it refused.
func TestUnencryptedRTCP(t *testing.T) {
	client, _, _, opener := connect(t, AES128CMHMACSHA1_80)
	c, ok := client.out.(*counterMode)
	if !ok {
		t.Fatal("no AES-CM")
	}
	b := []byte{0x80, 201, 0, 1, 0, 0, 0, 7, 0, 0, 0, 1}
	b = append(b, c.rtcp.mac().tag(b, nil)...)
	if _, err := opener.OpenRTCP(b); !errors.Is(err, ErrAuth) {
		t.Errorf("OpenRTCP() without the E bit = %v, want ErrAuth", err)
	}
}

// TestExhausted: the index has 48 bits.
func TestExhausted(t *testing.T) {
	client, _, _, opener := connect(t, AEADAES128GCM)
	b := client.Seal(nil, rtpHeaderOf(1, maxIndex), nil, maxIndex)
	opener.rtp.accept(opener.rtp.find(1), maxIndex-1)
	if _, err := opener.Open(b); err != nil {
		t.Errorf("Open() of the last packet = %v", err)
	}
	if _, err := opener.Open(append(rtpHeaderOf(1, 0), make([]byte, 16)...)); !errors.Is(err, ErrExhausted) {
		t.Errorf("Open() after the last packet = %v, want ErrExhausted", err)
	}
}

// TestWindow compares with a set of all indices.
func TestWindow(t *testing.T) {
	var w window
	seen := map[uint64]bool{}
	highest, random := uint64(5000), uint64(1)
	for n := range 200_000 {
		random = random*6364136223846793005 + 1442695040888963407
		index := highest + random>>60 - 7
		switch random >> 52 & 0xFF {
		case 0:
			index = highest + random>>40&0xFFF
		case 1, 2, 3:
			index = highest - random>>40&0x7FF
		}
		want := !seen[index] && (n == 0 || index+windowSize > highest)
		if n == 0 {
			highest = index
		}
		if got := w.fresh(index); got != want {
			t.Fatalf("step %d: fresh(%d) = %v with highest %d, want %v", n, index, got, highest, want)
		}
		if want {
			w.accept(index)
			seen[index] = true
			highest = max(highest, index)
		}
	}
}

// TestConcurrent seals from several goroutines at once.
func TestConcurrent(t *testing.T) {
	for _, p := range profiles {
		client, _, _, opener := connect(t, p)
		const each = 200
		var sealed [4][][]byte
		var rtcp [4][][]byte
		var wg sync.WaitGroup
		for g := range sealed {
			wg.Go(func() {
				for n := range uint64(each) {
					sealed[g] = append(sealed[g], client.Seal(nil, rtpHeaderOf(uint32(g), n), []byte("payload"), n))
					b, err := client.SealRTCP(nil, []byte{0x80, 201, 0, 1, 0, 0, 0, 7})
					if err != nil {
						t.Error(err)
					}
					rtcp[g] = append(rtcp[g], b)
				}
			})
		}
		wg.Wait()
		for g := range sealed {
			for n := range each {
				if _, err := opener.Open(sealed[g][n]); err != nil {
					t.Fatalf("%s: Open() = %v", p.name(), err)
				}
				if _, err := opener.OpenRTCP(rtcp[g][n]); err != nil {
					t.Fatalf("%s: OpenRTCP() = %v", p.name(), err)
				}
			}
		}
	}
}

func TestNoKeysPrinted(t *testing.T) {
	client, _, _, opener := connect(t, AEADAES128GCM)
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s", "%d"} {
		if got := fmt.Sprintf(verb+" "+verb, client, opener); got != "[sealer] [opener]" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
}
