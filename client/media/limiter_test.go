package media

import (
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A pipeConn is a packet connection that receives what is put into it.
type pipeConn struct {
	net.PacketConn
	in   chan []byte
	once sync.Once
}

var errPipeClosed = errors.New("pipe closed")

func (p *pipeConn) ReadFrom(b []byte) (int, net.Addr, error) {
	d, ok := <-p.in
	if !ok {
		return 0, nil, errPipeClosed
	}
	return copy(b, d), &net.UDPAddr{Port: 1}, nil
}

func (p *pipeConn) Close() error {
	p.once.Do(func() { close(p.in) })
	return nil
}

// offer sends n datagrams of size bytes evenly over d through a Limiter of rate
// and returns how many came out.
func offer(t *testing.T, rate, n, size int, d time.Duration) (l *Limiter, received int) {
	t.Helper()
	pipe := &pipeConn{in: make(chan []byte)}
	l = NewLimiter(pipe)
	l.SetRate(rate)
	var reader sync.WaitGroup
	reader.Go(func() {
		buf := make([]byte, maxDatagram)
		for {
			m, from, err := l.ReadFrom(buf)
			if errors.Is(err, errPipeClosed) {
				return
			}
			if err != nil || m != size || from == nil {
				t.Errorf("ReadFrom = %d, %v, %v", m, from, err)
				return
			}
			received++
		}
	})
	for range n {
		pipe.in <- make([]byte, size)
		<-time.After(d / time.Duration(n))
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	reader.Wait()
	return l, received
}

func TestLimiterCarriesItsRate(t *testing.T) {
	tests := []struct {
		name                string
		rate, n, size       int
		over                time.Duration
		wantLeast, wantMost int
	}{
		{"unlimited", 0, 1000, 1000, time.Second, 1000, 1000},
		{"below the rate", 1_000_000, 100, 972, time.Second, 100, 100},
		// 250 kbit/s are 31.25 datagrams of 1000 bytes a second; 12 KiB wait at the end.
		{"four times the rate", 250_000, 1250, 972, 10 * time.Second, 312, 326},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, got := offer(t, tt.rate, tt.n, tt.size, tt.over)
				if got < tt.wantLeast || got > tt.wantMost {
					t.Errorf("%d of %d datagrams came through, want %d to %d", got, tt.n, tt.wantLeast, tt.wantMost)
				}
				if lost := l.Dropped(); int(lost) != tt.n-got {
					t.Errorf("Dropped() = %d, want %d", lost, tt.n-got)
				}
				if carried := l.Carried(); int(carried) != got*tt.size {
					t.Errorf("Carried() = %d, want %d", carried, got*tt.size)
				}
			})
		})
	}
}

func TestLimiterDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipe := &pipeConn{in: make(chan []byte)}
		l := NewLimiter(pipe)
		defer l.Close()
		l.SetRate(80_000) // 10 bytes a millisecond
		start := time.Now()
		pipe.in <- make([]byte, 972)
		pipe.in <- make([]byte, 472)
		buf := make([]byte, maxDatagram)
		for _, want := range []time.Duration{100 * time.Millisecond, 150 * time.Millisecond} {
			if _, _, err := l.ReadFrom(buf); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(start); got != want {
				t.Errorf("datagram came after %v, want %v", got, want)
			}
		}
	})
}
