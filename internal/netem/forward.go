package netem

import (
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"conclave/internal/netem/link"
)

// mtu is the largest packet forwarded, in bytes.
const mtu = 1500

// A packet is one datagram in a fixed array. Whoever holds the pointer owns it.
type packet struct {
	data [mtu]byte
	n    int
}

// A direction forwards the packets of one device to another.
type direction struct {
	// Constant after newDirection.
	from     io.Reader
	to       io.Writer
	src, dst netip.Addr
	free     sync.Pool     // of *packet
	wake     chan struct{} // the link has changed; capacity 1, more says nothing more

	refused atomic.Uint64

	// mu guards the fields below. It is not held while reading or writing.
	mu   sync.Mutex
	link *link.Link[*packet]
}

func newDirection(from io.Reader, to io.Writer, src, dst netip.Addr, p link.Profile, seed uint64) *direction {
	return &direction{
		from: from, to: to, src: src, dst: dst,
		free: sync.Pool{New: func() any { return new(packet) }},
		wake: make(chan struct{}, 1),
		link: link.New[*packet](p, seed),
	}
}

// set changes the profile.
func (d *direction) set(p link.Profile) {
	d.mu.Lock()
	d.link.Set(time.Now(), p)
	d.mu.Unlock()
	d.signal()
}

// profile returns the profile in force.
func (d *direction) profile() link.Profile {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.link.Profile()
}

// stats returns the link's counts.
func (d *direction) stats() link.Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.link.Stats()
}

// signal wakes deliver.
func (d *direction) signal() {
	select {
	case d.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// receive reads packets into the link until the device is closed.
func (d *direction) receive() {
	for {
		p, _ := d.free.Get().(*packet)
		n, err := d.from.Read(p.data[:])
		if err != nil {
			return
		}
		p.n = n
		if !isBetween(p.data[:n], d.src, d.dst) {
			d.refused.Add(1)
			d.free.Put(p)
			continue
		}
		d.mu.Lock()
		taken := d.link.Push(time.Now(), n, p)
		d.mu.Unlock()
		if !taken {
			d.free.Put(p)
			continue
		}
		d.signal()
	}
}

// deliver writes packets as they come out of the link, until done is closed.
func (d *direction) deliver(done <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(d.flush())
		select {
		case <-timer.C:
		case <-d.wake:
		case <-done:
			return
		}
	}
}

// flush writes what has come out and returns how long until more does.
func (d *direction) flush() time.Duration {
	for {
		now := time.Now()
		d.mu.Lock()
		p, ok := d.link.Pop(now)
		next, more := d.link.Next()
		d.mu.Unlock()
		if ok {
			// A full or closing device drops it, as networks do.
			_, _ = d.to.Write(p.data[:p.n])
			d.free.Put(p)
			continue
		}
		if !more {
			return time.Hour
		}
		return max(next.Sub(now), 0)
	}
}
