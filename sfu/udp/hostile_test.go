package udp

import (
	"bytes"
	"crypto/rand"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"conclave/sfu/rtp"
)

// A victim is an address that somebody who forges sources sends from. It counts
// what comes back.
type victim struct {
	conn *net.UDPConn
	got  atomic.Int64 // bytes
	sent int
}

func newVictim(t *testing.T, c *client) *victim {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(c.server))
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{conn: conn}
	c.sockets = append(c.sockets, conn)
	c.readers.Go(func() {
		b := make([]byte, 65536)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			v.got.Add(int64(n))
		}
	})
	return v
}

// send sends a datagram in the victim's name.
func (v *victim) send(t *testing.T, b []byte) {
	t.Helper()
	n, err := v.conn.Write(b)
	if err != nil {
		t.Fatal(err)
	}
	v.sent += n
}

// TestStrangers: whoever knows no password gets no byte back, whatever is sent,
// and leaves nothing behind.
func TestStrangers(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	p, c, f := connected(t, tr)
	v := newVictim(t, c)
	check := c.check(true).Raw
	var sent uint64
	before := tr.Stats().DatagramsReceived.Load()
	for i := range 4000 {
		b := make([]byte, 1+i%1400)
		rand.Read(b)
		switch i % 8 {
		case 0: // a check with a bit wrong
			b = bytes.Clone(check)
			b[(i/8)%len(b)] ^= 1 << (i % 7)
		case 1: // STUN of any other kind
			copy(b, []byte{0, byte(i / 8)})
		case 2: // DTLS
			copy(b, []byte{22, 0xFE, 0xFD})
		case 3: // media
			copy(b, []byte{0x80, 96})
		case 4: // media of somebody
			b = c.packet(7, uint16(i), b)
		default:
			b[0] = byte(i)
		}
		v.send(t, b)
		if sent++; i%64 == 63 { // no faster than the server reads
			eventually(t, "the server reads", func() bool { return tr.Stats().DatagramsReceived.Load() >= before+sent })
		}
	}
	eventually(t, "all was read", func() bool { return tr.Stats().DatagramsReceived.Load() >= before+sent })
	talk(t, tr, p, c, f, 1) // what was answered before has been sent by now
	if n := v.got.Load(); n != 0 {
		t.Errorf("%d bytes came back for %d", n, v.sent)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.paths) != 1 {
		t.Errorf("the peer has %d paths, want 1", len(p.paths))
	}
}

// TestAmplification: a participant, who has a password, checks and says hello in
// the name of a victim, which answers nothing. What the victim gets is at most
// three times as much, up to where the server's flight is sent again.
func TestAmplification(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	f := newFake()
	p := newPeer(t, tr, f)
	c := newClient(t, tr, p)
	if err := p.SetRemote(c.description()); err != nil {
		t.Fatal(err)
	}
	v := newVictim(t, c)
	hello := make(chan []byte, 16)
	c.use(func(b []byte) {
		select {
		case hello <- bytes.Clone(b):
		default:
		}
	})
	c.readers.Go(func() { _ = c.handshake() }) // it does not succeed
	v.send(t, c.check(true).Raw)
	eventually(t, "the check is answered", func() bool { return tr.Stats().STUNAnswered.Load() == 1 })
	for v.got.Load() < 600 { // the client says hello until it is answered
		v.send(t, <-hello)
	}
	send(tr, p, 1, "media") // nothing is sent without keys
	eventually(t, "media is refused", func() bool { return tr.Stats().Early.Load() == 1 })
	t.Logf("%d bytes came back for %d", v.got.Load(), v.sent)
	if got := v.got.Load(); got > 3*int64(v.sent) {
		t.Errorf("%d bytes came back for %d, more than three times as much", got, v.sent)
	}
	_ = c.dtls.Close()
}

// TestAimedMedia: a participant who is connected nominates a victim's address. Media
// stays where it is read, and the victim gets at most three times as much as was
// sent in its name; nor does its consent last for others.
func TestAimedMedia(t *testing.T) {
	t.Parallel()
	tr, clock := startAt(t, Config{})
	p, c, f := connected(t, tr)
	talk(t, tr, p, c, f, 1)
	first := goesTo(p)
	v := newVictim(t, c)
	for i := range 20 {
		v.send(t, c.check(true).Raw)
		eventually(t, "the check is answered", func() bool { return tr.Stats().STUNAnswered.Load() == uint64(i+2) })
	}
	for n := range uint16(200) {
		send(tr, p, 10+n, "media media media media media media media media media")
		if got := c.next(); !bytes.HasSuffix(got, []byte("media")) {
			t.Fatalf("client got %x", got)
		}
	}
	clock.advance(silence + time.Second) // as if the client had gone
	v.send(t, c.packet(7, 2, []byte("x")))
	f.next(t)
	send(tr, p, 300, "media")
	if got := goesTo(p); got != first {
		t.Errorf("media goes to %s, which did not answer", got)
	}
	c.next()
	if got := v.got.Load(); got > 3*int64(v.sent) {
		t.Errorf("the victim got %d bytes for %d", got, v.sent)
	}
}

