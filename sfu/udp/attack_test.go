package udp

import (
	"bytes"
	"crypto"
	"errors"
	"strings"
	"testing"
	"time"

	"conclave/sfu/rtp"
)

func TestFingerprints(t *testing.T) {
	t.Parallel()
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		t.Run(h.String(), func(t *testing.T) {
			t.Parallel()
			tr := start(t, Config{})
			f := newFake()
			p := newPeer(t, tr, f)
			c := newClient(t, tr, p)
			d := c.description()
			der := c.certificate.Certificate[0]
			d.Fingerprints = []string{"sha-1 00:11", strings.ToLower(fingerprint{h, hashOf(h, der)}.String())}
			if err := p.SetRemote(d); err != nil {
				t.Fatal(err)
			}
			c.bind()
			c.ask(true)
			if err := c.handshake(); err != nil {
				t.Fatal(err)
			}
			happens(t, "Connected", f.connected)
			d.Fingerprints = []string{tr.Fingerprint()}
			if err := p.SetRemote(d); !errors.Is(err, ErrRemote) {
				t.Errorf("SetRemote with another certificate: %v, want %v", err, ErrRemote)
			}
			talk(t, tr, p, c, f, 1)
		})
	}
}

func TestWrongCertificate(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	f := newFake()
	p := newPeer(t, tr, f)
	c := newClient(t, tr, p)
	d := c.description()
	d.Fingerprints = []string{tr.Fingerprint()} // some other certificate
	if err := p.SetRemote(d); err != nil {
		t.Fatal(err)
	}
	c.bind()
	c.ask(true)
	if err := c.handshake(); err == nil {
		t.Error("the handshake succeeded")
	}
	happens(t, "Disconnected", f.disconnected)
	select {
	case <-f.connected:
		t.Error("connected")
	default:
	}
	if p.keys.Load() != nil {
		t.Error("there are keys")
	}
	if n := tr.Stats().DTLSFailures.Load(); n != 1 {
		t.Errorf("%d failures, want 1", n)
	}
}

func TestBadRemote(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	p := newPeer(t, tr, newFake())
	good := newClient(t, tr, p).description()
	for name, change := range map[string]func(r *Remote){
		"no ufrag":            func(r *Remote) { r.Ufrag = "" },
		"long ufrag":          func(r *Remote) { r.Ufrag = strings.Repeat("x", maxRemote+1) },
		"short password":      func(r *Remote) { r.Password = "short" },
		"no fingerprint":      func(r *Remote) { r.Fingerprints = nil },
		"only SHA-1":          func(r *Remote) { r.Fingerprints = []string{"sha-1 " + strings.Repeat("00:", 19) + "00"} },
		"short fingerprint":   func(r *Remote) { r.Fingerprints = []string{"sha-256 00:11"} },
		"no hexadecimal":      func(r *Remote) { r.Fingerprints = []string{"sha-256 " + strings.Repeat("zz:", 31) + "zz"} },
		"fingerprints galore": func(r *Remote) { r.Fingerprints = make([]string, maxFingerprints+1) },
	} {
		r := good
		change(&r)
		if err := p.SetRemote(r); !errors.Is(err, ErrRemote) {
			t.Errorf("%s: %v, want %v", name, err, ErrRemote)
		}
	}
}

func TestReplayAndReorder(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	_, c, f := connected(t, tr)
	var packets [][]byte
	for i := range uint16(8) {
		packets = append(packets, c.packet(7, 65532+i, []byte{byte(i)})) // across the wrap
	}
	for _, i := range []int{0, 2, 1, 1, 7, 3, 0, 6, 5, 4, 7} {
		c.write(packets[i])
	}
	var got []byte
	for range packets {
		p := f.next(t)
		got = append(got, p.Data[len(p.Data)-1])
	}
	if want := []byte{0, 2, 1, 7, 3, 6, 5, 4}; !bytes.Equal(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
	eventually(t, "replays are counted", func() bool { return tr.Stats().Replays.Load() == 3 })
	forged := bytes.Clone(packets[0])
	forged[3] += 100 // another sequence number
	c.write(forged)
	eventually(t, "the forgery is counted", func() bool { return tr.Stats().AuthFailures.Load() == 1 })
}

// Nothing that is not an authentic check gets an answer, whatever it looks like.
func TestSilence(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	p := newPeer(t, tr, newFake())
	c := newClient(t, tr, p)
	if err := p.SetRemote(c.description()); err != nil {
		t.Fatal(err)
	}
	conn := c.bind()
	good := c.check(true).Raw
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		c.write(bad)
		c.write(good[:max(i, 1)])
	}
	hello := append([]byte{22, 0xFE, 0xFD}, make([]byte, 200)...)
	c.write(hello)
	c.write(append([]byte{0x80, 96}, make([]byte, 50)...))
	c.write([]byte{0x40})
	want := uint64(2*len(good) + 3)
	eventually(t, "all are taken", func() bool { return tr.Stats().DatagramsReceived.Load() == want })
	if n := tr.Stats().STUNAnswered.Load(); n != 0 {
		t.Errorf("%d answers", n)
	}
	_ = conn.SetReadDeadline(time.Now())
	if n := len(c.answers) + len(c.media); n != 0 {
		t.Errorf("%d datagrams came back", n)
	}
}

