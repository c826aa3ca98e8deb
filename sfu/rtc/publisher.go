package rtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/transport/v5/packetio"
	"github.com/pion/webrtc/v4"

	"conclave/api"
)

const (
	gatherTimeout   = 5 * time.Second // all candidates are local: it takes no time
	maxSources      = 64              // SSRCs of one peer connection; more are dropped
	rtpQueueBytes   = 1 << 20         // between SRTP and the goroutine of a track
	rtcpQueueBytes  = 64 << 10
	keyFrameWaiting = 16 // requests on their way to pion; more are merged
)

var (
	errClosed   = errors.New("the seat has left")
	errGather   = errors.New("no candidates in time")
	errAnnounce = errors.New("a stream does not fit its m-line")
)

// A publisher is the peer connection that one participant sends on.
type publisher struct {
	seat *Seat // constant

	// layout is what the packet path knows of the negotiation; nil at first.
	layout atomic.Pointer[layout]
	// keyFrames are SSRCs to ask for key frames, for the control goroutine: pion
	// is not called with a stream's lock held. When full, requests are dropped;
	// receivers ask again.
	keyFrames chan uint32

	// mu guards the fields below and serialises negotiation.
	mu     sync.Mutex
	pc     *webrtc.PeerConnection
	closed bool
}

func newPublisher(seat *Seat) *publisher {
	return &publisher{seat: seat, keyFrames: make(chan uint32, keyFrameWaiting)}
}

// publish answers an offer.
func (p *publisher) publish(ctx context.Context, offer string, announced []*api.PublishedStream) (string, error) {
	l, err := parseOffer(offer)
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return "", errClosed
	}
	if err := checkAnnounced(l, announced); err != nil {
		return "", err
	}
	old := p.layout.Load()
	if p.pc != nil && old != nil && old.session != l.session {
		// The client made a new peer connection: the old one is of no use.
		p.closePCLocked()
		old = nil
	}
	if p.pc == nil {
		if err := p.openLocked(); err != nil {
			return "", err
		}
	}
	p.seat.room.assign(p.seat, old, l, announced)
	p.layout.Store(l)
	answer, err := p.answerLocked(ctx, offer)
	if err != nil {
		p.layout.Store(old)
		return "", err
	}
	p.seat.room.register(p.seat, l, announced)
	return answer, nil
}

// checkAnnounced reports whether every stream fits its m-line.
func checkAnnounced(l *layout, announced []*api.PublishedStream) error {
	for _, a := range announced {
		sec := l.sections[a.GetMid()]
		if sec == nil {
			return fmt.Errorf("%w: there is no such m-line", errAnnounce)
		}
		switch k := a.GetKind(); k {
		case api.StreamKind_STREAM_KIND_MICROPHONE, api.StreamKind_STREAM_KIND_SCREEN_AUDIO:
			if !sec.audio {
				return fmt.Errorf("%w: sound on an m-line for video", errAnnounce)
			}
		case api.StreamKind_STREAM_KIND_CAMERA, api.StreamKind_STREAM_KIND_SCREEN:
			if sec.audio {
				return fmt.Errorf("%w: video on an m-line for sound", errAnnounce)
			}
		default:
			return fmt.Errorf("%w: unknown kind %d", errAnnounce, k)
		}
	}
	return nil
}

// openLocked makes the peer connection.
func (p *publisher) openLocked() error {
	e := p.seat.room.engine
	settings, err := e.settings()
	if err != nil {
		return err
	}
	settings.BufferFactory = p.buffers()
	a, err := e.receiveAPI(settings)
	if err != nil {
		return err
	}
	pc, err := a.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		p.seat.room.guard(func() { p.ingest(t, r) })
	})
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		p.seat.room.log.Debug("publishing", slog.Uint64("seat", uint64(p.seat.id)), slog.String("state", s.String()))
	})
	p.pc = pc
	e.stats.Publishers.Add(1)
	return nil
}

func (p *publisher) answerLocked(ctx context.Context, offer string) (string, error) {
	err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer})
	if err != nil {
		return "", fmt.Errorf("taking the offer: %v", err)
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("making the answer: %v", err)
	}
	return setLocal(ctx, p.pc, answer)
}

