package batch

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSockaddr(t *testing.T) {
	for _, text := range []string{"1.2.3.4:5", "255.0.0.1:65535", "[2001:db8::1]:443", "[::1]:1", "[fe80::1%7]:9000"} {
		want := netip.MustParseAddrPort(text)
		var a sockaddr
		for i := range a {
			a[i] = 0xff
		}
		n := a.put(want)
		if got := a.get(n); got != want {
			t.Errorf("get(put(%v)) = %v", want, got)
		}
		if got := a.get(n - 1); got.IsValid() {
			t.Errorf("get of a short address = %v, want none", got)
		}
	}
	var a sockaddr
	if got := a.get(a.put(netip.MustParseAddrPort("[::ffff:1.2.3.4]:5"))); got != netip.MustParseAddrPort("1.2.3.4:5") {
		t.Errorf("an IPv4 address in IPv6 form = %v, want it in its own form", got)
	}
}

func TestControl(t *testing.T) {
	for _, from := range []string{"", "10.0.0.1", "2001:db8::2"} {
		for _, segment := range []int{0, 1216} {
			addr, _ := netip.ParseAddr(from)
			var c control
			n := c.put(addr, segment)
			if n > controlSize || (n == 0) != (from == "" && segment == 0) {
				t.Errorf("put(%q, %d) = %d bytes", from, segment, n)
			}
			messages, err := unix.ParseSocketControlMessage(c[:n])
			if err != nil {
				t.Fatalf("put(%q, %d) wrote what does not parse: %v", from, segment, err)
			}
			want := 0
			if from != "" {
				want++
			}
			if segment != 0 {
				want++
				last := messages[len(messages)-1]
				if last.Header.Level != unix.SOL_UDP || last.Header.Type != unix.UDP_SEGMENT || len(last.Data) < 2 {
					t.Errorf("put(%q, %d) wrote %+v, want UDP_SEGMENT", from, segment, last)
				}
			}
			if len(messages) != want {
				t.Errorf("put(%q, %d) wrote %d control messages, want %d", from, segment, len(messages), want)
			}
		}
	}
}

// FuzzControl holds that no control message of any shape reads out of bounds.
func FuzzControl(f *testing.F) {
	var c control
	f.Add(append([]byte(nil), c[:c.put(netip.MustParseAddr("10.0.0.1"), 1216)]...))
	f.Add(append([]byte(nil), c[:c.put(netip.MustParseAddr("2001:db8::2"), 1)]...))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 8, 0, 0, 0})
	f.Fuzz(func(_ *testing.T, b []byte) {
		var c control
		c.get(copy(c[:], b))
	})
}
