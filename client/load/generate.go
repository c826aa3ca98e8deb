package load

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"conclave/sfu/dd"
)

const (
	rtpHeader     = 12 // bytes
	stampSize     = 8  // bytes of the time of sending, at the end of each packet
	leastPayload  = 64 // bytes; the largest descriptor, some of the frame and the stamp
	pictureIDs    = 1 << 15
	noiseSize     = 1 << 16 // bytes
	defaultSize   = 1200    // bytes of an RTP packet
	defaultFPS    = 26
	opusFPS       = 50
	defaultOpus   = 60_000 // bit/s
	largestPacket = 1400   // bytes
)

// The clock of stamps. It is monotonic: steps of the wall clock do not show.
var stampEpoch = time.Now()

// stamp writes the time of sending to the end of a payload.
func stamp(payload []byte, now time.Time) {
	binary.BigEndian.PutUint64(payload[len(payload)-stampSize:], uint64(now.Sub(stampEpoch)))
}

// age returns how long ago a payload was stamped.
func age(payload []byte, now time.Time) time.Duration {
	return now.Sub(stampEpoch) - time.Duration(binary.BigEndian.Uint64(payload[len(payload)-stampSize:]))
}

// validate checks a stream and fills in defaults.
func (s Stream) validate() (Stream, error) {
	if s.Layers.Encodings == 0 {
		s.Layers = Layers{Mode: dd.Mode{Spatial: 1, Temporal: 1}, Encodings: 1}
	}
	if s.Size == 0 {
		s.Size = defaultSize
	}
	if s.Codec == Opus {
		s.Layers, s.FPS = Layers{Mode: dd.Mode{Spatial: 1, Temporal: 1}, Encodings: 1}, opusFPS
		if s.Rate == 0 {
			s.Rate = defaultOpus
		}
	}
	if s.FPS == 0 {
		s.FPS = defaultFPS
	}
	m := s.Layers.Mode
	switch {
	case s.Size < 200 || s.Size > largestPacket:
		return s, fmt.Errorf("%w: packets of %d bytes; use 200 to %d", ErrStream, s.Size, largestPacket)
	case !(s.FPS >= 1 && s.FPS <= 240):
		return s, fmt.Errorf("%w: %v frames a second; use 1 to 240", ErrStream, s.FPS)
	case s.Rate < 0 || s.Rate > 1_000_000_000:
		return s, fmt.Errorf("%w: %d bit/s; use at most 1G", ErrStream, s.Rate)
	case (s.Codec == VP8 || s.Codec == H264) && m.Spatial > 1:
		return s, fmt.Errorf("%w: %v has no spatial layers; use L1T1, L1T3 or simulcast", ErrStream, s.Codec)
	case s.Codec == H264 && s.Layers.Encodings == 1 && m.Temporal > 1:
		return s, fmt.Errorf("%w: h264 does not tell its temporal layers; use L1T1 or simulcast", ErrStream)
	}
	if s.Codec == H264 {
		s.Layers.Mode.Temporal = 1
	}
	return s, nil
}

// burst returns how many packets leave at once.
func (p Pattern) burst() int { return [...]int{Burst10: 10, Burst20: 20, Spaced: 1}[p] }

// shares are how much of the rate each layer gets, lowest first, by their number.
var shares = [][]float64{1: {1}, 2: {0.3, 0.7}, 3: {0.1, 0.2, 0.7}, 4: {0.1, 0.1, 0.2, 0.6}}

// A part is what one layer of each picture is sent in.
type part struct{ packets, size int }

// parts returns what the layers of a picture are sent in: of one encoding its
// spatial layers, of simulcast the encodings.
func (s Stream) parts() []part {
	share := shares[s.Layers.Mode.Spatial*s.Layers.Encodings]
	out := make([]part, len(share))
	if s.Rate == 0 {
		total := 10
		if s.Pattern == Burst20 {
			total = 20
		}
		rest := total
		for i := range out {
			out[i] = part{max(1, int(math.Round(share[i]*float64(total)))), s.Size}
			rest -= out[i].packets
		}
		out[len(out)-1].packets += rest // rounding may not change the total
		return out
	}
	for i := range out {
		bytes := float64(s.Rate) / 8 / s.FPS * share[i]
		n := max(1, int(math.Ceil(bytes/float64(s.Size)-0.01)))
		out[i] = part{n, min(s.Size, max(leastPayload+rtpHeader, int(bytes)/n))}
	}
	return out
}

// sizes are the resolutions of n layers, the highest of them 1280 x 720.
func sizes(n int) []dd.Resolution {
	out := make([]dd.Resolution, n)
	for i := range out {
		out[i] = dd.Resolution{Width: 1280 >> (n - 1 - i), Height: 720 >> (n - 1 - i)}
	}
	return out
}

// A packet is one RTP packet before it has a header.
type packet struct {
	payload    []byte // its last bytes are for the stamp
	descriptor []byte // dependency descriptor; empty: none
	marker     bool   // last of its picture
}

