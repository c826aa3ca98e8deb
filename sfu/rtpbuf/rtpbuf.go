// Package rtpbuf keeps the last packets of one publisher's RTP stream, so that
// all receivers' retransmissions are answered from one plaintext copy, and says
// which incoming packets are new.
package rtpbuf

// A Window extends the 16-bit sequence numbers of one incoming stream to 64 bits
// and detects duplicates. The zero value is ready to use.
type Window struct{}

// Accept returns the extended number of seq, and whether the packet is new. A
// number never goes below 1<<16, so arithmetic around it does not wrap.
func (w *Window) Accept(seq uint16) (extended uint64, fresh bool) { return 0, false }

// A Buffer holds packets with what was read from them, of type M. It belongs to
// one goroutine. Bytes it returns are valid until Put has stored as many bytes
// again as the budget.
type Buffer[M any] struct{}

// New returns a Buffer that keeps about budget bytes of packets.
func New[M any](budget int) *Buffer[M] { return &Buffer[M]{} }

// Put copies packet into the buffer under its extended sequence number and
// returns the copy and a place for what is read from it. It returns nil for a
// packet larger than [MaxPacket] or older than what the buffer holds.
func (b *Buffer[M]) Put(seq uint64, packet []byte) (stored []byte, meta *M) { return nil, nil }

// Packet returns the packet with the extended sequence number seq.
func (b *Buffer[M]) Packet(seq uint64) (stored []byte, meta *M, ok bool) { return nil, nil, false }

// MaxPacket is the largest packet kept: an Ethernet frame's.
const MaxPacket = 1500
