package udp

import (
	"crypto/rand"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"conclave/sfu/ice"
)

// A route says where a datagram came from, and to which of our addresses; the
// latter is invalid where the system does not tell. With our port it is a 5-tuple.
type route struct {
	remote netip.AddrPort
	local  netip.Addr
}

// A link is what datagrams of one 5-tuple go over: a UDP socket, any, or a TCP
// connection.
type link struct {
	route
	stream *stream // nil: UDP
}

// A path is a link over which a check of a peer came. The check tells whose it is.
// That the peer reads what is sent there, only its answer to a question of ours
// tells, or its part in the handshake: a source can be forged, also by a peer that
// wants to have media sent to somebody else.
type path struct {
	// Constant.
	peer *Peer
	link link

	credit atomic.Int64 // bytes that may be sent before the handshake is over
	heard  atomic.Int64 // when the last authenticated check or media came; nanoseconds of Unix time

	// peer.mu guards the fields below.
	generation *generation
	theirs     string    // the client's username fragment
	checked    time.Time // the last authenticated check
	proven     bool      // the peer reads what is sent there
	wanted     bool      // to be selected once it is proven
	asked      time.Time // the last question
	question   ice.Transaction
}

const (
	// maxPaths bounds the paths of a peer: a browser with several networks has a
	// handful that work.
	maxPaths = 8
	// consentTime is how long the last authenticated check lets us send (RFC 7675, Section 5.1).
	consentTime = 30 * time.Second
	// silence is after how long without anything from the selected path media
	// from another one selects that: clients on a new network do so before they nominate.
	silence = 2 * time.Second
	// askInterval is the least time between two questions over a path.
	askInterval = 200 * time.Millisecond
	// ownedTime is for how long after its last packet a path is not given to another
	// peer whose check seems to come from the same address: it may be forged.
	// Clients that only check do so every 4 to 6 s (RFC 7675, Section 5.1).
	ownedTime = 15 * time.Second
)

// silent reports whether nothing authentic came over q for longer than d.
func (q *path) silent(now time.Time, d time.Duration) bool {
	return now.UnixNano()-q.heard.Load() > int64(d)
}

// pathLocked returns the path of a peer over a link, or nil.
func (p *Peer) pathLocked(l link) *path {
	for _, q := range p.paths {
		if q.link == l {
			return q
		}
	}
	return nil
}

// addPathLocked makes a link a path of p. When there are too many, the one that
// was not heard for longest goes. It returns nil if the link is another peer's.
func (p *Peer) addPathLocked(now time.Time, l link, g *generation, theirs []byte) *path {
	q := &path{peer: p, link: l, generation: g, theirs: string(theirs), checked: now, proven: l.stream != nil}
	q.heard.Store(now.UnixNano())
	if l.stream == nil && !p.t.demux.add(now, q) {
		return nil
	}
	if len(p.paths) == maxPaths {
		oldest := -1
		for i, o := range p.paths {
			if o != p.selected.Load() && (oldest < 0 || o.heard.Load() < p.paths[oldest].heard.Load()) {
				oldest = i
			}
		}
		p.dropPathLocked(oldest)
	}
	p.paths = append(p.paths, q)
	return q
}

// dropPathLocked forgets path i of p.
func (p *Peer) dropPathLocked(i int) {
	q := p.paths[i]
	p.paths[i] = p.paths[len(p.paths)-1]
	p.paths[len(p.paths)-1] = nil
	p.paths = p.paths[:len(p.paths)-1]
	if q.link.stream != nil {
		q.link.stream.close()
	} else {
		p.t.demux.remove(q)
	}
	if p.selected.Load() == q {
		p.selected.Store(nil)
	}
}

// selectLocked sends over q from now on.
func (p *Peer) selectLocked(q *path) {
	if old := p.selected.Swap(q); old != nil && old != q && p.nominated {
		p.t.stats.AddressChanges.Add(1)
	}
}

// wantLocked sends over q from now on, or from when it is proven. Until the
// handshake is over little is sent, see amplification, so that needs no proof.
func (p *Peer) wantLocked(q *path) {
	if q.proven || p.keys.Load() == nil {
		p.selectLocked(q)
		return
	}
	for _, o := range p.paths {
		o.wanted = o == q
	}
}

// checkedLocked notes an authenticated, acceptable check over a path.
func (p *Peer) checkedLocked(now time.Time, q *path, nominates bool) {
	q.checked, p.checked, p.lost = now, now, false
	q.heard.Store(now.UnixNano())
	if nominates || p.selected.Load() == nil {
		p.wantLocked(q)
	}
	if !nominates {
		return
	}
	p.nominated = true
	if p.next != nil && q.generation == p.next {
		p.t.forget(p.current)
		p.current, p.next = p.next, nil
	}
}

// heardLocked notes authenticated media over a path.
func (p *Peer) heardLocked(now time.Time, q *path) {
	q.heard.Store(now.UnixNano())
	if s := p.selected.Load(); s != q && (s == nil || s.silent(now, silence)) && p.pathLocked(q.link) == q {
		p.wantLocked(q)
	}
}

// ask appends a question to be sent over q, if it is time for one. It is no
// longer than a check with the same names, and comes only after one.
func (p *Peer) ask(now time.Time, q *path, dst []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := q.generation
	if q.proven || p.keys.Load() == nil || g.password == "" || now.Sub(q.asked) < askInterval {
		return dst
	}
	if q.asked.IsZero() { // the same again until it is answered, which may take longer than the interval
		rand.Read(q.question[:]) // never fails: it crashes the program instead
	}
	q.asked = now
	return ice.AppendQuestion(dst, q.question, g.remote, g.local.Ufrag, g.password)
}

// answered takes the answer to the last question over q and reports whether it is
// right. Media that waited for it goes there now.
func (p *Peer) answered(q *path, b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.ended || p.pathLocked(q.link) != q || q.asked.IsZero() ||
		!ice.ReadAnswer(b, q.question, q.generation.password) {
		return false
	}
	q.proven = true
	if q.wanted || p.selected.Load() == nil {
		q.wanted = false
		p.selectLocked(q)
	}
	return true
}

// proveLocked takes the end of the handshake for proof of the path that it was
// sent over. If that is not known, all have to be proven.
func (p *Peer) proveLocked() {
	q := p.selected.Load()
	switch {
	case q == nil:
	case q == p.shown || q.proven:
		q.proven = true
	default:
		p.selected.Store(nil)
		p.wantLocked(q)
	}
	p.shown = nil
}

// sweepLocked forgets paths without consent, so that nothing is sent there any
// more, and reports whether consent for the last one has just ended. A later check
// makes it a path again.
func (p *Peer) sweepLocked(now time.Time) (lost bool) {
	for i, q := range slices.Backward(p.paths) { // what is dropped is replaced by one that was looked at
		if now.Sub(q.checked) > consentTime {
			p.dropPathLocked(i)
		}
	}
	if p.selected.Load() == nil {
		var best *path
		for _, q := range p.paths {
			if (q.proven || p.keys.Load() == nil) && (best == nil || q.heard.Load() > best.heard.Load()) {
				best = q
			}
		}
		if best != nil {
			p.selectLocked(best)
		}
	}
	if p.lost || p.checked.IsZero() || now.Sub(p.checked) <= consentTime {
		return false
	}
	p.lost = true
	return true
}