// setLocal sets a local description and returns it with its candidates.
func setLocal(ctx context.Context, pc *webrtc.PeerConnection, d webrtc.SessionDescription) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, gatherTimeout, errGather)
	defer cancel()
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(d); err != nil {
		return "", fmt.Errorf("setting the local description: %v", err)
	}
	select {
	case <-gathered:
		return pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// ingest reads one track until it ends. It runs on a goroutine of pion's, which
// ends when the peer connection is closed.
func (p *publisher) ingest(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	tr := r.RTPTransceiver()
	if tr == nil {
		return
	}
	in := &ingest{
		pub: p, mid: tr.Mid(), rid: t.RID(), ssrc: uint32(t.SSRC()),
		stats: &p.seat.room.engine.stats,
	}
	var wg sync.WaitGroup
	wg.Go(func() { p.seat.room.guard(func() { in.readReports(r) }) })
	defer wg.Wait()
	in.readPackets(t)
}

// askKeyFrame asks for a key frame of an SSRC. It does not block.
func (p *publisher) askKeyFrame(ssrc uint32) {
	select {
	case p.keyFrames <- ssrc:
		p.seat.wakeUp()
	default:
	}
}

// sendKeyFrameRequests sends what askKeyFrame collected.
func (p *publisher) sendKeyFrameRequests() {
	for {
		select {
		case ssrc := <-p.keyFrames:
			p.mu.Lock()
			pc := p.pc
			p.mu.Unlock()
			if pc == nil {
				continue
			}
			p.seat.room.engine.stats.KeyFrameAsks.Add(1)
			// An error means that there is no connection yet: the receiver asks again.
			_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}})
		default:
			return
		}
	}
}

// buffers returns what pion keeps received packets in. It shows them to the tap
// and bounds how many sources a client can make up.
func (p *publisher) buffers() func(packetio.BufferPacketType, uint32) io.ReadWriteCloser {
	var count atomic.Int32
	var t *tap
	if call := p.seat.room.engine.cfg.Tap; call != nil {
		t = &tap{seat: p.seat.id, call: call, names: make(map[uint32]tapName)}
	}
	return func(kind packetio.BufferPacketType, _ uint32) io.ReadWriteCloser {
		limit := rtcpQueueBytes
		if kind == packetio.RTPBufferPacket {
			limit = rtpQueueBytes
		}
		if count.Add(1) > 2*maxSources { // each source has one for RTP and one for RTCP
			limit = 1
		}
		b := packetio.NewBuffer()
		b.SetLimitSize(limit)
		q := &queue{Buffer: b}
		if kind == packetio.RTPBufferPacket && t != nil {
			q.tap, q.pub = t, p
		}
		return q
	}
}

// queue is a buffer of packets between SRTP and their reader.
type queue struct {
	*packetio.Buffer
	tap *tap // nil: none
	pub *publisher
}

// Read implements io.Reader for one packet.
func (q *queue) Read(b []byte) (int, error) {
	n, _, err := q.Buffer.Read(b, nil)
	return n, err
}

// Write implements io.Writer for one packet.
func (q *queue) Write(b []byte) (int, error) {
	if q.tap != nil {
		q.tap.add(q.pub.layout.Load(), b)
	}
	return q.Buffer.Write(b, nil)
}

// close ends the peer connection.
func (p *publisher) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.closePCLocked()
}

func (p *publisher) closePCLocked() {
	if p.pc == nil {
		return
	}
	_ = p.pc.Close() // what it reports is that the client has gone
	p.pc = nil
	p.seat.room.engine.stats.Publishers.Add(-1)
}

// flush sends the key frame requests that had to wait for the last, and reports
// whether some still have to.
func (p *publisher) flush(now time.Time) (waiting bool) {
	l := p.layout.Load()
	if l == nil {
		return false
	}
	for _, sec := range l.sections {
		if sec.stream != nil && !sec.audio && sec.stream.flush(now) {
			waiting = true
		}
	}
	p.sendKeyFrameRequests()
	return waiting
}
