package udp

import (
	"testing"
	"time"

	"conclave/sfu/rtp"
)

// A fake is a Handler that tells a test what it is called for.
type fake struct {
	connected    chan struct{}
	disconnected chan struct{}
	packets      chan rtp.Inbound // copies
	receive      func(now time.Time, in []rtp.Inbound, out *rtp.Output)
	greeting     func(out *rtp.Output)
}

func newFake() *fake {
	return &fake{
		connected: make(chan struct{}, 1), disconnected: make(chan struct{}, 1), packets: make(chan rtp.Inbound, 4096),
	}
}

var _ Handler = (*fake)(nil)

func (f *fake) Receive(now time.Time, in []rtp.Inbound, out *rtp.Output) {
	if f.receive != nil {
		f.receive(now, in, out)
		return
	}
	for _, p := range in {
		p.Data = append([]byte(nil), p.Data...)
		select {
		case f.packets <- p:
		default:
		}
	}
}

func (f *fake) Connected(_ time.Time, out *rtp.Output) {
	if f.greeting != nil {
		f.greeting(out)
	}
	f.connected <- struct{}{} // blocks the goroutine if it is called again: the test times out
}

func (f *fake) Disconnected(time.Time) { f.disconnected <- struct{}{} }

// next returns the next packet.
func (f *fake) next(t *testing.T) rtp.Inbound {
	t.Helper()
	select {
	case p := <-f.packets:
		return p
	case <-time.After(patience):
		t.Fatal("no packet came")
		return rtp.Inbound{}
	}
}

// happens waits for an event.
func happens(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("did not happen: " + what)
	}
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	over := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatal("did not happen: " + what)
		}
	}
}
