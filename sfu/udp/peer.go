package udp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"

	"conclave/sfu/ice"
	"conclave/sfu/rtp"
	"conclave/sfu/srtp"
)

// A Remote is what a client's session description says of its transport.
type Remote struct {
	Ufrag, Password string   // the client's ICE credentials
	Fingerprints    []string // as in SDP: "sha-256 AB:CD:…"; sha-256, sha-384 and sha-512 are understood
}

// A generation is the ICE credentials of one side and the other between two
// restarts.
type generation struct {
	peer  *Peer           // constant
	local ice.Credentials // constant
	// remote and password are the client's, "" until they are told; guarded by peer.mu
	remote, password string
}

// A phase is how far DTLS has come.
type phase uint8

//	idle ──first record, SetRemote──▶ running ──Finished──▶ lingering ──first SRTP──▶ settled
//
// While it lingers, the client may not have got our last flight and ask for it
// again. Once it has sent SRTP it has, and the connection is reduced to its keys.
const (
	phaseIdle phase = iota
	phaseRunning
	phaseLingering
	phaseSettled
)

// A Peer is one peer connection of a client. Its methods may be called
// concurrently.
type Peer struct {
	// Constant.
	t       *Transport
	handler Handler

	keys     atomic.Pointer[keys] // nil: not connected
	selected atomic.Pointer[path] // what is sent over; written under mu

	mu            sync.Mutex // guards what follows
	closed, ended bool       // by Close; or by itself: Disconnected is called or will be
	connecting    bool       // Connected is being called
	receiving     bool       // it has returned
	current, next *generation
	paths         []*path
	nominated     bool
	checked       time.Time // the last authenticated check, or when they became possible
	checks        budget
	lost          bool  // consent is over
	showing       bool  // something of the handshake was sent
	shown         *path // over this; nil: over several

	fingerprints []fingerprint // sorted; nil until they are told
	phase        phase
	inbox        *inbox
	records      budget
	farewells    budget
	parting      bool        // an alert is being looked into
	state        *dtls.State // when settled
	opener       *srtp.Opener
	early        [][]byte // media that came before Connected has returned
	media        budget
}

// Credentials returns our ICE credentials, for the session description. After
// Restart they are the new ones.
func (p *Peer) Credentials() (ufrag, password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.newestLocked()
	return g.local.Ufrag, g.local.Password
}

func (p *Peer) newestLocked() *generation {
	if p.next != nil {
		return p.next
	}
	return p.current
}

// leastCharge is what a packet counts at least against the rate of a peer, in
// bytes: small ones cost as much work as others.
const leastCharge = 250

// Limits of what RFC 8839, Section 5.4 allows.
const (
	minUfrag    = 4
	minPassword = 22
	maxRemote   = 256
)

// SetRemote tells what the client's session description says. Checks are
// answered before, but DTLS waits for it. It is called again after an ICE restart:
// first Restart, then this. The error wraps ErrRemote, also if the fingerprints
// have changed, or is ErrClosed.
func (p *Peer) SetRemote(r Remote) error {
	if n := len(r.Ufrag); n < minUfrag || n > maxRemote {
		return fmt.Errorf("%w: an ICE username fragment of %d characters", ErrRemote, n)
	}
	if n := len(r.Password); n < minPassword || n > maxRemote {
		return fmt.Errorf("%w: an ICE password of %d characters", ErrRemote, n)
	}
	list, err := parseFingerprints(r.Fingerprints)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.ended {
		return ErrClosed
	}
	if p.fingerprints != nil && !slices.Equal(list, p.fingerprints) {
		return fmt.Errorf("%w: the certificate has changed; make a new connection", ErrRemote)
	}
	p.fingerprints = list
	g := p.newestLocked()
	g.remote, g.password = r.Ufrag, r.Password
	for i, q := range slices.Backward(p.paths) {
		if q.generation == g && q.theirs != r.Ufrag {
			p.dropPathLocked(i) // who proved it is not who we talk to
		}
	}
	if p.checked.IsZero() {
		p.checked = p.t.clock()
	}
	p.startDTLSLocked()
	return nil
}