// TestGarbage: what others send in a client's name neither keeps it from
// connecting nor ends its connection.
func TestGarbage(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	f := newFake()
	p := newPeer(t, tr, f)
	c := newClient(t, tr, p)
	if err := p.SetRemote(c.description()); err != nil {
		t.Fatal(err)
	}
	c.bind()
	c.ask(true)
	garbage := func(size int, head ...byte) {
		b := make([]byte, size)
		rand.Read(b)
		copy(b, head)
		c.write(b)
	}
	for i := range 8 {
		garbage(60+i, 22, 0xFE, 0xFD)                                          // any handshake record
		garbage(13+12+20, 22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, byte(i), 0, 32) // one that is framed well
		garbage(20, 63)
		garbage(90, 0x80, 96)
	}
	if err := c.handshake(); err != nil {
		t.Fatal(err)
	}
	happens(t, "Connected", f.connected)
	talk(t, tr, p, c, f, 1)
	for i := range 40 {
		garbage(80, 22, 0xFE, 0xFD)
		garbage(80, 23, 0xFE, 0xFD, 0, 1)
		c.write([]byte{21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, byte(i), 0, 2, 2, 40}) // an alert that anybody can write
		c.write([]byte{21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 1, byte(i), 0, 2, 1, 0})  // and one that says goodbye
		garbage(13+26, 21, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, byte(i), 0, 26)        // and one that nobody can read
		garbage(300, 0x80, 96)
		garbage(100, 0x80, 201)
	}
	talk(t, tr, p, c, f, 2)
	select {
	case <-f.disconnected:
		t.Error("disconnected")
	default:
	}
}

// TestReplayedElsewhere: authentic packets that somebody recorded, sent from
// another address and again from the same one, reach nobody and move nothing.
func TestReplayedElsewhere(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	p, c, f := connected(t, tr)
	first := goesTo(p)
	v := newVictim(t, c)
	var recorded [][]byte
	for n := range uint16(20) {
		b := c.packet(7, 100+n, []byte{byte(n)})
		recorded = append(recorded, b)
		v.send(t, b) // before the client's own arrives
	}
	eventually(t, "they are dropped", func() bool { return tr.Stats().Unknown.Load() == 20 })
	for _, b := range recorded {
		c.write(b)
		f.next(t)
	}
	for _, b := range recorded {
		c.write(b)
	}
	eventually(t, "they are counted", func() bool { return tr.Stats().Replays.Load() == 20 })
	if len(f.packets) != 0 || goesTo(p) != first || v.got.Load() != 0 {
		t.Errorf("%d packets more, media goes to %s, the other address got %d bytes", len(f.packets), goesTo(p), v.got.Load())
	}
}

// TestStolenAddress: a participant who checks in the name of another one's
// address does not get it while that one is there, and not for good.
func TestStolenAddress(t *testing.T) {
	t.Parallel()
	tr, clock := startAt(t, Config{})
	f := newFake()
	p := newPeer(t, tr, f)
	c := newClient(t, tr, p)
	c.connect(p)
	happens(t, "Connected", f.connected)
	talk(t, tr, p, c, f, 1)
	own := p.selected.Load()

	thief := newPeer(t, tr, newFake())
	other := newClient(t, tr, thief)
	k := intake{t: tr, send: tr.borrow()}
	steal := func() bool {
		return k.group(clock.now(), &own.link, tr.demux.find(own.link.route), [][]byte{other.check(true).Raw}) != nil &&
			tr.demux.find(own.link.route).peer == thief
	}
	// A browser that has nothing to send checks every 4 to 6 s (RFC 7675, Section 5.1).
	clock.advance(6 * time.Second)
	if steal() {
		t.Error("an address of a client that only checks was given to another")
	}
	clock.advance(consentTime / 2)
	steal() // whether or not: the client has been silent for long
	k.flush()
	tr.senders <- k.send
	thief.Close()
	c.ask(true)
	talk(t, tr, p, c, f, 2)
}

// TestMediaOfOthers: packets that another participant sealed do not pass for the
// client's, whatever address they come from.
func TestMediaOfOthers(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	p, c, f := connected(t, tr)
	_, other, _ := connected(t, tr)
	f.receive = func(_ time.Time, in []rtp.Inbound, _ *rtp.Output) { t.Errorf("received %x", in[0].Data) }
	for n := range uint16(10) {
		c.write(other.packet(7, n, []byte("x")))
		c.write(other.report(7))
	}
	eventually(t, "they are refused", func() bool { return tr.Stats().AuthFailures.Load() == 20 })
	if n := p.opener; n == nil {
		t.Error("the peer is gone")
	}
}
