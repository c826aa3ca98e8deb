package load

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"conclave/sfu/dd"
)

const (
	keyFrameEvery = 4 * time.Second        // unasked
	keyFrameLeast = 300 * time.Millisecond // however often one is asked for
	mostLate      = 200 * time.Millisecond // who is later than this goes on later
	quietLevel    = 40                     // -dBov, with the bit that says speech
)

// Play sends until ctx ends, and returns nil then.
func (p *Publisher) Play(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var players sync.WaitGroup
	for _, o := range p.outs {
		player, err := newPlayer(p, o)
		if err != nil {
			return err
		}
		players.Go(func() {
			if err := player.play(ctx); err != nil {
				cancel(err)
			}
		})
	}
	players.Wait()
	if err := context.Cause(ctx); err != nil && err != ctx.Err() { //nolint:errorlint // the context's own error is no failure
		return err
	}
	return nil
}

// A player sends one stream. It belongs to one goroutine.
type player struct {
	publisher *Publisher
	stream    Stream
	encodings []*playing
	batch     []outgoing // the packets of one picture
	timer     *time.Timer
}

// playing is an encoding that is being sent.
type playing struct {
	*encoding
	generator *generator
	sequence  uint16
	base      uint32    // RTP timestamp of the first picture
	keyAt     time.Time // of the last key frame
	always    []element // extensions of each packet
	ddID      uint8     // 0: no dependency descriptor
}

type element struct {
	id   uint8
	data []byte
}

type outgoing struct {
	from   *playing
	header rtp.Header
	packet *packet
}

func newPlayer(p *Publisher, o *out) (*player, error) {
	pl := &player{publisher: p, stream: o.stream, timer: time.NewTimer(0)}
	id := func(uri string) uint8 { return extensionID(o.transceiver, uri) }
	parts := o.stream.parts()
	for i, e := range o.encodings {
		q := &playing{encoding: e, sequence: uint16(chance(1 << 15)), base: chance32()}
		size := sizes(o.stream.Layers.Mode.Spatial)
		share := parts
		if len(o.encodings) > 1 {
			size, share = sizes(len(o.encodings))[i:i+1], parts[i:i+1]
			if n := id(sdp.SDESMidURI); n != 0 {
				q.always = append(q.always, element{n, []byte(o.transceiver.Mid())})
			}
			if n := id(sdp.SDESRTPStreamIDURI); n != 0 {
				q.always = append(q.always, element{n, []byte(e.rid)})
			}
		}
		if n := id(sdp.AudioLevelURI); n != 0 && o.stream.Codec == Opus {
			q.always = append(q.always, element{n, []byte{0x80 | quietLevel}})
		}
		if c := o.stream.Codec; c == VP9 || c == AV1 {
			q.ddID = id(dd.URI) // as browsers do, for these codecs only
		}
		var err error
		q.generator, err = newGenerator(o.stream.Codec, o.stream.Layers.Mode, size, share, q.ddID != 0)
		if err != nil {
			return nil, err
		}
		for _, x := range q.always {
			q.generator.extra = append(q.generator.extra, len(x.data))
		}
		if id(sdp.TransportCCURI) != 0 {
			q.generator.extra = append(q.generator.extra, 2) // added by an interceptor
		}
		pl.encodings = append(pl.encodings, q)
	}
	return pl, nil
}

// extensionID returns the id that was negotiated for an extension, or 0.
func extensionID(t *webrtc.RTPTransceiver, uri string) uint8 {
	for _, e := range t.Sender().GetParameters().HeaderExtensions {
		if e.URI == uri {
			return uint8(e.ID)
		}
	}
	return 0
}

// play sends pictures in time until ctx ends.
func (p *player) play(ctx context.Context) error {
	interval := time.Duration(float64(time.Second) / p.stream.FPS)
	due := time.Now().Add(time.Duration(chance(int(interval)))) // publishers do not run in step
	for n := 0; ; n++ {
		if now := time.Now(); now.Sub(due) > mostLate {
			due = now
		}
		if !p.wait(ctx, due) {
			return nil
		}
		if err := p.prepare(n); err != nil {
			return err
		}
		if !p.send(ctx, due, interval) {
			return nil
		}
		due = due.Add(interval)
	}
}

// wait waits until t and reports whether ctx goes on.
func (p *player) wait(ctx context.Context, t time.Time) bool {
	p.timer.Reset(time.Until(t))
	select {
	case <-p.timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// prepare makes the packets of picture n.
func (p *player) prepare(n int) error {
	p.batch = p.batch[:0]
	now := time.Now()
	ticks := uint32(float64(n) * float64(clockOf(p.stream.Codec)) / p.stream.FPS)
	for _, e := range p.encodings {
		since := now.Sub(e.keyAt)
		key := since >= keyFrameEvery || since >= keyFrameLeast && e.asked.Load()
		if key {
			e.asked.Store(false)
			e.keyAt = now
		}
		packets, err := e.generator.picture(key)
		if err != nil {
			return err
		}
		for i := range packets {
			h, err := e.header(&packets[i], ticks)
			if err != nil {
				return err
			}
			p.batch = append(p.batch, outgoing{e, h, &packets[i]})
		}
	}
	return nil
}

// header returns the header of a packet.
func (e *playing) header(p *packet, ticks uint32) (rtp.Header, error) {
	e.sequence++
	h := rtp.Header{Version: 2, Marker: p.marker, SequenceNumber: e.sequence, Timestamp: e.base + ticks}
	// The long one comes first: it decides the form of all.
	if e.ddID != 0 {
		if err := h.SetExtension(e.ddID, p.descriptor); err != nil {
			return h, fmt.Errorf("load: dependency descriptor: %w", err)
		}
	}
	for _, x := range e.always {
		if err := h.SetExtension(x.id, x.data); err != nil {
			return h, fmt.Errorf("load: header extension: %w", err)
		}
	}
	return h, nil
}

// send sends the batch in bursts, evenly over the interval, and reports whether
// ctx goes on. What cannot be sent because the connection has ended is lost.
func (p *player) send(ctx context.Context, due time.Time, interval time.Duration) bool {
	size := p.stream.Pattern.burst()
	bursts := (len(p.batch) + size - 1) / size
	for i := range p.batch {
		if i > 0 && i%size == 0 && !p.wait(ctx, due.Add(interval*time.Duration(i/size)/time.Duration(bursts))) {
			return false
		}
		o := &p.batch[i]
		stamp(o.packet.payload, time.Now())
		if o.from.local.WriteRTP(&rtp.Packet{Header: o.header, Payload: o.packet.payload}) == nil {
			p.publisher.sent.Add(1)
		}
	}
	return true
}
