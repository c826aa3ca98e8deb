//go:build linux

package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	packetSize = 1200 // bytes of an RTP packet before it is sealed
	headerSize = 12
	tagSize    = 16
	sealedSize = packetSize + tagSize
	// maxMessages is how many messages a call of sendmmsg takes.
	maxMessages = 512
)

// A sender seals bursts for all receivers and sends them.
type sender struct {
	fd       int
	burst    int // packets
	payload  []byte
	keys     []cipher.AEAD
	nonces   [][12]byte // salt, to be combined with SSRC and sequence number
	arena    []byte
	messages []message
	sequence uint64
	nonce    []byte // scratch

	packets, calls int // so far
	before         int // packets that the sink had received before this window
}

// A message is struct mmsghdr of sendmmsg(2).
type message struct {
	hdr unix.Msghdr
	_   uint32
}

// newSender returns a sender of bursts to ports of this machine.
func newSender(ports []int, burst int) (*sender, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20) // the kernel may give less
	s := &sender{
		fd: fd, burst: burst, payload: make([]byte, packetSize-headerSize),
		arena: make([]byte, len(ports)*burst*sealedSize), messages: make([]message, len(ports)),
		nonces: make([][12]byte, len(ports)), nonce: make([]byte, 12),
	}
	vectors, names := make([]unix.Iovec, len(ports)), make([]unix.RawSockaddrInet4, len(ports))
	segment := segmentSize(sealedSize)
	for i, port := range ports {
		key := make([]byte, 16)
		_, _ = rand.Read(key)            // never fails
		_, _ = rand.Read(s.nonces[i][:]) // never fails
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, aead)
		names[i] = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte{127, 0, 0, 1}}
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&names[i].Port))[:], uint16(port)) //nolint:gosec // network byte order
		vectors[i].Base = &s.arena[i*burst*sealedSize]
		vectors[i].SetLen(burst * sealedSize)
		h := &s.messages[i].hdr
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&names[i])), unix.SizeofSockaddrInet4 //nolint:gosec // the argument of a system call
		h.Iov = &vectors[i]
		h.SetIovlen(1)
		if burst > 1 {
			h.Control = &segment[0]
			h.SetControllen(len(segment))
		}
	}
	return s, nil
}

// segmentSize returns the control message that cuts a message into datagrams of n
// bytes: struct cmsghdr, then a 16-bit number.
func segmentSize(n int) []byte {
	b := make([]byte, unix.CmsgSpace(2))
	binary.NativeEndian.PutUint32(b, uint32(unix.CmsgLen(2)))
	if bits.UintSize == 64 {
		binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(2)))
	}
	binary.NativeEndian.PutUint32(b[bits.UintSize/8:], unix.IPPROTO_UDP)
	binary.NativeEndian.PutUint32(b[bits.UintSize/8+4:], unix.UDP_SEGMENT)
	binary.NativeEndian.PutUint16(b[unix.CmsgLen(0):], uint16(n))
	return b
}

// play sends a burst at each tick, for some time.
func (s *sender) play(ctx context.Context, ticks <-chan time.Time, lasting time.Duration) error {
	for end := time.Now().Add(lasting); time.Now().Before(end); {
		select {
		case <-ticks:
			if err := s.send(); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// send seals a burst for each receiver, and sends all.
func (s *sender) send() error {
	for i := range s.keys {
		s.seal(i)
	}
	s.sequence += uint64(s.burst)
	for sent := 0; sent < len(s.messages); {
		m := s.messages[sent:min(sent+maxMessages, len(s.messages))]
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), 0, 0, 0) //nolint:gosec // the argument of a system call
		if errno != 0 {
			return fmt.Errorf("sendmmsg: %w", errno)
		}
		s.calls++
		sent += int(n)
	}
	s.packets += s.burst * len(s.keys)
	return nil
}

// seal writes the burst for receiver i: for each packet the header, the encrypted
// payload and the tag (RFC 7714, Section 8.1).
func (s *sender) seal(i int) {
	ssrc := uint32(i)
	at := i * s.burst * sealedSize
	for k := range s.burst {
		index := s.sequence + uint64(k)
		b := s.arena[at : at+headerSize : at+sealedSize]
		b[0], b[1] = 0x80, 96
		binary.BigEndian.PutUint16(b[2:], uint16(index))
		binary.BigEndian.PutUint32(b[4:], uint32(s.sequence)*3000)
		binary.BigEndian.PutUint32(b[8:], ssrc)
		nonce := append(s.nonce[:0], s.nonces[i][:]...)
		binary.BigEndian.PutUint32(nonce[2:], binary.BigEndian.Uint32(nonce[2:])^ssrc)
		binary.BigEndian.PutUint32(nonce[6:], binary.BigEndian.Uint32(nonce[6:])^uint32(index>>16))
		binary.BigEndian.PutUint16(nonce[10:], binary.BigEndian.Uint16(nonce[10:])^uint16(index))
		s.keys[i].Seal(b, nonce, s.payload, b)
		at += sealedSize
	}
}

func (s *sender) close() { _ = unix.Close(s.fd) }
