package udp

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
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

// A path is a link that a peer has proven to be its own by an authenticated check.
type path struct {
	// Constant.
	peer       *Peer
	link       link
	generation *generation
	theirs     string       // the client's username fragment
	credit     atomic.Int64 // bytes that may be sent before the handshake is over
	heard      atomic.Int64 // when the last authenticated check or media came; nanoseconds of Unix time
	checked    time.Time    // the last authenticated check; guarded by peer.mu
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
	q := &path{peer: p, link: l, generation: g, theirs: string(theirs), checked: now}
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

// checkedLocked notes an authenticated, acceptable check over a path.
func (p *Peer) checkedLocked(now time.Time, q *path, nominates bool) {
	q.checked, p.checked = now, now
	q.heard.Store(now.UnixNano())
	if nominates || p.selected.Load() == nil {
		p.selectLocked(q)
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
		p.selectLocked(q)
	}
}

// sweepLocked forgets paths without consent, and reports whether p has consent.
func (p *Peer) sweepLocked(now time.Time) bool {
	for i, q := range slices.Backward(p.paths) { // what is dropped is replaced by one that was looked at
		if now.Sub(q.checked) > consentTime {
			p.dropPathLocked(i)
		}
	}
	if p.selected.Load() == nil {
		var best *path
		for _, q := range p.paths {
			if best == nil || q.heard.Load() > best.heard.Load() {
				best = q
			}
		}
		if best != nil {
			p.selectLocked(best)
		}
	}
	return p.checked.IsZero() || now.Sub(p.checked) <= consentTime
}
