package media

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"conclave/client/meeting"
)

const (
	keyRequestEvery = 500 * time.Millisecond // for one m-line; the server throttles too
	pollWhileGap    = 20 * time.Millisecond  // for packets that are sent again
	maxTracks       = 4096                   // m-lines of one peer connection
)

// A subscriber is the receiving peer connection. The server offers, the
// subscriber answers; what arrives goes through an opener.
type subscriber struct {
	// Constant after newSubscriber.
	pc     *webrtc.PeerConnection
	opener *opener
	ctx    context.Context // ends with close; tracks start from callbacks
	cancel context.CancelFunc
	done   sync.WaitGroup
	mux    ice.UDPMux // nil without a limiter

	mu     sync.Mutex
	closed bool
	lines  map[string]*line // by mid
}

// A line is one m-line that something arrives on.
type line struct {
	ssrc  webrtc.SSRC
	asked time.Time // when a key picture was last asked for
}

// newSubscriber returns a subscriber that hands what it gets to o, which it
// runs. onState gets the connection's states. With a conn, which it closes, all
// packets go over it.
func newSubscriber(servers []meeting.IceServer, conn net.PacketConn, o *opener, onState func(webrtc.PeerConnectionState)) (*subscriber, error) {
	s := &subscriber{lines: make(map[string]*line), opener: o}
	if conn != nil {
		s.mux = newMux(conn)
	}
	api, err := newAPI(false, s.mux)
	if err != nil {
		return nil, err
	}
	if s.pc, err = api.NewPeerConnection(configuration(servers)); err != nil {
		return nil, fmt.Errorf("receiving peer connection: %w", err)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	o.onGap = s.requestKey
	s.done.Go(func() { s.opener.run(s.ctx) })
	s.pc.OnTrack(s.addTrack)
	s.pc.OnConnectionStateChange(onState)
	return s, nil
}

// answer answers an offer of the server. It waits until all candidates are
// gathered: there is no trickling.
func (s *subscriber) answer(ctx context.Context, offer string) (string, error) {
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("taking the server's offer: %w", err)
	}
	answer, err := s.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("answering the server's offer: %w", err)
	}
	return setLocal(ctx, s.pc, answer)
}

// setLocal sets the local description and returns it with all candidates.
func setLocal(ctx context.Context, pc *webrtc.PeerConnection, d webrtc.SessionDescription) (string, error) {
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(d); err != nil {
		return "", fmt.Errorf("setting the local description: %w", err)
	}
	select {
	case <-gathered:
		return pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// addTrack starts to read a track.
func (s *subscriber) addTrack(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	mid := ""
	for _, t := range s.pc.GetTransceivers() {
		if t.Receiver() == receiver {
			mid = t.Mid()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || mid == "" || len(s.lines) >= maxTracks {
		return
	}
	s.lines[mid] = &line{ssrc: track.SSRC()}
	s.done.Go(func() { s.readTrack(mid, track) })
}

// readTrack makes frames of a track's packets until it ends.
func (s *subscriber) readTrack(mid string, track *webrtc.TrackRemote) {
	video := track.Kind() == webrtc.RTPCodecTypeVideo
	a := newAssembler(video)
	each := func(f sealedFrame) { s.opener.put(s.ctx, trackFrame{mid, video, f}) }
	for {
		deadline := time.Time{}
		if at, waiting := a.reorder.wake(); waiting {
			// Packets that are sent again are handed out only when the track is
			// asked: ask more often while one is missing.
			deadline = time.Now().Add(pollWhileGap)
			if at.Before(deadline) {
				deadline = at
			}
		}
		if err := track.SetReadDeadline(deadline); err != nil {
			return
		}
		p, _, err := track.ReadRTP()
		switch now := time.Now(); {
		case err == nil:
			a.push(now, p, each)
		case errors.Is(err, os.ErrDeadlineExceeded) || isTimeout(err):
			a.push(now, nil, each)
		default:
			return
		}
	}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// requestKey asks the server for a key picture of what an m-line carries.
func (s *subscriber) requestKey(mid string) {
	s.mu.Lock()
	l := s.lines[mid]
	now := time.Now()
	if l == nil || now.Sub(l.asked) < keyRequestEvery {
		s.mu.Unlock()
		return
	}
	l.asked = now
	ssrc := l.ssrc
	s.mu.Unlock()
	// A lost request is made again with the next gap.
	_ = s.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}})
}

// close ends the connection and waits for all of its goroutines.
func (s *subscriber) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	err := s.pc.Close()
	if s.mux != nil {
		err = errors.Join(err, s.mux.Close())
	}
	s.done.Wait()
	return err
}
