package batch

import (
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"conclave/internal/testkit"
)

// TestSmallRoute tries the real kernel in a network of its own, with one route
// whose MTU is too small for the segments of a run and one that is not.
func TestSmallRoute(t *testing.T) {
	enterNetwork(t)
	s := open(t, "127.0.0.1")
	wide := open(t, "127.0.0.1")
	narrow := open(t, "127.0.0.2")
	w := NewWriter(s)
	sinks := []*Socket{wide, narrow}
	for range 2 {
		flush(t, w, sinks)
		for k, sink := range sinks {
			for i, g := range take(t, sink, NewReadBatch(sink), burst) {
				if g.number != i || g.size != 1216 {
					t.Errorf("receiver %d: datagram %d is number %d of %d bytes", k, i, g.number, g.size)
				}
			}
		}
	}
	st := s.Stats()
	if st.Level != LevelGSO || st.Sent != 4*burst || st.Dropped != 0 || st.RefusedGSO != 1 {
		t.Errorf("Stats() = %+v, want GSO, %d sent, none dropped, one route refused once", st, 4*burst)
	}
	if want := uint64(2 + 2*burst); st.Messages != want {
		t.Errorf("Stats() = %d messages, want %d: runs to one receiver, single datagrams to the other", st.Messages, want)
	}
}

// enterNetwork puts the test's thread into a new network that has a loopback
// device, and a smaller MTU for 127.0.0.2.
func enterNetwork(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the thread ends with the test's goroutine
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		testkit.Missing(t, "no right to make a network namespace: %v", err)
	}
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"route", "add", "table", "local", "local", "127.0.0.2/32", "dev", "lo", "mtu", "lock", "1000", "src", "127.0.0.1"},
	} {
		if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
			testkit.Missing(t, "ip %v: %v: %s", args, err, out)
		}
	}
}
