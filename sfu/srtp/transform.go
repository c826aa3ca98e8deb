package srtp

import "encoding/binary"

// A transform encrypts and authenticates the packets of one direction. It keeps
// nothing between packets; all methods may be called concurrently.
type transform interface {
	// seal appends header, encrypted payload and tag to dst.
	seal(dst, header, payload []byte, ssrc uint32, index uint64) []byte

	// open checks packet, of which header bytes are the header, and decrypts it
	// in place. It returns the packet without its tag.
	open(packet []byte, header int, ssrc uint32, index uint64) ([]byte, bool)

	// sealRTCP appends the packet, encrypted after its first eight bytes, with
	// tag, E bit and index to dst.
	sealRTCP(dst, packet []byte, ssrc, index uint32) []byte

	// rtcpIndex reads the E bit and the index of an SRTCP packet.
	rtcpIndex(packet []byte) uint32

	// openRTCP checks and decrypts in place. It takes the E bit to be set.
	openRTCP(packet []byte, ssrc, index uint32) ([]byte, bool)
}

// newTransform derives the session keys of one direction.
func newTransform(p Profile, m master) (transform, error) {
	if p == AES128CMHMACSHA1_80 {
		return newCounterMode(m)
	}
	return newGCM(m)
}

const (
	rtpHeader  = 12 // bytes of the fixed header
	rtcpHeader = 8  // bytes of the first header of a compound packet, not encrypted

	encrypted = 1 << 31 // the E bit, before the SRTCP index
	maxRTCP   = 1<<31 - 1
	maxIndex  = 1<<48 - 1 // of SRTP: a rollover counter of 32 bits, a sequence number of 16
)

// headerSize returns the size of an RTP header with contributing sources and
// extension, all of which stays in the clear. It reports false if b is not an
// RTP packet or ends within its header.
func headerSize(b []byte) (int, bool) {
	if len(b) < rtpHeader || b[0]>>6 != 2 {
		return 0, false
	}
	n := rtpHeader + 4*int(b[0]&0x0F)
	if b[0]&0x10 != 0 {
		if len(b) < n+4 {
			return 0, false
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(b[n+2:]))
	}
	return n, n <= len(b)
}
