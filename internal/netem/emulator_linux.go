package netem

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"sync"

	"golang.org/x/sys/unix"

	"conclave/internal/netem/link"
)

// An Emulator is a network namespace behind an emulated path. Its methods may be
// called concurrently.
type Emulator struct {
	// Constant after New.
	subnet       int
	space        *namespace
	outer, inner *os.File
	up, down     *direction
	done         chan struct{}
	forwarders   sync.WaitGroup
	closeOnce    sync.Once
	closeErr     error // set by closeOnce
}

// New makes an emulator. The error wraps [ErrUnsupported] if the system does not
// allow one.
func New(cfg Config) (*Emulator, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	e := &Emulator{done: make(chan struct{})}
	var err error
	if e.outer, e.subnet, err = openOuter(cfg.Subnet); err != nil {
		return nil, err
	}
	if e.space, e.inner, err = openInner(e.subnet); err != nil {
		return nil, errors.Join(err, e.outer.Close())
	}
	in, out := e.Inside(), e.Outside()
	e.up = newDirection(e.inner, e.outer, in, out, cfg.Up, cfg.Seed)
	e.down = newDirection(e.outer, e.inner, out, in, cfg.Down, cfg.Seed+1)
	for _, d := range []*direction{e.up, e.down} {
		e.forwarders.Go(d.receive)
		e.forwarders.Go(func() { d.deliver(e.done) })
	}
	return e, nil
}

// openOuter makes the device outside, for subnet n or the first that is free.
// The kernel lets only one process hold a device name, so the name is the claim.
func openOuter(n int) (*os.File, int, error) {
	first, last := n, n
	if n == 0 {
		first, last = 1, maxSubnet
	}
	for n = first; n <= last; n++ {
		name := fmt.Sprintf("cnetem%d", n)
		f, err := openTUN(name)
		if errors.Is(err, unix.EBUSY) && first != last {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if err := configure(name, outsideAddr(n)); err != nil {
			return nil, 0, errors.Join(err, f.Close())
		}
		return f, n, nil
	}
	return nil, 0, errors.New("netem: all subnets are in use")
}

// openInner makes the namespace and the device in it.
func openInner(n int) (*namespace, *os.File, error) {
	space, err := newNamespace()
	if err != nil {
		return nil, nil, err
	}
	var f *os.File
	err = space.do(func() error {
		if err := raise("lo"); err != nil {
			return err
		}
		f, err = openTUN("tun0")
		if err != nil {
			return err
		}
		if err := configure("tun0", insideAddr(n)); err != nil {
			return errors.Join(err, f.Close())
		}
		if err := routeAll(outsideAddr(n)); err != nil {
			return errors.Join(err, f.Close())
		}
		return nil
	})
	if err != nil {
		return nil, nil, errors.Join(err, space.close())
	}
	return space, f, nil
}

// Inside is the address of the end in the namespace.
func (e *Emulator) Inside() netip.Addr { return insideAddr(e.subnet) }

// Outside is the address of the end where New was called.
func (e *Emulator) Outside() netip.Addr { return outsideAddr(e.subnet) }

// SetUp changes the path from inside to outside. An error wraps [link.ErrProfile].
func (e *Emulator) SetUp(p link.Profile) error { return set(e.up, p) }

// SetDown changes the path from outside to inside. An error wraps
// [link.ErrProfile].
func (e *Emulator) SetDown(p link.Profile) error { return set(e.down, p) }

func set(d *direction, p link.Profile) error {
	if err := p.Validate(); err != nil {
		return err
	}
	d.set(p)
	return nil
}

// Up returns the profile from inside to outside.
func (e *Emulator) Up() link.Profile { return e.up.profile() }

// Down returns the profile from outside to inside.
func (e *Emulator) Down() link.Profile { return e.down.profile() }

// Stats returns the counts so far.
func (e *Emulator) Stats() Stats {
	return Stats{
		Up:      e.up.stats(),
		Down:    e.down.stats(),
		Refused: e.up.refused.Load() + e.down.refused.Load(),
	}
}

// Do calls f on a thread that is in the namespace. Sockets that f opens and
// processes that it starts stay in it. f must not start goroutines that
// are to be in it too.
func (e *Emulator) Do(f func() error) error {
	select {
	case <-e.done:
		return ErrClosed
	default:
		return e.space.do(f)
	}
}

// Start starts cmd in the namespace.
func (e *Emulator) Start(cmd *exec.Cmd) error { return e.Do(cmd.Start) }

// Close stops forwarding and removes the devices. The namespace goes with the
// last process in it. Close may be called again.
func (e *Emulator) Close() error {
	e.closeOnce.Do(func() {
		close(e.done)
		e.closeErr = errors.Join(e.outer.Close(), e.inner.Close(), e.space.close())
		e.forwarders.Wait()
	})
	return e.closeErr
}
