package udp

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"conclave/sfu/ice"
)

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"no port":           {Listen: "127.0.0.1"},
		"bad port":          {Listen: "127.0.0.1:media"},
		"negative shards":   {Shards: -1},
		"too many shards":   {Shards: maxShards + 1},
		"negative peers":    {MaxPeers: -1},
		"negative rate":     {PeerRate: -1},
		"not our address":   {Listen: "192.0.2.1:0"},
		"unresolvable host": {Listen: "\x00:0"},
	} {
		if tr, err := Listen(cfg); err == nil {
			_ = tr.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

// One port, in both families and all shards; a second server is told that it is taken.
func TestBind(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{Shards: 3})
	addrs := tr.Addrs()
	port := addrs[0].(*net.UDPAddr).Port
	for _, a := range addrs {
		if got := a.(*net.UDPAddr).Port; got != port || got == 0 {
			t.Errorf("listening on %v, want one port", addrs)
		}
	}
	if n := len(tr.Sockets()); n != 3*len(addrs) && n != 4*len(addrs) {
		t.Errorf("%d sockets for %d families, want 3 each, and perhaps one for RTCP", n, len(addrs))
	}
	if second, err := Listen(Config{Listen: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)).String()}); err == nil {
		_ = second.Close()
		t.Error("a second server shares the port")
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if err := tr.Close(); err != nil {
		t.Errorf("Close twice: %v", err)
	}
	again := start(t, Config{Listen: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)).String(), Shards: 1})
	if n := len(again.Addrs()); n != 1 {
		t.Errorf("%d addresses for one host, want 1", n)
	}
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	public := netip.MustParseAddr("192.0.2.7")
	public6 := netip.MustParseAddr("2001:db8::7")
	loopback := netip.MustParseAddr("127.0.0.1")
	for _, c := range []struct {
		name string
		cfg  Config
		want []string // "udp 192.0.2.7"
	}{
		{"configured", Config{Addresses: []netip.Addr{loopback, public, public6}}, []string{"udp 192.0.2.7", "udp 2001:db8::7", "udp 127.0.0.1"}},
		{
			"one family",
			Config{Listen: "127.0.0.1:0", Addresses: []netip.Addr{public, public6}},
			[]string{"udp 192.0.2.7"},
		},
		{"a host", Config{Listen: "127.0.0.1:0"}, []string{"udp 127.0.0.1"}},
		{
			"TCP",
			Config{
				Listen: "127.0.0.1:0", Addresses: []netip.Addr{public, public6},
				TCP: []netip.AddrPort{netip.MustParseAddrPort("[::]:443")},
			},
			[]string{"udp 192.0.2.7", "tcp 192.0.2.7", "tcp 2001:db8::7"},
		},
		{
			"TCP, IPv4",
			Config{
				Listen: "127.0.0.1:0", Addresses: []netip.Addr{public, public6},
				TCP: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:443")},
			},
			[]string{"udp 192.0.2.7", "tcp 192.0.2.7"},
		},
	} {
		tr := start(t, c.cfg)
		var got []string
		for _, x := range tr.Candidates() {
			kind := "udp "
			if x.TCP {
				kind = "tcp "
			}
			if x.Addr.Port() == 0 {
				t.Errorf("%s: candidate without port", c.name)
			}
			got = append(got, kind+x.Addr.Addr().String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: candidates %q, want %q", c.name, got, c.want)
		}
	}
	list := start(t, Config{}).Candidates()
	if !slices.IsSortedFunc(list, func(a, b ice.Candidate) int { return int(b.Priority>>8) - int(a.Priority>>8) }) {
		t.Error("candidates are not in the order of their priority")
	}
	seen := false
	for _, c := range list {
		if a := c.Addr.Addr(); a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
			t.Errorf("candidate %v", a)
		} else if a.IsLoopback() {
			seen = true
		} else if seen {
			t.Error("loopback is not last")
		}
	}
	if !seen {
		t.Error("no loopback candidate")
	}
}

func TestFingerprintText(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	text := tr.Fingerprint()
	if !strings.HasPrefix(text, "sha-256 ") || len(text) != len("sha-256 ")+32*3-1 {
		t.Errorf("fingerprint %q", text)
	}
	list, err := parseFingerprints([]string{text, strings.ToLower(text), text})
	if err != nil || len(list) != 1 || list[0].String() != text || !matches(list, tr.certificate.Certificate[0]) {
		t.Errorf("read as %v, %v", list, err)
	}
}

func FuzzFingerprints(f *testing.F) {
	f.Add("sha-256 00:11")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseFingerprints([]string{text})
		if err != nil {
			return
		}
		again, err := parseFingerprints([]string{list[0].String()})
		if err != nil || again[0] != list[0] {
			t.Errorf("%q is %v, and again %v, %v", text, list, again, err)
		}
	})
}
