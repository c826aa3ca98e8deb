package batch

import (
	"net/netip"
	"slices"
	"testing"
)

var (
	one = netip.MustParseAddrPort("127.0.0.1:9")
	two = netip.MustParseAddrPort("127.0.0.2:9")
)

// TestRuns holds the rules of UDP_SEGMENT: equal sizes, the last may be shorter,
// one destination and source, at most 64 datagrams and 65,000 bytes.
func TestRuns(t *testing.T) {
	repeat := func(n, size int) []int { return slices.Repeat([]int{size}, n) }
	for _, c := range []struct {
		name  string
		sizes []int
		want  []int // datagrams of each run
	}{
		{"equal", repeat(10, 1216), []int{10}},
		{"last shorter", []int{1216, 1216, 9}, []int{3}},
		{"shorter closes", []int{1216, 9, 9, 9}, []int{2, 2}},
		{"longer begins", []int{1216, 1217, 1217}, []int{1, 2}},
		{"as libwebrtc splits a frame", []int{1100, 1100, 1101, 1101}, []int{2, 2}},
		{"segments", repeat(130, 100), []int{64, 64, 2}},
		{"bytes", repeat(60, 1216), []int{53, 7}},
		{"long ones", repeat(3, 40000), []int{1, 1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := NewWriter(open(t, "127.0.0.1"))
			w.Begin(one, netip.Addr{})
			for i, n := range c.sizes {
				put(w, i, n)
			}
			if got := counts(w); !slices.Equal(got, c.want) {
				t.Errorf("runs of %v = %v, want %v", c.sizes, got, c.want)
			}
			w.runs = w.runs[:0] // none is sent
		})
	}
}

// counts returns how many datagrams each run has.
func counts(w *Writer) (n []int) {
	for i := range w.runs {
		n = append(n, w.runs[i].datagrams)
	}
	return n
}

func TestRunsHaveOneDestination(t *testing.T) {
	w := NewWriter(open(t, "127.0.0.1"))
	from := netip.MustParseAddr("127.0.0.3")
	for _, step := range []struct {
		to   netip.AddrPort
		from netip.Addr
	}{{one, netip.Addr{}}, {two, netip.Addr{}}, {two, netip.Addr{}}, {two, from}, {one, netip.Addr{}}} {
		w.Begin(step.to, step.from)
		put(w, 0, 100)
	}
	if got, want := counts(w), []int{1, 2, 1, 1}; !slices.Equal(got, want) {
		t.Errorf("runs = %v, want %v", got, want)
	}
	if w.runs[2].from != from {
		t.Errorf("run 2 leaves from %v, want %v", w.runs[2].from, from)
	}
	w.runs = w.runs[:0] // none is sent
}

// TestCommitDrops holds that what cannot be a datagram of the socket is dropped,
// counted, and does no harm to others.
func TestCommitDrops(t *testing.T) {
	s, sink := open(t, "127.0.0.1"), open(t, "127.0.0.1")
	w := NewWriter(s)
	for _, to := range []netip.AddrPort{
		{}, netip.MustParseAddrPort("[::1]:9"), netip.MustParseAddrPort("[::ffff:127.0.0.1]:9"), netip.MustParseAddrPort("127.0.0.1:0"),
	} {
		w.Begin(to, netip.Addr{})
		put(w, 0, 100)
	}
	w.Begin(sink.LocalAddr(), netip.MustParseAddr("::1"))
	if b := w.Buffer(MaxDatagram + 1); b != nil {
		t.Errorf("Buffer(%d) has capacity %d, want nil", MaxDatagram+1, cap(b))
	}
	w.Commit(MaxDatagram + 1)
	w.Buffer(10)
	w.Commit(11)
	w.Buffer(10)
	w.Commit(0)
	put(w, 7, 100)
	w.Commit(100) // a second time
	if err := w.Flush(); err != nil {
		t.Errorf("Flush() = %v", err)
	}
	if got := take(t, sink, NewReadBatch(sink), 1); got[0].number != 7 {
		t.Errorf("received datagram %d, want 7", got[0].number)
	}
	if st := s.Stats(); st.Dropped != 8 || st.Sent != 1 {
		t.Errorf("Stats() = %d dropped and %d sent, want 8 and 1", st.Dropped, st.Sent)
	}
}

// TestFlushesByItself holds that a Writer sends when its arena or its table is
// full, and that nothing is lost or changed by it.
func TestFlushesByItself(t *testing.T) {
	for _, c := range []struct {
		name     string
		n, size  int
		receives int
	}{
		{"arena", 1000, 1200, 1}, {"table", 3 * maxMessages, 10, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, "127.0.0.1")
			var sinks []*Socket
			for range c.receives {
				sinks = append(sinks, open(t, "127.0.0.1"))
			}
			w := NewWriter(s)
			for i := range c.n {
				w.Begin(sinks[i%len(sinks)].LocalAddr(), netip.Addr{})
				put(w, i, c.size)
			}
			if st := s.Stats(); st.Sent == 0 {
				t.Error("nothing was sent before Flush")
			}
			if err := w.Flush(); err != nil {
				t.Fatalf("Flush() = %v", err)
			}
			for k, sink := range sinks {
				want := (c.n - k + len(sinks) - 1) / len(sinks)
				for i, g := range take(t, sink, NewReadBatch(sink), want) {
					if g.number != k+i*len(sinks) {
						t.Fatalf("receiver %d: datagram %d is number %d, want %d", k, i, g.number, k+i*len(sinks))
					}
				}
			}
		})
	}
}
