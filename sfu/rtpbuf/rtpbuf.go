// Package rtpbuf keeps the last packets of one publisher's RTP stream, so that
// all receivers' retransmissions are answered from one plaintext copy, and says
// which incoming packets are new.
//
// Give every packet to [Window.Accept] first and drop what is not new; then put
// it into a [Buffer] and work on the copy.
package rtpbuf

import "math/bits"

// MaxPacket is the largest packet kept: an Ethernet frame's.
const MaxPacket = 1500

// bytesPerSlot is the size of packets at which slots and bytes run out together.
// Media packets are larger, so bytes do first.
const bytesPerSlot = 512

// A Buffer holds packets with what was read from them, of type M. It belongs to
// one goroutine, and so do the bytes: a slice it returned is valid until as many
// bytes as the budget have been put after it.
//
// The bytes of all packets lie in one ring. Each has a position that only grows,
// so a packet is gone as soon as the position being written is a whole ring
// ahead of its own; nothing needs to be evicted.
type Buffer[M any] struct {
	data  []byte
	head  uint64 // position of the next byte
	slots []slot[M]
}

type slot[M any] struct {
	seq  uint64 // extended; 0 when never used
	at   uint64 // position of the first byte
	size int
	meta M
}

// New returns a Buffer for about budget bytes of packets, and at least a few.
func New[M any](budget int) *Buffer[M] {
	budget = max(budget, 8*MaxPacket)
	slots := 1 << bits.Len(uint(budget/bytesPerSlot-1))
	return &Buffer[M]{data: make([]byte, budget), slots: make([]slot[M], slots)}
}

// Put copies packet into the buffer under its extended sequence number and
// returns the copy, and a place for what is read from it, which still holds
// what was read from another. It returns nil for a packet that is empty,
// larger than [MaxPacket], or older than what the buffer holds.
func (b *Buffer[M]) Put(seq uint64, packet []byte) (stored []byte, meta *M) {
	s := b.slot(seq)
	if len(packet) == 0 || len(packet) > MaxPacket || s.seq > seq {
		return nil, nil
	}
	size, ring := uint64(len(packet)), uint64(len(b.data))
	if b.head%ring+size > ring { // it would wrap: leave the rest of the ring out
		b.head += ring - b.head%ring
	}
	s.seq, s.at, s.size = seq, b.head, len(packet)
	b.head += size
	stored = b.bytes(s)
	copy(stored, packet)
	return stored, &s.meta
}

// Packet returns the packet with the extended sequence number seq, if it is
// still there.
func (b *Buffer[M]) Packet(seq uint64) (stored []byte, meta *M, ok bool) {
	s := b.slot(seq)
	if s.size == 0 || s.seq != seq || b.head > s.at+uint64(len(b.data)) {
		return nil, nil, false
	}
	return b.bytes(s), &s.meta, true
}

func (b *Buffer[M]) slot(seq uint64) *slot[M] { return &b.slots[seq&uint64(len(b.slots)-1)] }

func (b *Buffer[M]) bytes(s *slot[M]) []byte {
	at := int(s.at % uint64(len(b.data)))
	return b.data[at : at+s.size : at+s.size]
}
