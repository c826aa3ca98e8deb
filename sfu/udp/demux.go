package udp

import (
	"encoding/binary"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// demuxBuckets divides the addresses, so that a change copies few of them.
const demuxBuckets = 256

// A demux finds paths by address. Lookups take no lock and do not allocate;
// changes copy a bucket.
type demux struct {
	buckets [demuxBuckets]demuxBucket
}

type demuxBucket struct {
	paths atomic.Pointer[map[route]*path] // never changed once it is here
	mu    sync.Mutex                      // held to replace it
}

// bucket returns the one for an address. Ports and the last bytes of addresses
// differ between clients.
func (d *demux) bucket(r route) *demuxBucket {
	a := r.remote.Addr().As16()
	h := binary.BigEndian.Uint32(a[12:]) ^ binary.BigEndian.Uint32(a[4:]) ^ uint32(r.remote.Port())
	h *= 0x9E3779B1 // 2^32 / golden ratio: spreads neighbours
	return &d.buckets[h>>24]
}

// find returns the path of an address, or nil.
func (d *demux) find(r route) *path {
	if m := d.bucket(r).paths.Load(); m != nil {
		return (*m)[r]
	}
	return nil
}

// add enters a path, unless another peer has been heard from its address lately.
func (d *demux) add(now time.Time, p *path) bool {
	b := d.bucket(p.link.route)
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.paths.Load()
	n := make(map[route]*path, 1)
	if old != nil {
		if q := (*old)[p.link.route]; q != nil && q.peer != p.peer && !q.silent(now, ownedTime) {
			return false
		}
		n = maps.Clone(*old)
	}
	n[p.link.route] = p
	b.paths.Store(&n)
	return true
}

// remove takes a path out, if its address is still its own.
func (d *demux) remove(p *path) {
	b := d.bucket(p.link.route)
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.paths.Load()
	if old == nil || (*old)[p.link.route] != p {
		return
	}
	n := maps.Clone(*old)
	delete(n, p.link.route)
	b.paths.Store(&n)
}
