package udp

import "encoding/binary"

// A DTLS record (RFC 6347, Section 4.1):
//
//	| type (1) | version (2) | epoch (2) | sequence (6) | length (2) | content |
const recordHeader = 13

// Content types of records.
const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
	recordApplication      = 23
)

// plausible reports whether a datagram is DTLS records that may mean something.
// Epoch 0 is not encrypted, so anybody can write it: what only does harm there is
// left out, alerts above all. A handshake that the client gives up ends by its time.
func plausible(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	for len(b) > 0 {
		if len(b) < recordHeader {
			return false
		}
		kind, epoch := b[0], binary.BigEndian.Uint16(b[3:])
		n := int(binary.BigEndian.Uint16(b[11:]))
		if b[1] != 0xFE || epoch > 1 || n == 0 || n > len(b)-recordHeader {
			return false
		}
		switch content := b[recordHeader:][:n]; kind {
		case recordHandshake:
		case recordChangeCipherSpec:
			if epoch == 0 && (n != 1 || content[0] != 1) {
				return false
			}
		case recordAlert, recordApplication:
			if epoch == 0 {
				return false
			}
		default:
			return false
		}
		b = b[recordHeader+n:]
	}
	return true
}

// isSealedAlert reports whether a datagram is one encrypted alert and nothing else.
func isSealedAlert(b []byte) bool {
	return plausible(b) && b[0] == recordAlert && recordHeader+int(binary.BigEndian.Uint16(b[11:])) == len(b)
}
