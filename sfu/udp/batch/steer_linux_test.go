package batch

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"conclave/internal/testkit"
)

// TestSteer holds which of the sockets that share an address gets what.
func TestSteer(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "::1"} {
		t.Run(address, func(t *testing.T) {
			at, network := open(t, address).LocalAddr(), "udp4"
			if at.Addr().Is6() {
				network = "udp6"
			}
			at = netip.AddrPortFrom(at.Addr(), 0)
			var group []*Socket
			for range 3 {
				s, err := Listen(network, at, true)
				if err != nil {
					t.Fatalf("Listen() = %v", err)
				}
				defer s.Close()
				at = s.LocalAddr()
				group = append(group, s)
			}
			if err := Steer(group); err != nil {
				testkit.Missing(t, "%v", err)
			}
			shares := map[int]int{}
			for range 32 {
				shares[sendKinds(t, open(t, address), at, group)]++
			}
			if shares[0] == 0 || shares[1] == 0 {
				t.Errorf("32 senders are spread as %v over 2 sockets", shares)
			}
		})
	}
}

// sendKinds sends datagrams of all kinds, and returns which socket gets those that
// are not RTCP.
func sendKinds(t *testing.T, from *Socket, to netip.AddrPort, group []*Socket) int {
	t.Helper()
	w := NewWriter(from)
	socket := -1
	for _, c := range []struct {
		name  string
		bytes []byte
		rtcp  bool
	}{
		{"STUN", []byte{0, 1, 0, 0}, false},
		{"DTLS", []byte{22, 254, 253, 0}, false},
		{"RTP", []byte{0x90, 96, 0, 0}, false},
		{"RTP with marker", []byte{0x90, 0x80 | 96, 0, 0}, false},
		{"below RTCP", []byte{0x80, 191, 0, 0}, false},
		{"sender report", []byte{0x80, 200, 0, 0}, true},
		{"feedback", []byte{0x8f, 205, 0, 0}, true},
		{"first type", []byte{0x80, 192, 0, 0}, true},
		{"last type", []byte{0x80, 223, 0, 0}, true},
		{"above RTCP", []byte{0x80, 224, 0, 0}, false},
	} {
		w.Begin(to, netip.Addr{})
		w.Commit(len(append(w.Buffer(8), c.bytes...)))
		w.Flush()
		got := -1
		for i, s := range group {
			if s.raw.Control(func(fd uintptr) {
				if pending(fd) != unix.EAGAIN {
					got = i
				}
			}) != nil {
				t.Fatal("a socket is closed")
			}
		}
		if got < 0 {
			t.Fatalf("%s: no socket has it", c.name)
		}
		if _, err := group[got].Read(NewReadBatch(group[got])); err != nil {
			t.Fatal(err)
		}
		switch {
		case c.rtcp != (got == len(group)-1):
			t.Errorf("%s went to socket %d of %d", c.name, got, len(group))
		case !c.rtcp && socket >= 0 && got != socket:
			t.Errorf("%s went to socket %d, what came before from the same sender to %d", c.name, got, socket)
		case !c.rtcp:
			socket = got
		}
	}
	return socket
}
