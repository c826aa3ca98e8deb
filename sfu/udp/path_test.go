package udp

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"conclave/sfu/rtp"
)

// send sends one packet to a peer.
func send(tr *Transport, p *Peer, sequence uint16, payload string) {
	var out rtp.Output
	out.Packets = append(out.Packets, rtp.Outbound{
		To:     p,
		Header: rtp.AppendHeader(nil, &rtp.Header{PayloadType: 100, Sequence: sequence, SSRC: 9}, nil), Payload: []byte(payload),
		Index: uint64(sequence),
	})
	tr.Send(&out)
}

// goesTo reports the remote address of the selected path.
func goesTo(p *Peer) string {
	if q := p.selected.Load(); q != nil {
		return q.link.remote.String()
	}
	return ""
}

func TestNominatedPath(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	p, c, f := connected(t, tr)
	talk(t, tr, p, c, f, 1)
	first := goesTo(p)

	second := c.bind()
	c.ask(false)
	if got := goesTo(p); got != first {
		t.Fatal("a check without nomination moved the path")
	}
	c.ask(true)
	eventually(t, "the nominated path is used", func() bool { return goesTo(p) == second.LocalAddr().String() })
	if n := tr.Stats().AddressChanges.Load(); n != 1 {
		t.Errorf("%d address changes, want 1", n)
	}
	talk(t, tr, p, c, f, 2) // and back, over the new socket
	send(tr, p, 3, "new")
	if got := c.next(); !bytes.HasSuffix(got, []byte("new")) {
		t.Errorf("client got %x", got)
	}
}

// Media from another proven path moves the selected one, but only once that is silent.
func TestSilentPath(t *testing.T) {
	t.Parallel()
	tr, clock := startAt(t, Config{})
	p, c, f := connected(t, tr)
	talk(t, tr, p, c, f, 1)
	first := goesTo(p)

	second := c.bind()
	c.ask(false)
	talk := func(sequence uint16) {
		c.write(c.packet(7, sequence, []byte("x")))
		f.next(t)
	}
	talk(2)
	if got := goesTo(p); got != first {
		t.Fatal("media moved a path that was not silent")
	}
	clock.advance(silence + time.Second)
	talk(3)
	eventually(t, "the path that is alive is used", func() bool { return goesTo(p) == second.LocalAddr().String() })
}

// Who nominates a path and does not answer over it may have forged its source, to
// have media sent to somebody else: nothing is sent there but few questions.
func TestNominatedButNotProven(t *testing.T) {
	t.Parallel()
	tr, clock := startAt(t, Config{})
	p, c, f := connected(t, tr)
	talk(t, tr, p, c, f, 1)
	first := goesTo(p)
	c.deaf.Store(true)
	victim := c.bind()
	for range 5 {
		c.ask(true)
		clock.advance(askInterval)
	}
	if got := goesTo(p); got != first {
		t.Fatalf("media is sent to %s, who did not ask for it", got)
	}
	clock.advance(silence + time.Second)
	c.write(c.packet(7, 2, []byte("x"))) // as authentic media from there could be forged, too
	f.next(t)
	if got := goesTo(p); got != first {
		t.Fatalf("media is sent to %s, who did not ask for it", got)
	}
	c.deaf.Store(false)
	c.ask(true)
	eventually(t, "the path is used once it is proven", func() bool { return goesTo(p) == victim.LocalAddr().String() })
}

// Media from an address that has not been proven is dropped, even if it is
// authentic, and moves nothing.
func TestUnprovenAddress(t *testing.T) {
	t.Parallel()
	tr, clock := startAt(t, Config{})
	p, c, _ := connected(t, tr)
	first := goesTo(p)
	clock.advance(silence + time.Second)
	c.bind()
	c.write(c.packet(7, 1, []byte("x")))
	eventually(t, "the packet is dropped", func() bool { return tr.Stats().Unknown.Load() == 1 })
	if got := goesTo(p); got != first {
		t.Error("a packet from elsewhere moved the path")
	}
}

func TestPathsBounded(t *testing.T) {
	t.Parallel()
	tr, clock := startAt(t, Config{})
	p, c, f := connected(t, tr)
	selected := goesTo(p)
	var conns []*net.UDPConn
	for range 2 * maxPaths {
		conns = append(conns, c.bind())
		c.ask(false)
		clock.advance(10 * time.Millisecond) // so that one is the oldest
	}
	p.mu.Lock()
	n := len(p.paths)
	p.mu.Unlock()
	if n != maxPaths {
		t.Errorf("%d paths, want %d", n, maxPaths)
	}
	if goesTo(p) != selected {
		t.Error("the selected path was thrown out")
	}
	entries := 0
	for i := range tr.demux.buckets {
		if m := tr.demux.buckets[i].paths.Load(); m != nil {
			entries += len(*m)
		}
	}
	if entries != maxPaths {
		t.Errorf("%d addresses are known, want %d", entries, maxPaths)
	}
	c.write(c.packet(7, 1, []byte("x"))) // from the last one
	f.next(t)
	_, _ = conns[0].Write(c.packet(7, 2, []byte("x"))) // from the oldest
	eventually(t, "the packet is dropped", func() bool { return tr.Stats().Unknown.Load() == 1 })
}

