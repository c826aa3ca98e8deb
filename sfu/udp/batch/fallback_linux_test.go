package batch

import (
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A refusal stands before the kernel of a socket. It is asked about each message
// and may refuse it.
type refusal struct {
	ask          func(m *mmsghdr, many bool) unix.Errno
	calls, waits int
}

// install puts r before the kernel of s.
func (r *refusal) install(s *Socket) {
	k := linux()
	s.sys.kernel.sendmmsg = func(fd uintptr, m []mmsghdr) (int, unix.Errno) {
		r.calls++
		for i := range m {
			errno := r.ask(&m[i], true)
			if errno != 0 && i == 0 {
				return -1, errno
			}
			if errno != 0 {
				return k.sendmmsg(fd, m[:i]) // the kernel, too, does not tell the error of a later one
			}
		}
		return k.sendmmsg(fd, m)
	}
	s.sys.kernel.sendmsg = func(fd uintptr, m []mmsghdr) (int, unix.Errno) {
		r.calls++
		if errno := r.ask(&m[0], false); errno != 0 {
			return -1, errno
		}
		return k.sendmsg(fd, m)
	}
	s.sys.kernel.writable = func(uintptr) { r.waits++ }
}

// destination returns the address that a message goes to.
func destination(m *mmsghdr) netip.AddrPort {
	return (*sockaddr)(unsafe.Pointer(m.hdr.Name)).get(m.hdr.Namelen)
}

// joined reports whether a message has several datagrams: these tests send from no
// particular address, so that the control message can only be UDP_SEGMENT.
func joined(m *mmsghdr) bool {
	return m.hdr.Controllen > 0
}

// times returns a function that is true the first n times.
func times(n int) func() bool {
	return func() bool { n--; return n >= 0 }
}

// burst is how many datagrams each receiver of a fallback test gets.
const burst = 5

// TestFallback holds what is done about each error, and that nobody else's
// datagrams are lost, doubled or disordered by it.
func TestFallback(t *testing.T) {
	bad := netip.MustParseAddr("127.0.0.2") // of three receivers, .1 to .3
	toBad := func(m *mmsghdr) bool { return destination(m).Addr() == bad }
	for _, c := range []struct {
		name    string
		ask     func() func(m *mmsghdr, many bool) unix.Errno
		level   Level
		lost    uint64 // datagrams to the bad receiver
		waits   int
		refused uint64
		calls   int // of the second flush
	}{
		{name: "none", level: LevelGSO, calls: 1, ask: func() func(*mmsghdr, bool) unix.Errno {
			return func(*mmsghdr, bool) unix.Errno { return 0 }
		}},
		{name: "EIO on a run", level: LevelBatch, calls: 1, ask: func() func(*mmsghdr, bool) unix.Errno {
			return func(m *mmsghdr, _ bool) unix.Errno { return when(joined(m), unix.EIO) }
		}},
		{name: "ENOPROTOOPT on a run", level: LevelBatch, calls: 1, ask: func() func(*mmsghdr, bool) unix.Errno {
			return func(m *mmsghdr, _ bool) unix.Errno { return when(joined(m), unix.ENOPROTOOPT) }
		}},
		{name: "EIO in the middle", level: LevelBatch, calls: 1, ask: func() func(*mmsghdr, bool) unix.Errno {
			return func(m *mmsghdr, _ bool) unix.Errno { return when(joined(m) && toBad(m), unix.EIO) }
		}},
		{name: "EINVAL for one receiver", level: LevelGSO, refused: 1, calls: 1, ask: func() func(*mmsghdr, bool) unix.Errno {
			return func(m *mmsghdr, _ bool) unix.Errno { return when(joined(m) && toBad(m), unix.EINVAL) }
		}},
		{name: "EMSGSIZE for one receiver", level: LevelGSO, refused: 1, calls: 1, ask: func() func(*mmsghdr, bool) unix.Errno {
			return func(m *mmsghdr, _ bool) unix.Errno { return when(joined(m) && toBad(m), unix.EMSGSIZE) }
		}},
		{name: "EMSGSIZE for one receiver in every form", level: LevelGSO, refused: 1, lost: burst, calls: 12, ask: func() func(*mmsghdr, bool) unix.Errno {
			return func(m *mmsghdr, _ bool) unix.Errno { return when(toBad(m), unix.EMSGSIZE) }
		}},
		{name: "ENOSYS", level: LevelSingle, calls: 3 * burst, ask: func() func(*mmsghdr, bool) unix.Errno {
			return func(_ *mmsghdr, many bool) unix.Errno { return when(many, unix.ENOSYS) }
		}},
		{name: "EAGAIN once", level: LevelGSO, waits: 1, calls: 1, ask: func() func(*mmsghdr, bool) unix.Errno {
			first := times(2) // the kernel keeps the first of them to itself: see install
			return func(m *mmsghdr, _ bool) unix.Errno { return when(toBad(m) && first(), unix.EAGAIN) }
		}},
		{name: "EAGAIN always", level: LevelGSO, waits: 1, lost: burst, calls: 4, ask: func() func(*mmsghdr, bool) unix.Errno {
			return func(m *mmsghdr, _ bool) unix.Errno { return when(toBad(m), unix.EAGAIN) }
		}},
		{name: "ENOBUFS always", level: LevelGSO, waits: 1, lost: burst, calls: 4, ask: func() func(*mmsghdr, bool) unix.Errno {
			return func(m *mmsghdr, _ bool) unix.Errno { return when(toBad(m), unix.ENOBUFS) }
		}},
		{name: "ECONNREFUSED of somebody", level: LevelGSO, calls: 1, ask: func() func(*mmsghdr, bool) unix.Errno {
			first := times(1)
			return func(*mmsghdr, bool) unix.Errno { return when(first(), unix.ECONNREFUSED) }
		}},
		{name: "EHOSTUNREACH of one receiver", level: LevelGSO, lost: burst, calls: 4, ask: func() func(*mmsghdr, bool) unix.Errno {
			return func(m *mmsghdr, _ bool) unix.Errno { return when(toBad(m), unix.EHOSTUNREACH) }
		}},
		{name: "EPERM of one receiver", level: LevelGSO, lost: burst, calls: 4, ask: func() func(*mmsghdr, bool) unix.Errno {
			return func(m *mmsghdr, _ bool) unix.Errno { return when(toBad(m), unix.EPERM) }
		}},
		{name: "EINTR", level: LevelGSO, calls: 1, ask: func() func(*mmsghdr, bool) unix.Errno {
			first, then := times(5), times(1)
			return func(*mmsghdr, bool) unix.Errno {
				if first() {
					return unix.EINTR
				}
				return when(then(), unix.ECONNREFUSED)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, "127.0.0.9")
			r := &refusal{ask: c.ask()}
			r.install(s)
			w := NewWriter(s)
			sinks := []*Socket{open(t, "127.0.0.1"), open(t, "127.0.0.2"), open(t, "127.0.0.3")}
			flush(t, w, sinks)
			checkBursts(t, sinks, c.lost > 0)
			st := s.Stats()
			if st.Level != c.level || st.Dropped != c.lost || st.RefusedGSO != c.refused || r.waits != c.waits || st.Waits != uint64(c.waits) {
				t.Errorf("Stats() = %+v and %d waits, want level %v, %d dropped, %d refused, %d waits", st, r.waits, c.level, c.lost, c.refused, c.waits)
			}
			if st.Sent != 3*burst-c.lost {
				t.Errorf("Stats() = %d sent, want %d", st.Sent, 3*burst-c.lost)
			}
			r.calls = 0
			flush(t, w, sinks)
			checkBursts(t, sinks, c.lost > 0)
			if r.calls != c.calls {
				t.Errorf("the second flush took %d system calls, want %d: what was refused once is not tried again", r.calls, c.calls)
			}
		})
	}
}

// when returns errno if the condition holds.
func when(condition bool, errno unix.Errno) unix.Errno {
	if condition {
		return errno
	}
	return 0
}

// flush sends a burst to each sink.
func flush(t *testing.T, w *Writer, sinks []*Socket) {
	t.Helper()
	for _, sink := range sinks {
		w.Begin(sink.LocalAddr(), netip.Addr{})
		for i := range burst {
			put(w, i, 1216)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatalf("Flush() = %v", err)
	}
}

// checkBursts reads one burst from each sink but the second if that one is lost,
// and checks that no more is there.
func checkBursts(t *testing.T, sinks []*Socket, lost bool) {
	t.Helper()
	for k, sink := range sinks {
		if k != 1 || !lost {
			all := take(t, sink, NewReadBatch(sink), burst)
			if len(all) != burst {
				t.Errorf("receiver %d got %d datagrams, want %d", k, len(all), burst)
			}
			for i, g := range all {
				if g.number != i {
					t.Errorf("receiver %d: datagram %d is number %d", k, i, g.number)
				}
			}
		}
		if !empty(t, sink) {
			t.Errorf("receiver %d got more datagrams than were sent", k)
		}
	}
}

// empty reports whether nothing is left to read. What is sent over loopback has
// arrived when the call that sends returns.
func empty(t *testing.T, s *Socket) (nothing bool) {
	t.Helper()
	if err := s.raw.Control(func(fd uintptr) {
		nothing = pending(fd) == unix.EAGAIN
	}); err != nil {
		t.Fatalf("Control() = %v", err)
	}
	return nothing
}

// TestWaitsOnce holds that a flush does not wait for each message of a full queue.
func TestWaitsOnce(t *testing.T) {
	s := open(t, "127.0.0.9")
	r := &refusal{ask: func(*mmsghdr, bool) unix.Errno { return unix.EAGAIN }}
	r.install(s)
	flush(t, NewWriter(s), []*Socket{open(t, "127.0.0.1"), open(t, "127.0.0.2"), open(t, "127.0.0.3")})
	if st := s.Stats(); r.waits != 1 || st.Dropped != 3*burst || r.calls != 4 {
		t.Errorf("%d waits, %d dropped, %d system calls; want 1, %d, 4", r.waits, st.Dropped, r.calls, 3*burst)
	}
}

// TestProbe holds that a sandbox without the system calls for many messages is
// noticed at the start.
func TestProbe(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOSYS, unix.EPERM} {
		s := open(t, "127.0.0.1")
		refuse := func(uintptr, []mmsghdr) (int, unix.Errno) { return -1, errno }
		s.sys.kernel.sendmmsg, s.sys.kernel.recvmmsg = refuse, refuse
		s.probe()
		if s.Level() != LevelSingle || s.sys.many {
			t.Errorf("%v: level %v, many %t, want single system calls", errno, s.Level(), s.sys.many)
		}
	}
	if st := open(t, "127.0.0.1").Stats(); st.ReadBuffer == 0 || st.WriteBuffer == 0 {
		t.Errorf("Stats() = %+v, want the sizes of the buffers", st)
	}
}

func TestPlainIsBoundedAndForgets(t *testing.T) {
	var p plain
	start := time.Unix(1, 0)
	for i := range 3 * maxPlain {
		p.add(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), start.Add(time.Duration(i)*time.Second))
		if len(p.until) > maxPlain {
			t.Fatalf("%d receivers are remembered, want at most %d", len(p.until), maxPlain)
		}
	}
	last := netip.AddrFrom4([4]byte{10, 0, byte((3*maxPlain - 1) >> 8), byte((3*maxPlain - 1) & 255)})
	if !p.has(last) {
		t.Error("the last receiver is forgotten")
	}
	p.forget(start.Add((3*maxPlain-2)*time.Second + plainFor))
	if !p.has(last) || len(p.until) > 2 {
		t.Errorf("%d receivers are remembered, and the last one %t; want those of the last seconds", len(p.until), p.has(last))
	}
	p.forget(start.Add(3*maxPlain*time.Second + plainFor))
	if len(p.until) != 0 {
		t.Errorf("%d receivers are remembered after their time, want none", len(p.until))
	}
}

