package srtp

// New returns both directions of a connection. material is what DTLS exports:
// client key, server key, client salt, server salt (RFC 5764, Section 4.2), of
// Profile.KeyingSize bytes; the caller erases it. server says which side we are.
// The error is ErrProfile, or says that the material has the wrong size.
func New(p Profile, material []byte, server bool) (*Sealer, *Opener, error) {
	panic("not yet")
}

// A Sealer protects packets to a peer. All methods may be called concurrently.
type Sealer struct{}

// Seal appends to dst the SRTP packet of an RTP packet: header, encrypted
// payload, tag. The header is all of it, with contributing sources and
// extension. index is rollover counter << 16 | sequence number (RFC 3711,
// Section 3.3.1); no two different packets of an SSRC may have the same.
//
// The rest of dst's capacity must not overlap header or payload. Seal does not
// allocate if that is Profile.Overhead bytes more than the packet. It returns dst
// as it was if header is not the RTP header of that index.
func (s *Sealer) Seal(dst, header, payload []byte, index uint64) []byte {
	panic("not yet")
}

// SealRTCP appends to dst the SRTCP packet of a compound RTCP packet, always
// encrypted, with an index of its own. dst's capacity must not overlap packet.
// Errors: ErrShort if packet is not RTCP; ErrExhausted after 2^31 packets.
func (s *Sealer) SealRTCP(dst, packet []byte) ([]byte, error) {
	panic("not yet")
}

// An Opener checks and decrypts packets of a peer. It belongs to one goroutine
// at a time.
type Opener struct{}

// Open checks and decrypts an SRTP packet in place and returns the RTP packet.
// Nothing changes in o before the packet proved authentic. Errors: ErrShort,
// ErrAuth (the packet's bytes are lost then), ErrReplay, ErrSources if the peer
// has too many SSRCs, ErrExhausted.
func (o *Opener) Open(packet []byte) ([]byte, error) {
	panic("not yet")
}

// OpenRTCP is Open for SRTCP. An unencrypted packet is ErrAuth.
func (o *Opener) OpenRTCP(packet []byte) ([]byte, error) {
	panic("not yet")
}
