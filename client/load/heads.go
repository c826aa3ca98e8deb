package load

import "encoding/binary"

// appendHead appends what a payload of the codec begins with: the payload
// descriptor and, in the first packet of a frame, the bytes that stay in clear
// when the frame is sealed (docs/protocol.md, Section 4).
func (g *generator) appendHead(b []byte, f frame) []byte {
	switch g.codec {
	case VP9:
		return g.appendVP9(b, f)
	case AV1:
		return appendAV1(b, f)
	case VP8:
		return g.appendVP8(b, f)
	case H264:
		return appendH264(b, f, g.parts[f.spatial].packets)
	default:
		return b
	}
}

// flag returns bit if on.
func flag(on bool, bit byte) byte {
	if on {
		return bit
	}
	return 0
}

// appendVP9 appends a descriptor in flexible mode (RFC 9628, Section 4.2), with
// the scalability structure on key pictures.
//
//	|I|P|L|F|B|E|V|Z|
//	|1| PICTURE ID  |  and one more byte
//	| TID |U| SID |D|
//	|    P_DIFF   |0|  if P
//	| N_S |Y|G|  0  |  if V, and 2 + 2 bytes for each layer
func (g *generator) appendVP9(b []byte, f frame) []byte {
	structure := f.key && f.first && f.spatial == 0
	reference := !g.mode.Key || f.key // of the layer above
	b = append(b,
		0x80|0x20|0x10|flag(f.interPicture, 0x40)|flag(f.first, 0x08)|flag(f.last, 0x04)|flag(structure, 0x02)|
			flag(!reference || int(f.spatial) == g.mode.Spatial-1, 0x01),
		0x80|byte(g.pictureID>>8), byte(g.pictureID),
		f.temporal<<5|0x10|f.spatial<<1|flag(f.interLayer, 0x01),
	)
	if f.interPicture {
		b = append(b, f.back<<1)
	}
	if structure {
		b = append(b, byte(g.mode.Spatial-1)<<5|0x10)
		for _, s := range g.sizes {
			b = binary.BigEndian.AppendUint16(b, uint16(s.Width))
			b = binary.BigEndian.AppendUint16(b, uint16(s.Height))
		}
	}
	return b
}

// appendAV1 appends an aggregation header for one OBU element (AV1 RTP
// specification, Section 4.4): Z and Y say whether the OBU began before or goes
// on after this packet, N that a coded video sequence begins.
func appendAV1(b []byte, f frame) []byte {
	const oneElement = 0x10
	b = append(b, flag(!f.first, 0x80)|flag(!f.last, 0x40)|oneElement|flag(f.key && f.first && f.spatial == 0, 0x08))
	switch {
	case !f.first:
		return b
	case f.key:
		return append(b, 0x08)
	default:
		return append(b, 0x30)
	}
}

// appendVP8 appends a descriptor with all fields (RFC 7741, Section 4.2).
//
//	|X|R|N|S|R| PID |
//	|I|L|T|K|  RSV  |
//	|1|  PictureID  |  and one more byte
//	|   TL0PICIDX   |
//	|TID|Y| KEYIDX  |
func (g *generator) appendVP8(b []byte, f frame) []byte {
	top := int(f.temporal) == g.mode.Temporal-1 && g.mode.Temporal > 1
	b = append(b,
		0x80|flag(top, 0x20)|flag(f.first, 0x10),
		0xf0,
		0x80|byte(g.pictureID>>8), byte(g.pictureID),
		g.tl0,
		f.temporal<<6|0x20|g.keyIndex,
	)
	if f.first {
		b = append(b, flag(!f.key, 0x01))
	}
	return b
}

// Units of H264 (RFC 6184, Section 5.2).
const (
	nalSlice  = 1
	nalIDR    = 5
	nalFUA    = 28
	nalRefIDC = 3 << 5
)

// appendH264 appends the heads of a fragment (FU-A, RFC 6184, Section 5.8), or
// that of a single unit if the frame has one packet.
func appendH264(b []byte, f frame, packets int) []byte {
	unit := byte(nalSlice)
	if f.key {
		unit = nalIDR
	}
	if packets == 1 {
		return append(b, nalRefIDC|unit)
	}
	return append(b, nalRefIDC|nalFUA, flag(f.first, 0x80)|flag(f.last, 0x40)|unit)
}
