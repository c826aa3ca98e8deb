package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"conclave/api"
	"conclave/sfu/codec"
)

// A receiver is the subscribing side of a peer.
type receiver struct {
	peer *peer
	pc   *webrtc.PeerConnection
	loss *lossySocket

	mu       sync.Mutex
	changed  *sync.Cond
	received map[string]*incoming // by mid
	answered int
}

// incoming is what came on one m-line.
type incoming struct {
	packets  int
	sound    int
	seen     map[uint16]int
	repaired int
	pictures map[uint32]*picture // by number
	newest   uint32
	highest  uint16
	started  bool
	bad      []string
}

// picture is what came of one picture.
type picture struct {
	packets map[[2]byte]bool // spatial layer, index
	counts  map[byte]byte    // packets by spatial layer
	marker  bool
	layered bool // by its descriptor; else one encoding of a simulcast
}

func (p *picture) top() int {
	top := -1
	for s := range p.counts {
		top = max(top, int(s))
	}
	return top
}

// complete reports whether everything up to the top layer came, and the marker.
func (p *picture) complete() bool {
	for s, n := range p.counts {
		for i := range n {
			if !p.packets[[2]byte{s, i}] {
				return false
			}
		}
	}
	return p.marker && (!p.layered || len(p.counts) == p.top()+1)
}

// lossySocket loses one RTP packet in every few that it receives.
type lossySocket struct {
	*net.UDPConn
	every   atomic.Int64 // 0: none
	count   atomic.Int64
	dropped atomic.Int64
}

func (s *lossySocket) drops(b []byte) bool {
	every := s.every.Load()
	isRTP := len(b) > 1 && b[0]>>6 == 2 && (b[1] < 192 || b[1] > 223)
	if every == 0 || !isRTP || s.count.Add(1)%every != 0 {
		return false
	}
	s.dropped.Add(1)
	return true
}

// ReadFrom implements net.PacketConn.
func (s *lossySocket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, a, err := s.UDPConn.ReadFrom(b)
		if err != nil || !s.drops(b[:n]) {
			return n, a, err
		}
	}
}

// packetConn hides the methods of *net.UDPConn that pion would read with past
// ReadFrom.
type packetConn struct{ net.PacketConn }

// subscribe makes a receiver that answers every offer.
func (p *peer) subscribe() *receiver {
	p.t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		p.t.Fatal(err)
	}
	r := &receiver{peer: p, loss: &lossySocket{UDPConn: c}, received: make(map[string]*incoming)}
	r.changed = sync.NewCond(&r.mu)
	var settings webrtc.SettingEngine
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: packetConn{r.loss}})
	settings.SetICEUDPMux(mux)
	if r.pc, err = testAPI(p.t, settings).NewPeerConnection(webrtc.Configuration{}); err != nil {
		p.t.Fatal(err)
	}
	r.pc.OnTrack(r.read)
	done := make(chan struct{})
	go func() { // ends with the peer
		defer close(done)
		r.answerOffers()
	}()
	p.t.Cleanup(func() {
		p.close()
		<-done
		_ = r.pc.Close()
		_ = mux.Close()
	})
	return r
}

// answerOffers answers until the peer ends.
func (r *receiver) answerOffers() {
	p := r.peer
	for {
		p.mu.Lock()
		for len(p.offers) == r.answered && p.ctx.Err() == nil {
			p.changed.Wait()
		}
		if p.ctx.Err() != nil {
			p.mu.Unlock()
			return
		}
		offer := p.offers[r.answered]
		r.answered++
		p.mu.Unlock()
		if err := r.answer(offer); err != nil && p.ctx.Err() == nil {
			p.t.Errorf("answering: %v", err)
			return
		}
	}
}

func (r *receiver) answer(offer *api.SubscribeOffer) error {
	if err := r.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer.GetSdp()}); err != nil {
		return err
	}
	answer, err := r.pc.CreateAnswer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(r.pc)
	if err := r.pc.SetLocalDescription(answer); err != nil {
		return err
	}
	<-gathered
	r.peer.send(&api.ClientFrame{Body: &api.ClientFrame_SubscribeAnswer{SubscribeAnswer: &api.SubscribeAnswer{
		Generation: offer.GetGeneration(), Sdp: r.pc.LocalDescription().SDP,
	}}})
	return nil
}

