package ice

import (
	"net/netip"
	"strconv"
)

// A Candidate is an address at which clients reach this server, for media of
// component 1 (RTP, with RTCP multiplexed). All are host candidates.
type Candidate struct {
	Foundation string // the same for candidates that work or fail alike (RFC 8445, Section 5.1.1.3)
	TCP        bool   // passive TCP (RFC 6544), else UDP
	Priority   uint32
	Addr       netip.AddrPort
}

const (
	component     = 1   // RTP and RTCP
	preferenceUDP = 126 // type preference of a host candidate, RFC 8445, Section 5.1.2.2
	preferenceTCP = 90  // below every UDP candidate, as RFC 6544, Section 4.2 asks for
	passive       = 4   // direction preference of a passive candidate, RFC 6544, Section 4.2
)

// Candidates returns the candidates for the addresses, most preferred first:
// all of UDP in the order of udp, then all of TCP in the order of tcp.
func Candidates(udp, tcp []netip.AddrPort) []Candidate {
	list := make([]Candidate, 0, len(udp)+len(tcp))
	for i, a := range udp {
		list = append(list, Candidate{
			Foundation: foundation(len(list)), Addr: a,
			Priority: priority(preferenceUDP, max(0, 1<<16-1-i)),
		})
	}
	for i, a := range tcp {
		list = append(list, Candidate{
			Foundation: foundation(len(list)), Addr: a, TCP: true,
			Priority: priority(preferenceTCP, passive<<13+max(0, 1<<13-1-i)),
		})
	}
	return list
}

// foundation is its own for each candidate: all differ in address or protocol.
func foundation(i int) string { return strconv.Itoa(i + 1) }

// priority is the formula of RFC 8445, Section 5.1.2.1.
func priority(kind, local int) uint32 {
	return uint32(kind)<<24 | uint32(local)<<8 | (256 - component)
}

// String returns the value of the SDP attribute "candidate" (RFC 8839,
// Section 5.1): what follows "a=candidate:".
func (c Candidate) String() string {
	b := make([]byte, 0, 80)
	b = append(b, c.Foundation...)
	b = append(b, ' ', '0'+component, ' ')
	if c.TCP {
		b = append(b, "tcp "...)
	} else {
		b = append(b, "udp "...)
	}
	b = strconv.AppendUint(b, uint64(c.Priority), 10)
	b = append(b, ' ')
	b = c.Addr.Addr().Unmap().WithZone("").AppendTo(b)
	b = append(b, ' ')
	b = strconv.AppendUint(b, uint64(c.Addr.Port()), 10)
	b = append(b, " typ host"...)
	if c.TCP {
		b = append(b, " tcptype passive"...)
	}
	return string(b)
}