// TestReadFallback holds that reading goes on through asynchronous errors and
// without recvmmsg, and that a socket with nothing but errors is given up.
func TestReadFallback(t *testing.T) {
	from := open(t, "127.0.0.1")
	send := func(to *Socket) {
		w := NewWriter(from)
		w.Begin(to.LocalAddr(), netip.Addr{})
		for i := range burst {
			put(w, i, 1000)
		}
		w.Flush()
	}
	t.Run("errors of others", func(t *testing.T) {
		s := open(t, "127.0.0.1")
		some := times(20)
		s.sys.kernel.recvmmsg = func(fd uintptr, m []mmsghdr) (int, unix.Errno) {
			if some() {
				return -1, unix.ECONNREFUSED
			}
			return recvmmsg(fd, m)
		}
		send(s)
		take(t, s, NewReadBatch(s), burst)
		if n := s.Stats().ReadErrors; n != 20 {
			t.Errorf("Stats() = %d read errors, want 20", n)
		}
	})
	t.Run("no recvmmsg", func(t *testing.T) {
		s := open(t, "127.0.0.1")
		s.sys.many = false
		s.sys.kernel.recvmmsg = nil
		send(s)
		take(t, s, NewReadBatch(s), burst)
	})
	t.Run("only errors", func(t *testing.T) {
		s := open(t, "127.0.0.1")
		s.sys.kernel.recvmmsg = func(uintptr, []mmsghdr) (int, unix.Errno) { return -1, unix.ENOTCONN }
		send(s)
		if n, err := s.Read(NewReadBatch(s)); err == nil {
			t.Errorf("Read() = %d, nil, want an error", n)
		}
	})
}

