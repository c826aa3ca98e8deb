package rtp

// An Inbound is a packet from a peer, authenticated and decrypted by the
// transport. Its bytes are valid until the call that hands it over returns.
type Inbound struct {
	Data []byte
	RTCP bool // a compound RTCP packet, else one RTP packet
}

// An Outbound is a packet to a peer that the transport is to seal and send.
type Outbound struct {
	To any // the transport's handle of the peer connection, as it was given

	// Header and Payload are an RTP packet in two parts, so that a payload that
	// goes to many is not copied. A compound RTCP packet is all in Payload.
	Header  []byte
	Payload []byte

	// Index is the packet index of SRTP (RFC 3711, Section 3.3.1): rollover
	// counter << 16 | sequence number. No two packets of an SSRC have the same.
	Index uint64
	RTCP  bool
}

// An Output collects packets to send, in the order in which they leave. Packets
// of one peer that follow each other can leave in one system call. The zero value
// is ready to use; it belongs to one goroutine at a time.
type Output struct {
	Packets []Outbound

	blocks [][]byte // memory for headers and copied payloads
	used   int      // blocks that are full or being filled
	free   []byte   // rest of the block being filled
}

// blockSize is how much memory an Output takes at a time.
const blockSize = 64 << 10

// Alloc returns n bytes that live until Reset. They are not cleared; the
// capacity is n, so that appending cannot reach what was allocated next.
// n is at most 64 KiB.
func (o *Output) Alloc(n int) []byte {
	if n > len(o.free) {
		if o.used == len(o.blocks) {
			o.blocks = append(o.blocks, make([]byte, blockSize))
		}
		o.free = o.blocks[o.used]
		o.used++
	}
	b := o.free[:n:n]
	o.free = o.free[n:]
	return b
}

// Reset forgets all packets and keeps the memory.
func (o *Output) Reset() {
	clear(o.Packets) // payloads of others are not kept alive
	o.Packets = o.Packets[:0]
	o.used, o.free = 0, nil
}
