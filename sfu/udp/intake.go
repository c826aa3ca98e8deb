package udp

import (
	"sync/atomic"
	"time"

	"conclave/sfu/ice"
	"conclave/sfu/rtp"
)

// A class is what a datagram is, by its first byte (RFC 7983, Section 7).
type class uint8

const (
	classOther class = iota
	classSTUN
	classDTLS
	classMedia // SRTP or SRTCP
)

func classify(b []byte) class {
	if len(b) == 0 {
		return classOther
	}
	switch c := b[0]; {
	case c <= 3:
		return classSTUN
	case c >= 20 && c <= 63:
		return classDTLS
	case c >= 128 && c <= 191:
		return classMedia
	}
	return classOther
}

// An intake is what a goroutine that reads datagrams keeps: a shard or the reader
// of a TCP connection.
type intake struct {
	t       *Transport
	send    *sender // of a stream: without sockets, for answers only
	request ice.Request
	failed  budget // STUN that is not authentic
	in      []rtp.Inbound
	out     rtp.Output
	n       counts
}

// counts are Stats of one batch, so that shards do not write to the same memory
// for each packet.
type counts struct {
	datagrams, bytes                                  uint64
	stunAnswered, stunRefused, dtlsDropped            uint64
	auth, replays, malformed, unknown, early, clipped uint64
}

// flush counts, and seals and sends what the handlers put out.
func (k *intake) flush() {
	if len(k.out.Packets) > 0 {
		if k.send.first != nil {
			k.send.packets(&k.out)
		} else {
			k.t.Send(&k.out)
		}
		k.out.Reset()
	}
	k.n.flush(k.t.stats)
	k.send.flush()
}

// flush adds the counts to s.
func (n *counts) flush(s *Stats) {
	add(&s.DatagramsReceived, &n.datagrams)
	add(&s.BytesReceived, &n.bytes)
	add(&s.STUNAnswered, &n.stunAnswered)
	add(&s.STUNRefused, &n.stunRefused)
	add(&s.DTLSDropped, &n.dtlsDropped)
	add(&s.AuthFailures, &n.auth)
	add(&s.Replays, &n.replays)
	add(&s.Malformed, &n.malformed)
	add(&s.Unknown, &n.unknown)
	add(&s.Early, &n.early)
	add(&s.Clipped, &n.clipped)
}

// add moves a count to a counter.
func add(to *atomic.Uint64, n *uint64) {
	if *n != 0 {
		to.Add(*n)
		*n = 0
	}
}

// group takes datagrams that came one after the other over one link. p is the
// path of the link, nil if it has not been proven. It returns the path, which a
// check may have made.
func (k *intake) group(now time.Time, l *link, p *path, datagrams [][]byte) *path {
	media, size := 0, 0
	for _, b := range datagrams {
		k.n.datagrams++
		size += len(b)
		switch classify(b) {
		case classMedia:
			media++
		case classSTUN:
			if q := k.check(now, l, p, b); q != nil {
				p = q
			}
		case classDTLS:
			if p != nil {
				p.credit.Add(amplification * int64(len(b)))
			}
			if p == nil || !p.peer.record(now, b) {
				k.n.dtlsDropped++
			}
		default:
			k.n.malformed++
		}
	}
	k.n.bytes += uint64(size)
	if media == 0 {
		return p
	}
	if p == nil {
		k.n.unknown += uint64(media)
		return nil
	}
	k.in = p.peer.open(now, p, datagrams, k.in[:0], &k.n)
	if len(k.in) > 0 {
		p.peer.handler.Receive(now, k.in, &k.out)
		clear(k.in)
	}
	return p
}

// check answers a connectivity check, if it is authentic, over the link it came from, and
// returns the path that it proves.
func (k *intake) check(now time.Time, l *link, known *path, b []byte) *path {
	if known != nil && ice.IsAnswer(b) {
		if !known.peer.answered(known, b) {
			k.n.stunRefused++
		}
		return known
	}
	r := &k.request
	defer func() { *r = ice.Request{} }() // it aliases b
	if !r.Read(b) {
		k.n.stunRefused++
		return nil
	}
	ours, theirs := r.Username()
	g := k.t.find(ours)
	if g == nil || (known == nil && !k.failed.has(now, failureRate)) {
		k.n.stunRefused++
		return nil
	}
	if !r.Authenticate(g.local.Password) {
		k.failed.take(now, failureRate, 1)
		k.n.stunRefused++
		return nil
	}
	p, ok := g.peer.check(now, g, r, theirs, l)
	if !ok {
		k.n.stunRefused++
		return nil
	}
	k.send.begin(l)
	if buf := k.send.buffer(ice.MaxResponse); buf != nil {
		answer := r.Respond(buf, l.remote, g.local.Password)
		k.send.commit(answer)
		k.n.stunAnswered++
		if p != nil {
			p.credit.Add(amplification*int64(len(b)) - int64(len(answer)))
			k.ask(now, l, p)
		}
	}
	return p
}

// ask sends a question over a path that is not proven.
func (k *intake) ask(now time.Time, l *link, p *path) {
	k.send.begin(l)
	buf := k.send.buffer(ice.MaxQuestion)
	if buf == nil {
		return
	}
	if buf = p.peer.ask(now, p, buf); len(buf) > 0 {
		k.send.commit(buf)
	}
}