// TestReadSplits holds that what the kernel joined comes as single datagrams, and
// that a message longer than its buffer is dropped without the others.
func TestReadSplits(t *testing.T) {
	from, s := open(t, "127.0.0.1"), open(t, "127.0.0.1")
	if st := s.Stats(); !st.GRO || st.Level != LevelGSO {
		t.Skip("this kernel does not join datagrams") // older than 5.0
	}
	b := NewReadBatch(s)
	w := NewWriter(from)
	w.Begin(s.LocalAddr(), netip.Addr{})
	for i := range 64 {
		put(w, i, 1000)
	}
	w.Flush()
	if n, err := s.Read(b); n != 64 || err != nil {
		t.Fatalf("Read() = %d, %v, want the 64 datagrams of one run", n, err)
	}
	if reads := s.Stats().Reads; reads != 1 {
		t.Errorf("Stats() = %d reads, want 1", reads)
	}

	b.sys.size = 2500 // two datagrams and a half
	for i := range b.sys.vectors {
		b.sys.vectors[i].SetLen(b.sys.size)
	}
	for i := range 4 {
		put(w, i, 1000)
	}
	put(w, 4, 3000) // a message by itself
	w.Flush()
	put(w, 5, 200)
	w.Flush()
	for i, g := range take(t, s, b, 3) {
		if want := []int{0, 1, 5}[i]; g.number != want {
			t.Errorf("datagram %d is number %d, want %d", i, g.number, want)
		}
	}
	if n := s.Stats().Truncated; n != 2 {
		t.Errorf("Stats() = %d truncated, want 2", n)
	}
}
