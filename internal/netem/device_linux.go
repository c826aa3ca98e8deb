package netem

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A namespace is a network namespace that lives as long as its descriptor.
type namespace struct{ file *os.File }

// newNamespace makes a namespace.
func newNamespace() (*namespace, error) {
	var n namespace
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return unsupported("making a network namespace", err)
		}
		f, err := os.Open("/proc/thread-self/ns/net")
		n.file = f
		return err
	})
	if err != nil {
		return nil, err
	}
	return &n, nil
}

// do calls f on a thread in the namespace.
func (n *namespace) do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering the namespace: %w", err)
		}
		return f()
	})
}

func (n *namespace) close() error { return n.file.Close() }

// onThread calls f on a thread that f may move to another namespace. The thread
// is moved back afterwards; if that fails it is not used again.
func onThread(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			runtime.UnlockOSThread()
			result <- unsupported("opening the namespace", err)
			return
		}
		err = f()
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		result <- errors.Join(err, home.Close())
	}()
	return <-result
}

// unsupported says what could not be done, and wraps ErrUnsupported if that
// is for want of rights or of the system's support.
func unsupported(what string, err error) error {
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) ||
		errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("%w: %s: %w", ErrUnsupported, what, err)
	}
	return fmt.Errorf("netem: %s: %w", what, err)
}

// openTUN makes a TUN device in the thread's namespace. It is gone when the file is
// closed.
func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, unsupported("opening /dev/net/tun", err)
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		return nil, errors.Join(unsupported("making device "+name, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil // a descriptor is not negative
}

// configure gives a device its address in a net of four, and raises it.
func configure(name string, addr netip.Addr) error {
	bytes := addr.As4()
	for _, set := range []struct {
		request uint
		value   [4]byte
	}{
		{unix.SIOCSIFADDR, bytes},
		{unix.SIOCSIFNETMASK, [4]byte{255, 255, 255, 252}},
	} {
		err := control(name, set.request, func(r *unix.Ifreq) error { return r.SetInet4Addr(set.value[:]) })
		if err != nil {
			return fmt.Errorf("netem: setting the address of %s: %w", name, err)
		}
	}
	if err := control(name, unix.SIOCSIFMTU, func(r *unix.Ifreq) error { r.SetUint32(mtu); return nil }); err != nil {
		return fmt.Errorf("netem: setting the MTU of %s: %w", name, err)
	}
	return raise(name)
}

// raise brings a device up.
func raise(name string) error {
	err := control(name, unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error {
		r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		return nil
	})
	if err != nil {
		return fmt.Errorf("netem: raising %s: %w", name, err)
	}
	return nil
}

// control makes one request about a device of the thread's namespace.
func control(name string, request uint, fill func(*unix.Ifreq) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		err = fill(req)
	}
	if err == nil {
		err = unix.IoctlIfreq(fd, request, req)
	}
	return errors.Join(err, unix.Close(fd))
}

// An rtentry is the argument of SIOCADDRT: struct rtentry of linux/route.h.
type rtentry struct {
	_                     uintptr
	dst, gateway, genmask unix.RawSockaddrInet4
	flags                 uint16
	_                     int16
	_                     uintptr
	_                     uintptr
	metric                int16
	dev                   uintptr
	mtu, window           uintptr
	irtt                  uint16
}

// routeAll sends everything to gateway. Nothing but packets for the gateway
// itself is forwarded, but without a route programs take the network for down.
func routeAll(gateway netip.Addr) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	any4 := unix.RawSockaddrInet4{Family: unix.AF_INET}
	r := rtentry{dst: any4, genmask: any4, gateway: any4, flags: unix.RTF_UP | unix.RTF_GATEWAY}
	r.gateway.Addr = gateway.As4()
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCADDRT, uintptr(unsafe.Pointer(&r))) //nolint:gosec // the kernel reads r during the call
	if errno != 0 {
		err = fmt.Errorf("netem: routing: %w", errno)
	}
	return errors.Join(err, unix.Close(fd))
}