// Restart makes new local credentials (RFC 8445, Section 9). The old ones and the
// path in use stay valid until a path is nominated with the new ones.
func (p *Peer) Restart() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.ended {
		return ErrClosed
	}
	old := p.next
	g := &generation{peer: p, local: ice.GenerateCredentials()}
	if err := p.t.remember(g); err != nil {
		return err
	}
	if old != nil {
		p.t.forget(old)
	}
	p.next = g
	return nil
}

// Close ends the peer. Disconnected is not called for it. A call of the Handler
// that had begun may still be running when it returns.
func (p *Peer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	p.detachLocked()
	p.t.leave(p)
}

// end is Close by the peer itself or the network.
func (p *Peer) end(now time.Time) {
	p.mu.Lock()
	if p.closed || p.ended {
		p.mu.Unlock()
		return
	}
	p.ended = true
	p.detachLocked()
	later := p.connecting // connected calls it when Connected has returned
	p.mu.Unlock()
	if !later {
		p.handler.Disconnected(now)
	}
}

// detachLocked takes p out of everything it is found by.
func (p *Peer) detachLocked() {
	if p.keys.Swap(nil) != nil {
		p.t.stats.Connected.Add(-1)
	}
	p.receiving, p.opener, p.state, p.early = false, nil, nil, nil
	for len(p.paths) > 0 {
		p.dropPathLocked(len(p.paths) - 1)
	}
	p.t.forget(p.current)
	if p.next != nil {
		p.t.forget(p.next)
	}
	if p.inbox != nil {
		_ = p.inbox.Close() // it has no error
	}
}

// check takes an authentic check over a link. It returns the path that it
// proves, nil if the request is not acceptable, and whether to answer.
func (p *Peer) check(now time.Time, g *generation, r *ice.Request, theirs []byte, l *link) (*path, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed || p.ended || (g != p.current && g != p.next):
		return nil, false
	case g.remote != "" && g.remote != string(theirs):
		return nil, false
	case !p.checks.take(now, checkRate, 1):
		return nil, false
	case !r.Acceptable():
		return nil, true
	}
	q := p.pathLocked(*l)
	if q == nil {
		if q = p.addPathLocked(now, *l, g, theirs); q == nil {
			return nil, false
		}
	} else {
		if l.stream == nil && p.t.demux.find(l.route) != q && !p.t.demux.add(now, q) {
			return nil, false // it was given to another peer, which is alive
		}
		if q.generation != g {
			q.generation, q.theirs = g, string(theirs)
		}
	}
	p.checkedLocked(now, q, r.UseCandidate)
	return q, true
}

// maxEarly bounds the datagrams that are kept until Connected has returned: the
// first picture of a client that sends as soon as it can.
const maxEarly = 64

// keepLocked keeps media that comes while the handshake ends.
func (p *Peer) keepLocked(b []byte) bool {
	if (p.phase != phaseRunning && !p.connecting) || len(p.early) == maxEarly || len(b) > maxRecord {
		return false
	}
	p.early = append(p.early, bytes.Clone(b))
	return true
}

// open decrypts the media among datagrams that came over a path, and appends
// the packets to in.
func (p *Peer) open(now time.Time, from *path, datagrams [][]byte, in []rtp.Inbound, n *counts) []rtp.Inbound {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.receiving {
		return p.openLocked(now, from, datagrams, in, n)
	}
	for _, b := range datagrams {
		if classify(b) == classMedia && !p.keepLocked(b) {
			n.early++
		}
	}
	return in
}

func (p *Peer) openLocked(now time.Time, from *path, datagrams [][]byte, in []rtp.Inbound, n *counts) []rtp.Inbound {
	for _, b := range datagrams {
		if classify(b) != classMedia {
			continue
		}
		if !p.media.take(now, p.t.mediaRate, max(len(b), leastCharge)) {
			n.clipped++
			continue
		}
		var err error
		rtcp := rtp.IsRTCP(b)
		if rtcp {
			b, err = p.opener.OpenRTCP(b)
		} else {
			b, err = p.opener.Open(b)
		}
		switch {
		case err == nil:
			in = append(in, rtp.Inbound{Data: b, RTCP: rtcp})
		case errors.Is(err, srtp.ErrAuth):
			n.auth++
		case errors.Is(err, srtp.ErrReplay):
			n.replays++
		default:
			n.malformed++
		}
	}
	if len(in) > 0 {
		p.heardLocked(now, from)
		if p.phase == phaseLingering {
			p.settleLocked()
		}
	}
	return in
}
