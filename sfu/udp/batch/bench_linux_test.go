package batch

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// receivers opens sockets that are read until the benchmark ends.
func receivers(b *testing.B, n int) (all []netip.AddrPort) {
	b.Helper()
	var reading sync.WaitGroup
	var sinks []*Socket
	for range n {
		s := open(b, "127.0.0.1")
		sinks = append(sinks, s)
		all = append(all, s.LocalAddr())
		reading.Go(func() {
			buffer := make([]byte, 2048)
			for {
				if _, err := s.conn.Read(buffer); err != nil {
					return
				}
			}
		})
	}
	b.Cleanup(func() {
		for _, s := range sinks {
			s.Close()
		}
		reading.Wait()
	})
	return all
}

// BenchmarkSend seals and sends a burst of 10 packets of 1200 bytes to 100
// receivers. One operation is one packet. On a busy machine only cpu-ns/op tells
// anything: the CPU time of the sending thread alone.
func BenchmarkSend(b *testing.B) {
	for _, level := range []Level{LevelGSO, LevelBatch, LevelSingle} {
		b.Run(level.String(), func(b *testing.B) {
			s := open(b, "127.0.0.1")
			s.Limit(level)
			sendBursts(b, NewWriter(s), receivers(b, 100))
		})
	}
}

// BenchmarkChunk is BenchmarkSend with other sizes of chunk. It is how that was
// chosen.
func BenchmarkChunk(b *testing.B) {
	for _, size := range []int{64, 128, 256, 512, 1024, 2048} {
		b.Run(fmt.Sprintf("%dK", size), func(b *testing.B) {
			w := NewWriter(open(b, "127.0.0.1"))
			w.chunk = size << 10
			sendBursts(b, w, receivers(b, 100))
		})
	}
}

func sendBursts(b *testing.B, w *Writer, to []netip.AddrPort) {
	b.Helper()
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	header, nonce := make([]byte, 12), make([]byte, 12)
	payloads := make([][]byte, 10)
	for i := range payloads {
		payloads[i] = make([]byte, 1188)
	}
	const overhead = 12 + 16
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.ReportAllocs()
	before := threadTime(b)
	b.ResetTimer()
	for n := 0; n < b.N; {
		for _, to := range to {
			w.Begin(to, netip.Addr{})
			for _, p := range payloads {
				d := append(w.Buffer(len(p)+overhead), header...)
				d = aead.Seal(d, nonce, p, d)
				w.Commit(len(d))
				n++
			}
		}
		if err := w.Flush(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(threadTime(b)-before)/float64(b.N), "cpu-ns/op")
}

// threadTime returns the CPU time of the current thread.
func threadTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
