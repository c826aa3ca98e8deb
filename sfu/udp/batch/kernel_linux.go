package batch

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// An mmsghdr is struct mmsghdr of recvmmsg(2): a message and how many bytes it had.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// A kernel is the system calls that a socket makes, so that tests can refuse them.
// The functions that take a list return how many messages of it were done.
type kernel struct {
	recvmmsg func(fd uintptr, m []mmsghdr) (int, unix.Errno)
	recvmsg  func(fd uintptr, m []mmsghdr) (int, unix.Errno) // the first only
	sendmmsg func(fd uintptr, m []mmsghdr) (int, unix.Errno)
	sendmsg  func(fd uintptr, m []mmsghdr) (int, unix.Errno) // the first only
	writable func(fd uintptr)                                // waits until the socket is, or for a moment
}

// linux is the real kernel.
func linux() kernel {
	return kernel{recvmmsg: recvmmsg, recvmsg: recvmsg, sendmmsg: sendmmsg, sendmsg: sendmsg, writable: writable}
}

// The calls below do not tell Go's scheduler of themselves (RawSyscall): none of
// them waits, and the longest takes 0.3 ms (a chunk). Telling it would wake its
// monitor thread for each of them on a server that is idle in between, which cost
// a fifth of the whole.

func recvmmsg(fd uintptr, m []mmsghdr) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(unsafe.SliceData(m))), uintptr(len(m)), unix.MSG_DONTWAIT, 0, 0) //nolint:gosec // the arguments of a system call
	return int(n), errno
}

// pending returns EAGAIN if there is nothing to read.
func pending(fd uintptr) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd, 0, 0, unix.MSG_DONTWAIT|unix.MSG_PEEK, 0, 0)
	return errno
}

func recvmsg(fd uintptr, m []mmsghdr) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&m[0].hdr)), unix.MSG_DONTWAIT) //nolint:gosec // the arguments of a system call
	if errno != 0 {
		return 0, errno
	}
	m[0].n = uint32(n)
	return 1, 0
}

func sendmmsg(fd uintptr, m []mmsghdr) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(unsafe.SliceData(m))), uintptr(len(m)), unix.MSG_DONTWAIT, 0, 0) //nolint:gosec // the arguments of a system call
	return int(n), errno
}

func sendmsg(fd uintptr, m []mmsghdr) (int, unix.Errno) {
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&m[0].hdr)), unix.MSG_DONTWAIT) //nolint:gosec // the arguments of a system call
	if errno != 0 {
		return 0, errno
	}
	return 1, 0
}

// maxWait is how long a flush waits for room in the socket's buffer: as long as
// 256 KB take at 0.5 Gbit/s. Longer, and what was collected is late anyway.
const maxWait = 4 // milliseconds

func writable(fd uintptr) {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	_, _ = unix.Poll(p, maxWait) // sending again tells whether there is room
}

// moment is what the kernel makes of 50 µs: as much again is the slack of its
// timers.
func moment() {
	t := unix.NsecToTimespec(50_000)
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0) //nolint:gosec // the arguments of a system call
}