func (r *receiver) read(t *webrtc.TrackRemote, rr *webrtc.RTPReceiver) {
	mid := rr.RTPTransceiver().Mid()
	for {
		p, attributes, err := t.ReadRTP()
		if err != nil {
			return
		}
		r.mu.Lock()
		in := r.received[mid]
		if in == nil {
			in = &incoming{seen: make(map[uint16]int), pictures: make(map[uint32]*picture)}
			r.received[mid] = in
		}
		in.add(p, attributes.Get(webrtc.AttributeRtxSsrc) != nil)
		r.changed.Broadcast()
		r.mu.Unlock()
	}
}

func (in *incoming) add(p *rtp.Packet, repaired bool) {
	in.packets++
	if repaired {
		in.repaired++
	}
	in.seen[p.SequenceNumber]++
	if !in.started || int16(p.SequenceNumber-in.highest) > 0 {
		in.highest, in.started = p.SequenceNumber, true
	}
	if len(p.Payload) == 0 {
		return
	}
	if bytes.HasPrefix(p.Payload, []byte("sound")) {
		in.sound++
		return
	}
	var info codec.Info
	if err := codec.Parse(codec.VP9, p.Payload, &info); err != nil {
		in.bad = append(in.bad, err.Error())
		return
	}
	b := p.Payload[info.HeaderSize:]
	if len(b) < 9 || b[0] != 'F' || info.HasLayers && b[1] != info.Spatial {
		in.bad = append(in.bad, "payload is not what was sent")
		return
	}
	number := binary.BigEndian.Uint32(b[3:])
	pic := in.pictures[number]
	if pic == nil {
		pic = &picture{packets: make(map[[2]byte]bool), counts: make(map[byte]byte)}
		in.pictures[number] = pic
	}
	in.newest = max(in.newest, number)
	pic.packets[[2]byte{b[1], b[7]}] = true
	pic.counts[b[1]] = b[8]
	pic.marker, pic.layered = pic.marker || p.Marker, info.HasLayers
}

// wait waits until ok, which is called with mu held.
func (r *receiver) wait(what string, ok func() bool) {
	r.peer.t.Helper()
	stop := contextBroadcast(r)
	defer stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for !ok() {
		if r.peer.ctx.Err() != nil {
			for mid, in := range r.received {
				r.peer.t.Logf("mid %s: %d packets, %d pictures, newest %d, bad %v", mid, in.packets, len(in.pictures), in.newest, in.bad)
			}
			r.peer.t.Fatalf("waited in vain for %s", what)
		}
		r.changed.Wait()
	}
}

// top returns the top layers of the complete pictures among the newest n of an
// m-line, or nil if they are not all complete but for the two last.
func (in *incoming) tops(n int) []int {
	var out []int
	for i := uint32(0); i < uint32(n)+2; i++ {
		if i < 2 || in.newest < i {
			continue
		}
		if p := in.pictures[in.newest-i]; p != nil && p.complete() {
			out = append(out, p.top())
		}
	}
	return out
}

// all reports whether there are n values and all are v.
func all(values []int, n, v int) bool {
	if len(values) < n {
		return false
	}
	for _, x := range values {
		if x != v {
			return false
		}
	}
	return true
}

func contextBroadcast(r *receiver) func() bool {
	return context.AfterFunc(r.peer.ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.changed.Broadcast()
	})
}

func streamOf(t *testing.T, p *peer, kind api.StreamKind, seat uint32) uint32 {
	t.Helper()
	var id uint32
	p.wait("a stream of the other", func() bool {
		for _, s := range p.streams {
			if s.GetKind() == kind && s.GetSeat() == seat && s.GetActive() {
				id = s.GetStream()
			}
		}
		return id != 0
	})
	return id
}

// midOf waits until an m-line carries the stream.
func midOf(p *peer, stream uint32) string {
	p.t.Helper()
	var mid string
	p.wait("a slot", func() bool {
		for m, s := range p.slots {
			if s == stream {
				mid = m
			}
		}
		return mid != ""
	})
	return mid
}
