package media

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"conclave/client/clip"
	"conclave/client/meeting"
	"conclave/core/sframe"
	"conclave/sfu/dd"
)

const (
	keyPictureEvery = 500 * time.Millisecond // however often one is asked for
	rtcpBuffer      = 1500                   // bytes
	maxLag          = 200 * time.Millisecond // a clip that is later than this goes on later
)

// A publisher is the sending peer connection of a client that plays a clip. A
// frame leaves it sealed or not at all.
type publisher struct {
	// Constant after newPublisher.
	pc     *webrtc.PeerConnection
	keys   *sealers
	clips  clips
	source *vp9Source // nil without video
	video  *outTrack  // nil without
	audio  *outTrack  // nil without
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup

	stats *stats

	started  atomic.Bool
	keyAsked atomic.Bool
}

// clips are what is sent: the video of one and the audio of one, each nil or with
// that track.
type clips struct{ video, audio *clip.Clip }

// An outTrack is one track with its sender.
type outTrack struct {
	local       *webrtc.TrackLocalStaticRTP
	transceiver *webrtc.RTPTransceiver
	base        uint32        // RTP timestamp of the start of playing
	extension   atomic.Uint32 // id of the one header extension we write, 0 if not negotiated

	sequence uint16 // owned by the playing goroutine
}

// newPublisher returns a publisher of clips that seals with keys.
func newPublisher(servers []meeting.IceServer, clips clips, keys *sealers, stats *stats, onState func(webrtc.PeerConnectionState)) (*publisher, error) {
	api, err := newAPI(true, nil)
	if err != nil {
		return nil, err
	}
	p := &publisher{keys: keys, clips: clips, stats: stats}
	if clips.video != nil {
		if p.source, err = newVP9Source(clips.video.Video); err != nil {
			return nil, err
		}
	}
	if p.pc, err = api.NewPeerConnection(configuration(servers)); err != nil {
		return nil, fmt.Errorf("sending peer connection: %w", err)
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.pc.OnConnectionStateChange(onState)
	if err := p.addTracks(); err != nil {
		return nil, errors.Join(fmt.Errorf("adding tracks: %w", err), p.close())
	}
	return p, nil
}

func (p *publisher) addTracks() error {
	add := func(mime, id string, clock uint32, channels uint16) (*outTrack, error) {
		local, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime, ClockRate: clock, Channels: channels}, id, "conclave")
		if err != nil {
			return nil, err
		}
		t, err := p.pc.AddTransceiverFromTrack(local, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return nil, err
		}
		out := &outTrack{local: local, transceiver: t, sequence: uint16(randomUint32()), base: randomUint32()}
		p.done.Go(func() { p.readFeedback(t.Sender()) })
		return out, nil
	}
	var err error
	if p.clips.video != nil {
		if p.video, err = add(webrtc.MimeTypeVP9, "camera", clip.VideoClock, 0); err != nil {
			return err
		}
	}
	if p.clips.audio != nil {
		if p.audio, err = add(webrtc.MimeTypeOpus, "microphone", clip.AudioClock, 2); err != nil {
			return err
		}
	}
	return nil
}

// offer makes an offer, for a restart one with new ICE credentials.
func (p *publisher) offer(ctx context.Context, restart bool) (string, error) {
	offer, err := p.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	if err != nil {
		return "", fmt.Errorf("making an offer: %w", err)
	}
	return setLocal(ctx, p.pc, offer)
}

// streams says what the m-lines of the offer carry.
func (p *publisher) streams() []meeting.PublishedStream {
	var out []meeting.PublishedStream
	if p.video != nil {
		out = append(out, meeting.PublishedStream{Mid: p.video.transceiver.Mid(), Kind: meeting.Camera, Active: true})
	}
	if p.audio != nil {
		out = append(out, meeting.PublishedStream{Mid: p.audio.transceiver.Mid(), Kind: meeting.Microphone, Active: true})
	}
	return out
}

// answered takes the server's answer and, the first time, starts to play.
func (p *publisher) answered(answer string) error {
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("taking the server's answer: %w", err)
	}
	if p.video != nil {
		p.video.extension.Store(extensionID(p.video.transceiver, dd.URI))
	}
	if p.audio != nil {
		p.audio.extension.Store(extensionID(p.audio.transceiver, sdp.AudioLevelURI))
	}
	if p.started.Swap(true) {
		return nil
	}
	start := time.Now()
	if p.video != nil {
		p.done.Go(func() { p.playVideo(start) })
	}
	if p.audio != nil {
		p.done.Go(func() { p.playAudio(start) })
	}
	return nil
}

// readFeedback reads what the server says about a track.
func (p *publisher) readFeedback(sender *webrtc.RTPSender) {
	buf := make([]byte, rtcpBuffer)
	for {
		n, _, err := sender.Read(buf)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			continue
		}
		for _, r := range packets {
			switch r.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				p.keyAsked.Store(true)
			}
		}
	}
}

// play calls send at the time of each picture until the publisher is closed,
// and before in the time between. What send could not send is counted; there is
// nobody to tell, and the next picture may go out again.
func (p *publisher) play(c *clip.Clip, track *clip.Track, start time.Time, before func(*clip.Player), send func(clip.Picture) error) {
	player := clip.NewPlayer(c, track, start)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if now := time.Now(); now.Sub(player.Due()) > maxLag {
			player.Slip(now)
		}
		before(player)
		timer.Reset(time.Until(player.Due()))
		select {
		case <-p.ctx.Done():
			return
		case <-timer.C:
		}
		err := send(player.Next())
		switch {
		case errors.Is(err, io.ErrClosedPipe):
			return
		case err != nil:
			p.stats.unsent.Add(1)
		default:
			p.stats.sent.Add(1)
		}
	}
}

