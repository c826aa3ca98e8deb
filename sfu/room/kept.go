package room

import (
	"time"

	"conclave/sfu/rtpbuf"
)

const (
	// keptBytes holds some 600 ms of a microphone.
	keptBytes = 12_000
	// spurtBefore is how much of what a microphone said before it was heard is
	// sent after all: a first syllable.
	spurtBefore = 200 * time.Millisecond
	// onset is how much of it may be too quiet to count as speech.
	onset = 3 // packets
)

// A keptSound keeps the last packets of a microphone, so that one that comes on
// stage is heard from the beginning of its first word.
type keptSound struct {
	buffer *rtpbuf.Buffer[keptPacket]
	newest uint64 // highest number kept; 0: none
}

// A keptPacket is what is kept beside the payload.
type keptPacket struct {
	soundPacket // but level and payload
	at          time.Time
	level       [1]byte
	hasLevel    bool
	speech      bool
}

func newKeptSound() *keptSound { return &keptSound{buffer: rtpbuf.New[keptPacket](keptBytes)} }

// add keeps a packet.
func (k *keptSound) add(now time.Time, p *soundPacket, speech bool) {
	_, m := k.buffer.Put(p.sequence, p.payload)
	if m == nil {
		return
	}
	*m = keptPacket{soundPacket: *p, at: now, speech: speech}
	m.soundPacket.level, m.soundPacket.payload = nil, nil
	if len(p.level) > 0 {
		m.level[0], m.hasLevel = p.level[0], true
	}
	k.newest = max(k.newest, p.sequence)
}

// spurt returns the number of the packet with which what is being said began; it
// is one more than the newest if nothing is kept.
func (k *keptSound) spurt(now time.Time) (from uint64) {
	from = k.newest + 1
	quiet := 0
	for n := k.newest; n > 0 && k.newest-n < maxSpurt; n-- {
		_, m, ok := k.buffer.Packet(n)
		switch {
		case !ok: // lost, or forgotten
			continue
		case now.Sub(m.at) > spurtBefore:
			return from
		case m.speech:
			from, quiet = n, 0
		case quiet < onset:
			from = n
			quiet++
		default:
			return from
		}
	}
	return from
}

// maxSpurt bounds how many packets spurt looks at.
const maxSpurt = 64

// packet returns a packet as it was received, but for its payload, which is in the
// cache: copy it.
func (k *keptSound) packet(n uint64) (p soundPacket, at time.Time, ok bool) {
	payload, m, ok := k.buffer.Packet(n)
	if !ok {
		return soundPacket{}, time.Time{}, false
	}
	p = m.soundPacket
	p.payload = payload
	if m.hasLevel {
		p.level = m.level[:]
	}
	return p, m.at, true
}