// A frame is one layer of a picture.
type frame struct {
	spatial, temporal uint8
	key               bool
	interPicture      bool // predicted from the picture back pictures before
	interLayer        bool // predicted from the layer below
	back              uint8
	first, last       bool // of its packets
}

// A generator writes the packets of one encoding in decode order. It belongs to
// one goroutine, and what it returned is overwritten by the next picture.
type generator struct {
	codec Codec
	mode  dd.Mode
	sizes []dd.Resolution
	parts []part
	noise []byte
	// extra are the sizes of the header extensions that each packet has besides
	// the dependency descriptor.
	extra []int

	writer    *dd.Writer // nil: no dependency descriptor
	position  int        // in the pattern of temporal layers
	pictureID uint16
	tl0       uint8 // of VP8
	keyIndex  uint8 // of VP8
	newest    [3]uint16
	packets   []packet
}

// newGenerator returns a generator. With descriptor, packets have dependency
// descriptors.
func newGenerator(c Codec, m dd.Mode, size []dd.Resolution, parts []part, descriptor bool) (*generator, error) {
	g := &generator{codec: c, mode: m, sizes: size, parts: parts, noise: make([]byte, noiseSize)}
	r := rand.NewChaCha8([32]byte{})
	_, _ = r.Read(g.noise) // never fails
	g.pictureID = uint16(chance(pictureIDs))
	if descriptor {
		var err error
		if g.writer, err = dd.NewWriter(m, size, uint16(chance(1<<16))); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrStream, err)
		}
	}
	return g, nil
}

// picture returns the packets of the next picture.
func (g *generator) picture(key bool) ([]packet, error) {
	pattern := g.mode.Pattern()
	if key {
		g.position = 0
		g.keyIndex = (g.keyIndex + 1) & 0x1f
	}
	temporal := pattern[g.position%len(pattern)]
	g.position++
	if temporal == 0 {
		g.tl0++
	}
	back := g.reference(temporal)
	g.packets = g.packets[:0]
	for spatial := range uint8(g.mode.Spatial) {
		f := frame{
			spatial: spatial, temporal: temporal, key: key, interPicture: !key, back: back,
			interLayer: spatial > 0 && (key || !g.mode.Key),
		}
		if err := g.appendFrame(f); err != nil {
			return nil, err
		}
	}
	g.packets[len(g.packets)-1].marker = true
	if key {
		g.newest = [3]uint16{g.pictureID, g.pictureID, g.pictureID}
	}
	for t := int(temporal); t < len(g.newest); t++ {
		g.newest[t] = g.pictureID // what a higher layer is predicted from
	}
	g.pictureID = (g.pictureID + 1) % pictureIDs
	return g.packets, nil
}

// reference returns how many pictures before the current one lies what a
// picture of a temporal layer is predicted from: the newest of a lower layer.
func (g *generator) reference(temporal uint8) uint8 {
	from := g.newest[max(temporal, 1)-1]
	return uint8((g.pictureID - from) % pictureIDs)
}

// appendFrame appends the packets of one layer of a picture.
func (g *generator) appendFrame(f frame) error {
	if g.writer != nil {
		if err := g.writer.Begin(f.spatial, f.temporal, f.key); err != nil {
			return fmt.Errorf("%w: %w", ErrStream, err)
		}
	}
	p := g.parts[f.spatial]
	for i := range p.packets {
		f.first, f.last = i == 0, i == p.packets-1
		out := g.next()
		if g.writer != nil {
			var err error
			if out.descriptor, err = g.writer.Append(out.descriptor[:0], f.first, f.last); err != nil {
				return fmt.Errorf("%w: %w", ErrStream, err)
			}
		}
		g.fill(out, f, p.size)
	}
	return nil
}

// next returns one packet more, with the memory of one used before.
func (g *generator) next() *packet {
	n := len(g.packets)
	if n < cap(g.packets) {
		g.packets = g.packets[:n+1]
	} else {
		g.packets = append(g.packets, packet{payload: make([]byte, 0, largestPacket)})
	}
	p := &g.packets[n]
	p.payload, p.descriptor, p.marker = p.payload[:0], p.descriptor[:0], false
	return p
}

// fill writes a payload so that the RTP packet has the given size.
func (g *generator) fill(p *packet, f frame, size int) {
	p.payload = g.appendHead(p.payload, f)
	left := size - rtpHeader - extensionSize(len(p.descriptor), g.extra) - len(p.payload)
	left = max(left, stampSize+1)
	at := chance(noiseSize - left)
	p.payload = append(p.payload, g.noise[at:at+left]...)
}

// extensionSize returns the bytes that header extensions take (RFC 8285): one
// of first bytes, if it is not 0, and the others. The two-byte form is used when
// one of them needs it.
func extensionSize(first int, others []int) int {
	head, total, count := 1, first, 0
	if first > 0 {
		count++
	}
	if first > 16 {
		head = 2
	}
	for _, n := range others {
		total += n
		count++
	}
	if count == 0 {
		return 0
	}
	return 4 + (total+count*head+3)/4*4
}