// A peer's checks are answered up to a limit, so that nobody can have a stranger
// flooded with answers.
func TestCheckFlood(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	p := newPeer(t, tr, newFake())
	c := newClient(t, tr, p)
	c.bind()
	const n = 1000
	k := intake{t: tr, send: tr.borrow()}
	l := link{route: route{remote: c.server, local: c.server.Addr()}}
	now := time.Now()
	for range n {
		k.group(now, &l, nil, [][]byte{c.check(true).Raw})
	}
	answered := k.n.stunAnswered
	if most := uint64(checkRate.burst/checkRate.each) + 1; answered == 0 || answered > most {
		t.Errorf("%d of %d checks at once were answered, want at most %d", answered, n, most)
	}
	k.flush()
	tr.senders <- k.send
}

// A flood of checks with a wrong password costs only so many HMACs, and proven
// addresses are still answered.
func TestForgedCheckFlood(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	p := newPeer(t, tr, newFake())
	c := newClient(t, tr, p)
	c.bind()
	c.ask(true)
	known := p.selected.Load()
	k := intake{t: tr, send: tr.borrow()}
	now := time.Now()
	right := c.check(true).Raw
	c.pass = "wrongwrongwrongwrongwrong"
	wrong := c.check(true).Raw
	stranger := link{route: route{remote: c.server, local: c.server.Addr()}}
	for range 2000 {
		k.group(now, &stranger, nil, [][]byte{wrong})
	}
	if p := k.group(now, &stranger, nil, [][]byte{right}); p != nil {
		t.Error("the budget for strangers is not used up")
	}
	if k.group(now, &known.link, known, [][]byte{right}); k.n.stunAnswered != 1 {
		t.Error("a proven address is not answered during a flood")
	}
	k.flush()
	tr.senders <- k.send
}

func TestRecordFlood(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	p := newPeer(t, tr, newFake())
	c := newClient(t, tr, p)
	c.bind()
	c.ask(true)
	junk := append([]byte{22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 1200 >> 8, 1200 & 0xFF}, make([]byte, 1200)...)
	taken := 0
	now := time.Now()
	for range 10000 {
		if p.record(now, junk) {
			taken++
		}
	}
	if taken > maxRecords {
		t.Errorf("%d records wait, want at most %d", taken, maxRecords)
	}
	p.mu.Lock()
	size := p.inbox.size
	p.mu.Unlock()
	if size > maxInbox {
		t.Errorf("%d bytes wait, want at most %d", size, maxInbox)
	}
}

func TestClipped(t *testing.T) {
	t.Parallel()
	tr, clock := startAt(t, Config{PeerRate: 8e6})
	_, c, f := connected(t, tr)
	f.receive = func(time.Time, []rtp.Inbound, *rtp.Output) {}
	p := tr.find([]byte(c.ufrag)).peer
	from := p.selected.Load()
	eventually(t, "media is taken", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.receiving
	})
	now := clock.now()
	var n counts
	accepted := 0
	for i := range uint16(1000) { // 1.2 MB at once, of 1 MB a second
		b := c.packet(7, i, make([]byte, 1172))
		accepted += len(p.open(now, from, [][]byte{b}, nil, &n))
	}
	if accepted < 400 || accepted > 450 { // half a second of it
		t.Errorf("%d packets of 1200 bytes were accepted at once, want about 417", accepted)
	}
	if n.clipped != uint64(1000-accepted) {
		t.Errorf("%d were clipped, want %d", n.clipped, 1000-accepted)
	}
	b := c.packet(7, 2000, make([]byte, 1172))
	if len(p.open(now.Add(time.Second), from, [][]byte{b}, nil, &n)) != 1 {
		t.Error("nothing is accepted a second later")
	}
}

func TestTooManyPeers(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{MaxPeers: 2})
	a := newPeer(t, tr, newFake())
	newPeer(t, tr, newFake())
	if _, err := tr.NewPeer(newFake()); !errors.Is(err, ErrPeers) {
		t.Errorf("a third peer: %v, want %v", err, ErrPeers)
	}
	a.Close()
	a.Close() // counts once
	newPeer(t, tr, newFake())
	if _, err := tr.NewPeer(newFake()); !errors.Is(err, ErrPeers) {
		t.Errorf("a third peer after Close twice: %v, want %v", err, ErrPeers)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.NewPeer(newFake()); !errors.Is(err, ErrClosed) {
		t.Errorf("a peer after Close: %v, want %v", err, ErrClosed)
	}
}
