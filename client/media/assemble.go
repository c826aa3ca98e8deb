package media

import (
	"time"

	"github.com/pion/rtp"

	"conclave/sfu/codec"
)

// A sealedFrame is one frame as it came, before it is opened.
type sealedFrame struct {
	data      []byte
	timestamp uint32
	arrived   time.Time
	end       bool // last of its picture
	lost      bool // something before it is missing
}

// An assembler makes sealed frames of a stream's packets. It belongs to one
// goroutine.
type assembler struct {
	// Constant.
	video bool

	reorder reorderer
	part    []byte // of the layer frame that is not complete yet
	partTS  uint32
	open    bool // part has its beginning
	lost    bool // a frame was given up since the last complete one
	broken  uint64
}

func newAssembler(video bool) *assembler {
	a := &assembler{video: video}
	a.reorder.wait = audioWait
	if video {
		a.reorder.wait = videoWait
	}
	return a
}

// push takes a packet and hands the frames that it completes to each. p may be
// nil to let time pass.
func (a *assembler) push(now time.Time, p *rtp.Packet, each func(sealedFrame)) {
	if p != nil {
		a.reorder.push(now, p)
	}
	for {
		next, lost, ok := a.reorder.pop(now)
		if !ok {
			return
		}
		if lost {
			a.abandon()
		}
		if len(next.Payload) == 0 {
			continue // padding
		}
		if a.video {
			a.addVideo(now, next, each)
		} else {
			each(sealedFrame{data: next.Payload, timestamp: next.Timestamp, arrived: now, end: true, lost: a.lost})
			a.lost = false
		}
	}
}

// addVideo adds a packet of VP9; the only video codec that is asked for.
func (a *assembler) addVideo(now time.Time, p *rtp.Packet, each func(sealedFrame)) {
	var info codec.Info
	if err := codec.Parse(codec.VP9, p.Payload, &info); err != nil {
		a.broken++
		a.abandon()
		return
	}
	if info.First {
		if a.open {
			a.abandon() // the frame before has no end
		}
		a.part, a.open, a.partTS = nil, true, p.Timestamp
	}
	body := p.Payload[info.HeaderSize:]
	switch {
	case !a.open:
		return // the rest of a frame that was given up
	case p.Timestamp != a.partTS, len(a.part)+len(body) > maxSizeInBytes:
		a.broken++
		a.abandon()
		return
	}
	a.part = append(a.part, body...)
	if !info.Last {
		return
	}
	frame := sealedFrame{data: a.part, timestamp: p.Timestamp, arrived: now, end: p.Marker, lost: a.lost}
	a.part, a.open, a.lost = nil, false, false
	each(frame)
}

// abandon gives up the frame that is not complete.
func (a *assembler) abandon() { a.part, a.open, a.lost = nil, false, true }
