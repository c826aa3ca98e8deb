package udp

import (
	"runtime"
	"testing"

	"conclave/internal/testkit"
)

// TestReportsRest holds that RTCP has a socket of its own, whose shard rests between
// reads until the transport is closed.
func TestReportsRest(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{Shards: 2})
	last := tr.v4[len(tr.v4)-1]
	if runtime.GOOS != "linux" || !last.RTCP() {
		testkit.Missing(t, "this system does not tell RTCP apart")
	}
	for _, s := range tr.v4[:2] {
		if s.RTCP() {
			t.Error("a socket for media gets RTCP only")
		}
	}
	s := tr.newShard(last, 2, false)
	for range 2 {
		if !s.rest() {
			t.Error("the shard ends while the transport is open")
		}
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	for range 64 { // select takes either of two that are ready
		if !s.rest() {
			return
		}
	}
	t.Error("the shard goes on after the transport was closed")
}
