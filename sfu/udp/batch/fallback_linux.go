package batch

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// A decision is what to do after the kernel refused the first message of a call.
type decision int

const (
	again     decision = iota // make messages anew and send
	waitAgain                 // the same, when there is room
	drop                      // go on behind the message
)

// decide says what to do about y.errno, which belongs to the first message that
// was not sent, or to nobody: an ICMP message about somebody else is told to
// whoever calls next, once. So a message is dropped only if a second attempt
// fails too.
//
//	ENOSYS                       no sendmmsg                     single system calls, for good
//	EIO, ENOPROTOOPT             no checksum offload, IPsec      no GSO, for good
//	EINVAL, EMSGSIZE on a run    segment > MTU of this route     no GSO for this receiver
//	EAGAIN, ENOBUFS              buffer or queue full            wait once a flush, then drop
//	others                       ICMP, firewall, route           once more, then drop
func (y *writeSystem) decide(w *Writer, retried, waited bool) decision {
	level := w.s.Level()
	first := &w.runs[y.at.run]
	joined := y.ends[0].run > y.at.run && first.datagrams-y.at.datagram > 1
	switch y.errno {
	case unix.EINTR:
		return again
	case unix.ENOSYS:
		if level != LevelSingle {
			w.s.Limit(LevelSingle)
			return again
		}
	case unix.EIO, unix.ENOPROTOOPT:
		if level == LevelGSO {
			w.s.Limit(LevelBatch)
			return again
		}
	case unix.EINVAL, unix.EMSGSIZE:
		if joined {
			w.s.count.refused.Add(1)
			y.plain.add(first.to.Addr(), time.Now())
			return again
		}
	case unix.EAGAIN, unix.ENOBUFS:
		if waited {
			return drop
		}
		return waitAgain
	default:
	}
	if retried {
		return drop
	}
	return again
}

const (
	// maxPlain is how many receivers are remembered. When there are more, some are
	// forgotten, which costs a failed system call each time they are sent a run.
	maxPlain = 1024
	// plainFor is how long a receiver is remembered: its route may get better.
	plainFor = 10 * time.Minute
)

// plain is the receivers whose route refuses GSO, and until when.
type plain struct {
	until map[netip.Addr]time.Time
}

// has reports whether a receiver is to get single datagrams.
func (p *plain) has(a netip.Addr) bool {
	if len(p.until) == 0 {
		return false
	}
	_, ok := p.until[a]
	return ok
}

// forget forgets the receivers whose time is over.
func (p *plain) forget(now time.Time) {
	for a, until := range p.until {
		if now.After(until) {
			delete(p.until, a)
		}
	}
}

// add remembers a receiver, and forgets any other if all places are taken.
func (p *plain) add(a netip.Addr, now time.Time) {
	if p.until == nil {
		p.until = make(map[netip.Addr]time.Time)
	}
	for old := range p.until {
		if len(p.until) < maxPlain {
			break
		}
		delete(p.until, old)
	}
	p.until[a] = now.Add(plainFor)
}