func TestRestart(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	p, c, f := connected(t, tr)
	oldUfrag, oldPass := c.ufrag, c.pass
	if err := p.Restart(); err != nil {
		t.Fatal(err)
	}
	ufrag, pass := p.Credentials()
	if ufrag == oldUfrag || pass == oldPass {
		t.Fatal("Restart kept the credentials")
	}
	c.ask(true) // the old ones are still good
	talk(t, tr, p, c, f, 1)

	c.ufrag, c.pass = ufrag, pass
	c.credentials.Ufrag = "newclient"
	if err := p.SetRemote(c.description()); err != nil {
		t.Fatal(err)
	}
	c.bind()
	c.ask(true)
	talk(t, tr, p, c, f, 2)

	c.ufrag, c.pass = oldUfrag, oldPass
	refused(t, tr, c, c.check(true).Raw)
	tr.mu.Lock()
	n := len(tr.logins)
	tr.mu.Unlock()
	if n != 1 {
		t.Errorf("%d usernames are known, want the new one only", n)
	}
	if n := tr.Stats().Handshakes.Load(); n != 1 {
		t.Errorf("%d handshakes, want 1: keys go on over a restart", n)
	}
}

// refused fails if a check gets an answer.
func refused(t *testing.T, tr *Transport, c *client, check []byte) {
	t.Helper()
	before := tr.Stats().STUNRefused.Load()
	answered := tr.Stats().STUNAnswered.Load()
	c.write(check)
	eventually(t, "the check is refused", func() bool { return tr.Stats().STUNRefused.Load() > before })
	if n := tr.Stats().STUNAnswered.Load(); n != answered {
		t.Error("the check was answered")
	}
}

func TestRefusedChecks(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	p := newPeer(t, tr, newFake())
	c := newClient(t, tr, p)
	if err := p.SetRemote(c.description()); err != nil {
		t.Fatal(err)
	}
	c.bind()
	build := func(username, password string) []byte {
		m, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername(username),
			stun.NewShortTermIntegrity(password), stun.Fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		return m.Raw
	}
	theirs := c.credentials.Ufrag
	for name, check := range map[string][]byte{
		"wrong password":    build(c.ufrag+":"+theirs, "wrongwrongwrongwrongwrong"),
		"unknown username":  build("AAAAAAAAAAAAAAAA:"+theirs, c.pass),
		"another client":    build(c.ufrag+":somebody", c.pass),
		"no colon":          build(c.ufrag, c.pass),
		"reversed username": build(theirs+":"+c.ufrag, c.pass),
	} {
		t.Run(name, func(t *testing.T) { refused(t, tr, c, check) })
	}
	if goesTo(p) != "" {
		t.Error("a refused check made a path")
	}
	c.ask(true)
	p.Close()
	refused(t, tr, c, c.check(true).Raw)
}

// An address that a peer uses cannot be taken from it by another one's check that
// pretends to come from there.
func TestAddressTheft(t *testing.T) {
	t.Parallel()
	tr, clock := startAt(t, Config{})
	p, c, f := connected(t, tr)
	thief := newPeer(t, tr, newFake())
	tc := newClient(t, tr, thief)
	refused(t, tr, c, tc.check(true).Raw)
	talk(t, tr, p, c, f, 1)
	clock.advance(ownedTime + time.Second) // the port was given to somebody else
	c.write(tc.check(true).Raw)
	eventually(t, "the new owner's check is taken", func() bool { return goesTo(thief) != "" })
}

func TestConsent(t *testing.T) {
	t.Parallel()
	tr, clock := startAt(t, Config{})
	p, c, f := connected(t, tr)
	for range 3 {
		clock.advance(consentTime - 2*time.Second)
		c.ask(true)
	}
	talk(t, tr, p, c, f, 1)
	clock.advance(consentTime - 2*time.Second)
	c.write(c.packet(7, 2, []byte("x"))) // media is not consent
	f.next(t)
	clock.advance(3 * time.Second)
	tr.sweep(clock.now())
	if n := tr.Stats().ConsentLost.Load(); n != 1 {
		t.Errorf("consent lost %d times, want 1", n)
	}
	sent := tr.Stats().DatagramsSent.Load()
	send(tr, p, 9, "x")
	if n := tr.Stats().DatagramsSent.Load(); n != sent {
		t.Error("sent without consent")
	}
	clock.advance(10 * consentTime)
	tr.sweep(clock.now())
	if n := tr.Stats().ConsentLost.Load(); n != 1 {
		t.Errorf("consent lost %d times, want 1", n)
	}

	// The client is back, for instance after its computer slept.
	c.ask(true)
	eventually(t, "the client is sent to again", func() bool { return goesTo(p) != "" })
	talk(t, tr, p, c, f, 3)
	select {
	case <-f.disconnected:
		t.Error("Disconnected for silence")
	default:
	}
}
