package udp

import (
	"testing"
	"time"
)

// TestGather holds that a shard waits for the rest of a picture, and how often: a
// test cannot tell how long, so it counts.
func TestGather(t *testing.T) {
	b := newBench(t, 1)
	list := b.packets(3, 1100)
	b.send(list[:1])
	n, err := b.shard.socket.Read(b.shard.batch)
	if err != nil || !b.shard.unfinished(n) {
		t.Fatalf("Read() = %d, %v; a packet without marker does not count as unfinished", n, err)
	}
	b.send(list[1:])
	now := time.Unix(1000, 0)
	if n = b.shard.gather(now, n); n != 3 {
		t.Errorf("gather() = %d datagrams, want the 3 that are there", n)
	}
	if b.shard.pause != leastPause {
		t.Errorf("pause = %v after a wait that found something, want %v", b.shard.pause, leastPause)
	}
	b.send(list[:1])
	if b.shard.gather(now.Add(leastPause/2), n) != n {
		t.Error("gather waited again at once")
	}
	if n = b.shard.gather(now.Add(leastPause), n); n != 4 {
		t.Errorf("gather() = %d datagrams after its pause, want 4", n)
	}
	for range 10 {
		now = now.Add(mostPause)
		b.shard.gather(now, n)
	}
	if b.shard.pause != mostPause {
		t.Errorf("pause = %v after waits that found nothing, want %v", b.shard.pause, mostPause)
	}
}

func TestUnfinished(t *testing.T) {
	b := newBench(t, 1)
	short := b.packets(1, 100)[0]
	marked := b.packets(1, 1100)[0]
	marked[1] |= 0x80
	for name, datagram := range map[string][]byte{"short": short, "last of its picture": marked, "no media": make([]byte, 1100)} {
		_, _ = b.conn.Write(datagram)
		n, err := b.shard.socket.Read(b.shard.batch)
		if err != nil || b.shard.unfinished(n) {
			t.Errorf("%s: Read() = %d, %v; it counts as unfinished", name, n, err)
		}
	}
}
