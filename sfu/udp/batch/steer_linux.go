package batch

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Offsets in what a program of SO_ATTACH_REUSEPORT_CBPF sees. The datagram begins
// at 0; the IP header is at SKF_NET_OFF. With IP options the port is another part of the
// header, which is as good: a sender's packets have the same.
const (
	atNetwork = -0x100000 // SKF_NET_OFF of linux/filter.h

	atSource4, atSourcePort4 = atNetwork + 12, atNetwork + 20
	atSource6, atSourcePort6 = atNetwork + 20, atNetwork + 40 // the last word of the address
)

// Steer has the kernel give RTCP (RFC 5761, Section 4) to the last of the sockets
// that share an address, and everything else to the others, to each sender's own.
// The sockets are all that share the address, in the order in which they were
// opened, and at least two; none is in use yet. On an error nothing has changed.
func Steer(sockets []*Socket) error {
	last := sockets[len(sockets)-1]
	program := steering(uint32(len(sockets)-1), last.v6)
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	var err error
	if e := last.raw.Control(func(fd uintptr) {
		if err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &p); err != nil {
			return
		}
		if unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_GRO, 0) == nil {
			last.sys.gro = false // reports are short: they need no large buffers
		}
	}); e != nil {
		return closed(e)
	}
	if err != nil {
		return fmt.Errorf("steering datagrams to sockets: %v", err)
	}
	last.rtcp = true
	return nil
}

// steering is the program, for n sockets and one for RTCP. What it returns is the
// number of a socket.
func steering(n uint32, v6 bool) []unix.SockFilter {
	source, port := atSource4, atSourcePort4
	if v6 {
		source, port = atSource6, atSourcePort6
	}
	const hash = 7 // where the sender's number is made
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xc0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x80, Jf: hash - 3}, // version 2
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 1},
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: 192, Jf: hash - 5},
		{Code: unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K, K: 223, Jt: hash - 6},
		{Code: unix.BPF_RET | unix.BPF_K, K: n},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: low32(source)},
		{Code: unix.BPF_MISC | unix.BPF_TAX},
		{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: low32(port)},
		{Code: unix.BPF_ALU | unix.BPF_XOR | unix.BPF_X},
		{Code: unix.BPF_ALU | unix.BPF_MUL | unix.BPF_K, K: 0x9e3779b1}, // spreads numbers that differ little
		{Code: unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K, K: 16},
		{Code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, K: n},
		{Code: unix.BPF_RET | unix.BPF_A},
	}
}

// low32 is the two's complement that the kernel takes for a negative offset.
func low32(n int) uint32 { return uint32(int32(n)) }
