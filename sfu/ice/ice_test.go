package ice

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

const (
	password = "an ice password of ours!"
	username = "ourfragment12345:theirs"
)

var from = netip.MustParseAddrPort("192.0.2.1:32853")

// check returns a check as pion writes it.
func check(t testing.TB, setters ...stun.Setter) []byte {
	t.Helper()
	all := append([]stun.Setter{stun.BindingRequest, stun.TransactionID, stun.NewUsername(username)}, setters...)
	m, err := stun.Build(append(all, stun.NewShortTermIntegrity(password), stun.Fingerprint)...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

// answer reads an answer with pion, which checks what it can.
func answer(t *testing.T, request, b []byte) *stun.Message {
	t.Helper()
	if len(b) > 3*len(request) || len(b) > MaxResponse {
		t.Errorf("an answer of %d bytes to %d", len(b), len(request))
	}
	m := &stun.Message{Raw: b}
	if err := m.Decode(); err != nil {
		t.Fatalf("answer %x: %v", b, err)
	}
	if !bytes.Equal(m.TransactionID[:], request[8:headerSize]) {
		t.Error("another transaction")
	}
	if err := stun.NewShortTermIntegrity(password).Check(m); err != nil {
		t.Errorf("integrity of the answer: %v", err)
	}
	if err := stun.Fingerprint.Check(m); err != nil {
		t.Errorf("fingerprint of the answer: %v", err)
	}
	return m
}

func TestSuccess(t *testing.T) {
	t.Parallel()
	for _, addr := range []netip.AddrPort{
		from, netip.MustParseAddrPort("[2001:db8:1234:5678:11:2233:4455:6677]:32853"), netip.MustParseAddrPort("[::ffff:192.0.2.9]:1"),
	} {
		b := check(
			t, ice.PriorityAttr(7), ice.AttrControlling(99), ice.UseCandidate(),
			stun.RawAttribute{Type: 0xC057, Value: []byte{1, 2, 3, 4, 5}}, // unknown, may be
		)
		var r Request
		if !r.Read(b) {
			t.Fatal("a good check is not read")
		}
		ours, theirs := r.Username()
		if string(ours) != "ourfragment12345" || string(theirs) != "theirs" {
			t.Errorf("username %q, %q", ours, theirs)
		}
		if !r.UseCandidate || r.Priority != 7 || r.Conflict || !r.Acceptable() {
			t.Errorf("read as %+v", r)
		}
		if r.Authenticate(password+"!") || r.Authenticate("") || !r.Authenticate(password) {
			t.Error("authenticated by the wrong password, or not by the right one")
		}
		prefix := []byte("xyz")
		m := answer(t, b, bytes.TrimPrefix(r.Respond(prefix, addr, password), prefix))
		if m.Type != stun.BindingSuccess {
			t.Errorf("answer %v", m.Type)
		}
		var x stun.XORMappedAddress
		if err := x.GetFrom(m); err != nil {
			t.Fatal(err)
		}
		if got, _ := netip.AddrFromSlice(x.IP); got.Unmap() != addr.Addr().Unmap() || x.Port != int(addr.Port()) {
			t.Errorf("address %v, want %v", x, addr)
		}
	}
}

func TestRoleConflict(t *testing.T) {
	t.Parallel()
	b := check(t, ice.PriorityAttr(7), ice.AttrControlled(1))
	var r Request
	if !r.Read(b) || !r.Authenticate(password) || r.Acceptable() {
		t.Fatalf("read as %+v", r)
	}
	m := answer(t, b, r.Respond(nil, from, password))
	var e stun.ErrorCodeAttribute
	if err := e.GetFrom(m); err != nil || e.Code != stun.CodeRoleConflict || m.Type != stun.BindingError {
		t.Errorf("answer %v, %v, %v", m.Type, e, err)
	}
}

func TestUnknownAttributes(t *testing.T) {
	t.Parallel()
	var more []stun.Setter
	for i := range 6 {
		more = append(more, stun.RawAttribute{Type: stun.AttrType(0x4001 + i), Value: []byte("x")})
	}
	b := check(t, append(more, ice.AttrControlled(1))...)
	var r Request
	if !r.Read(b) || !r.Authenticate(password) || r.Acceptable() {
		t.Fatalf("read as %+v", r)
	}
	m := answer(t, b, r.Respond(nil, from, password))
	var e stun.ErrorCodeAttribute
	if err := e.GetFrom(m); err != nil || e.Code != stun.CodeUnknownAttribute {
		t.Errorf("answer %v, %v", e, err)
	}
	var u stun.UnknownAttributes
	if err := u.GetFrom(m); err != nil || !slices.Equal(u, stun.UnknownAttributes{0x4001, 0x4002, 0x4003, 0x4004}) {
		t.Errorf("unknown attributes %v, %v", u, err)
	}
	for _, b := range [][]byte{check(t, more[0]), check(t, ice.AttrControlled(1))} {
		if !r.Read(b) {
			t.Fatal("not read")
		}
		answer(t, b, r.Respond(nil, from, password))
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	build := func(setters ...stun.Setter) []byte {
		m, err := stun.Build(setters...)
		if err != nil {
			t.Fatal(err)
		}
		return m.Raw
	}
	integrity, user := stun.NewShortTermIntegrity(password), stun.NewUsername(username)
	for name, b := range map[string][]byte{
		"empty":          nil,
		"indication":     build(stun.NewType(stun.MethodBinding, stun.ClassIndication), stun.TransactionID, user, integrity, stun.Fingerprint),
		"answer":         build(stun.BindingSuccess, stun.TransactionID, user, integrity, stun.Fingerprint),
		"allocation":     build(stun.NewType(stun.MethodAllocate, stun.ClassRequest), stun.TransactionID, user, integrity, stun.Fingerprint),
		"no username":    build(stun.BindingRequest, stun.TransactionID, integrity, stun.Fingerprint),
		"no integrity":   build(stun.BindingRequest, stun.TransactionID, user, stun.Fingerprint),
		"no fingerprint": build(stun.BindingRequest, stun.TransactionID, user, integrity),
		"late username":  build(stun.BindingRequest, stun.TransactionID, integrity, user, stun.Fingerprint),
		"long username": build(stun.BindingRequest, stun.TransactionID,
			stun.RawAttribute{Type: stun.AttrUsername, Value: make([]byte, maxUsername)}, integrity, stun.Fingerprint),
		"short integrity": build(stun.BindingRequest, stun.TransactionID, user,
			stun.RawAttribute{Type: stun.AttrMessageIntegrity, Value: make([]byte, 16)}, stun.Fingerprint),
		"priority of 2": build(stun.BindingRequest, stun.TransactionID, user,
			stun.RawAttribute{Type: stun.AttrPriority, Value: make([]byte, 2)}, integrity, stun.Fingerprint),
		"more behind the fingerprint": build(stun.BindingRequest, stun.TransactionID, user, integrity, stun.Fingerprint, stun.NewSoftware("x")),
	} {
		var r Request
		if r.Read(b) {
			t.Errorf("%s: read", name)
		}
	}
	// One bit or the end missing: nobody takes it for authentic.
	good := check(t, ice.PriorityAttr(7), ice.AttrControlling(99))
	for i := range good {
		var r Request
		if r.Read(good[:i]) {
			t.Errorf("the first %d bytes are read", i)
		}
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if r.Read(bad) && r.Authenticate(password) {
				t.Errorf("authentic with bit %d of byte %d changed", bit, i)
			}
		}
	}
}

// What follows MESSAGE-INTEGRITY is not authenticated and does not count.
func TestBehindIntegrity(t *testing.T) {
	t.Parallel()
	m, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername(username), stun.NewShortTermIntegrity(password),
		ice.UseCandidate(), ice.AttrControlled(1), stun.RawAttribute{Type: 0x4000}, stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	var r Request
	if !r.Read(m.Raw) || !r.Authenticate(password) || r.UseCandidate || r.Conflict || !r.Acceptable() {
		t.Errorf("read as %+v", r)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RFC 5769, Sections 2.1 to 2.3.
const (
	rfcPassword = "VOkJxbRl1RmTxUk/WvJxBt"
	rfcRequest  = `000100582112a442b7e7a701bc34d686fa87dfae
		802200105354554e207465737420636c69656e74 002400046e0001ff 80290008932ff9b151263b36
		000600096576746a3a68367659202020 000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004e57a3bcf`
	rfcAnswer4 = `0101003c2112a442b7e7a701bc34d686fa87dfae
		8022000b7465737420766563746f7220 002000080001a147e112a643
		000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004c07d4c96`
	rfcAnswer6 = `010100482112a442b7e7a701bc34d686fa87dfae
		8022000b7465737420766563746f7220 002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9
		00080014a382954e4be67bf11784c97c8292c275bfe3ed41 80280004c8fb0b4c`
)

func TestVectors(t *testing.T) {
	t.Parallel()
	var r Request
	if !r.Read(unhex(t, rfcRequest)) || !r.Authenticate(rfcPassword) {
		t.Fatal("the request of Section 2.1 is refused")
	}
	ours, theirs := r.Username()
	if string(ours) != "evtj" || string(theirs) != "h6vY" || r.Priority != 0x6e0001ff || !r.Conflict {
		t.Errorf("read as %q, %q, %+v", ours, theirs, r)
	}
	const trailer = attributeSize + integritySize + attributeSize + fingerprintSize
	for _, c := range []struct{ answer, addr string }{
		{rfcAnswer4, "192.0.2.1:32853"},
		{rfcAnswer6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"},
	} {
		want := unhex(t, c.answer)
		// The vectors have SOFTWARE in front, which we do not send.
		head := bytes.Clone(want[:headerSize+16])
		head[2], head[3] = 0, 0
		b := appendAddress(bytes.Clone(head), want[4:headerSize], netip.MustParseAddrPort(c.addr))
		if !bytes.Equal(b[4:], want[4:len(want)-trailer]) {
			t.Errorf("address %x, want %x", b[4:], want[4:len(want)-trailer])
		}
		if got := seal(b, 0, rfcPassword); !bytes.Equal(got, want) {
			t.Errorf("sealed as %x, want %x", got, want)
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		c := GenerateCredentials()
		if len(c.Ufrag) != UfragLength || len(c.Password) < 22 || seen[c.Ufrag] || seen[c.Password] {
			t.Errorf("credentials %q, %q", c.Ufrag, c.Password)
		}
		if strings.ContainsFunc(c.Ufrag+c.Password, func(r rune) bool {
			return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", r)
		}) {
			t.Errorf("%q or %q has a character that is not an ice-char", c.Ufrag, c.Password)
		}
		seen[c.Ufrag], seen[c.Password] = true, true
	}
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	a := netip.MustParseAddrPort("192.0.2.1:5000")
	b := netip.MustParseAddrPort("[2001:db8::1]:5000")
	list := Candidates([]netip.AddrPort{a, b}, []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:443")})
	var texts []string
	for i, c := range list {
		texts = append(texts, c.String())
		p, err := ice.UnmarshalCandidate(c.String())
		if err != nil {
			t.Fatalf("pion on %q: %v", c, err)
		}
		if p.Priority() != c.Priority || p.Port() != int(c.Addr.Port()) || p.Address() != c.Addr.Addr().String() ||
			p.Type() != ice.CandidateTypeHost || p.NetworkType().IsUDP() == c.TCP || (p.TCPType() == ice.TCPTypePassive) != c.TCP {
			t.Errorf("pion reads %q as %v", c, p)
		}
		if i > 0 && c.Priority >= list[i-1].Priority {
			t.Errorf("candidate %d has a priority of %d, the one before %d", i, c.Priority, list[i-1].Priority)
		}
	}
	want := []string{
		"1 1 udp 2130706431 192.0.2.1 5000 typ host",
		"2 1 udp 2130706175 2001:db8::1 5000 typ host",
		"3 1 tcp 1520435199 192.0.2.1 443 typ host tcptype passive",
	}
	if !slices.Equal(texts, want) {
		t.Errorf("candidates %q, want %q", texts, want)
	}
	if len(Candidates(make([]netip.AddrPort, 1<<16+10), nil)) != 1<<16+10 {
		t.Error("many candidates are not taken")
	}
}

func FuzzRequest(f *testing.F) {
	f.Add(unhex(f, rfcRequest))
	f.Add(check(f, ice.PriorityAttr(7), ice.AttrControlling(99), ice.UseCandidate()))
	f.Add(check(f, stun.RawAttribute{Type: 0x4000}))
	f.Fuzz(func(t *testing.T, b []byte) {
		// Make something near a message right, so that more than its first bytes is looked at.
		if len(b) >= headerSize+8 {
			b = bytes.Clone(b)
			b[0], b[1] = 0, 1
			b[2], b[3] = byte((len(b)-headerSize)>>8), byte(len(b)-headerSize)
			copy(b[4:], []byte{0x21, 0x12, 0xA4, 0x42})
			at := len(b) - 8
			sum := fingerprint(b[:at])
			copy(b[at:], []byte{0x80, 0x28, 0, 4, byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
		}
		var r Request
		if !r.Read(b) {
			return
		}
		m := &stun.Message{Raw: b}
		if err := m.Decode(); err != nil {
			t.Fatalf("pion does not read %x: %v", b, err)
		}
		if r.Authenticate(password) != (stun.NewShortTermIntegrity(password).Check(m) == nil) {
			t.Errorf("pion has another opinion on the integrity of %x", b)
		}
		ours, theirs := r.Username()
		if got := string(ours) + ":" + string(theirs); len(theirs) > 0 && got != string(r.username) {
			t.Errorf("username %q", got)
		}
		answer(t, b, r.Respond(nil, from, password))
	})
}

func BenchmarkRespond(b *testing.B) {
	request := check(b, ice.PriorityAttr(7), ice.AttrControlling(rand.Uint64()), ice.UseCandidate())
	buf := make([]byte, 0, MaxResponse)
	b.ReportAllocs()
	for b.Loop() {
		var r Request
		if !r.Read(request) || !r.Authenticate(password) {
			b.Fatal("refused")
		}
		r.Respond(buf, from, password)
	}
}