// playVideo plays the video track.
func (p *publisher) playVideo(start time.Time) {
	packetizer, err := newVP9Packetizer(p.source.mode, p.source.sizes, uint16(randomUint32()), uint16(randomUint32()))
	if err != nil {
		panic("media: internal error: a checked clip has no packetizer: " + err.Error())
	}
	needKey := true // what was sent last cannot be continued
	var lastKey time.Time
	next := -1 // index of the picture that follows the last
	before := func(player *clip.Player) {
		asked := p.keyAsked.Load() && time.Since(lastKey) >= keyPictureEvery
		if asked || needKey {
			player.JumpToKey()
		}
	}
	p.play(p.clips.video, p.clips.video.Video, start, before, func(pic clip.Picture) error {
		key := pic.Frames[0].Key
		if pic.Index != next && !key {
			needKey = true // pictures were left out
		}
		if needKey && !key {
			return errSkipped
		}
		layers, err := p.sealPicture(pic)
		if err != nil {
			needKey = true
			return err
		}
		packets, err := packetizer.picture(layers)
		if err != nil {
			return err
		}
		if key {
			p.keyAsked.Store(false)
			lastKey, needKey = time.Now(), false
		}
		next = (pic.Index + len(pic.Frames)) % len(p.clips.video.Video.Frames)
		return p.writeVideo(uint32(pic.Ticks), packets)
	})
}

// Reasons why a picture is not sent.
var (
	errSkipped  = errors.New("waiting for a key picture")
	errNoKey    = errors.New("no key to seal with")
	errNotThere = errors.New("not connected")
)

// sealerFor returns the key to seal with now. Without one nothing is sent.
func (p *publisher) sealerFor(c sframe.Context) (*sframe.Sealer, error) {
	if p.pc.ConnectionState() != webrtc.PeerConnectionStateConnected {
		return nil, errNotThere
	}
	if s := p.keys.sealer(c); s != nil {
		return s, nil
	}
	return nil, errNoKey
}

// sealPicture seals each layer of a picture.
func (p *publisher) sealPicture(pic clip.Picture) ([]layerFrame, error) {
	sealer, err := p.sealerFor(sframe.Camera)
	if err != nil {
		return nil, err
	}
	var layers []layerFrame
	for i, f := range pic.Frames {
		info := &p.source.frames[pic.Index+i]
		sealed, err := sealer.SealFrame(nil, sframe.FrameHeader{Kind: sframe.Camera, Spatial: f.Spatial, Temporal: f.Temporal}, f.Data)
		if err != nil {
			return nil, fmt.Errorf("sealing: %w", err)
		}
		layers = append(layers, layerFrame{
			spatial: f.Spatial, temporal: f.Temporal, key: info.key,
			interLayer: info.interLayer, pictures: info.pictures, sealed: sealed,
		})
	}
	return layers, nil
}

func (p *publisher) writeVideo(ticks uint32, packets []packet) error {
	id := uint8(p.video.extension.Load())
	for _, packet := range packets {
		h := p.video.header(ticks, packet.marker)
		if id != 0 {
			// The structure needs the two-byte form, which may hold all others.
			h.Extension, h.ExtensionProfile = true, rtp.ExtensionProfileTwoByte
			if len(packet.descriptor) <= 16 {
				h.ExtensionProfile = rtp.ExtensionProfileOneByte
			}
			if err := h.SetExtension(id, packet.descriptor); err != nil {
				return err
			}
		}
		if err := p.video.local.WriteRTP(&rtp.Packet{Header: h, Payload: packet.payload}); err != nil {
			return err
		}
	}
	return nil
}

// playAudio plays the audio track.
func (p *publisher) playAudio(start time.Time) {
	p.play(p.clips.audio, p.clips.audio.Audio, start, func(*clip.Player) {}, func(pic clip.Picture) error {
		f := pic.Frames[0]
		sealer, err := p.sealerFor(sframe.Microphone)
		if err != nil {
			return err
		}
		sealed, err := sealer.SealFrame(nil, sframe.FrameHeader{Kind: sframe.Microphone}, f.Data)
		if err != nil {
			return fmt.Errorf("sealing: %w", err)
		}
		h := p.audio.header(uint32(pic.Ticks), false)
		if id := uint8(p.audio.extension.Load()); id != 0 {
			if err := h.SetExtension(id, []byte{f.Level}); err != nil {
				return err
			}
		}
		return p.audio.local.WriteRTP(&rtp.Packet{Header: h, Payload: sealed})
	})
}

// header returns the header of the track's next packet.
func (t *outTrack) header(ticks uint32, marker bool) rtp.Header {
	t.sequence++
	return rtp.Header{Version: 2, Marker: marker, SequenceNumber: t.sequence, Timestamp: t.base + ticks}
}

// extensionID returns the id that was negotiated for an extension, or 0.
func extensionID(t *webrtc.RTPTransceiver, uri string) uint32 {
	extensions := t.Sender().GetParameters().HeaderExtensions
	i := slices.IndexFunc(extensions, func(e webrtc.RTPHeaderExtensionParameter) bool { return e.URI == uri })
	if i < 0 {
		return 0
	}
	return uint32(extensions[i].ID)
}

// randomUint32 returns where an RTP counter starts (RFC 3550, Section 5.1).
func randomUint32() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint32(b[:])
}

// close ends the connection and waits for all of its goroutines.
func (p *publisher) close() error {
	p.cancel()
	err := p.pc.Close()
	p.done.Wait()
	return err
}
