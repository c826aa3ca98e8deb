// Command pionfan forwards one video track to many with nothing but
// pion/webrtc: one TrackLocalStaticRTP, pion's default codecs and interceptors,
// a port for each peer connection. It is what bench/fanout compares the server
// with; it is no part of it.
//
//	POST /publish    SDP offer in, answer out: the track that all get
//	POST /subscribe  SDP offer in, answer out
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

const (
	maxOffer   = 64 << 10 // bytes
	maxPacket  = 1500     // bytes
	waitTracks = 5 * time.Second
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("pionfan", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:0", "`address` of HTTP")
	if flags.Parse(args) != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := serve(ctx, *listen, stdout); err != nil {
		_, _ = fmt.Fprintln(stderr, "pionfan:", err) // there is nowhere else to say it
		return 1
	}
	return 0
}

// serve serves until ctx ends. It writes its address to out when it is ready.
func serve(ctx context.Context, listen string, out io.Writer) error {
	api, err := newAPI()
	if err != nil {
		return err
	}
	f := &fan{api: api, published: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /publish", f.exchange(f.publish))
	mux.HandleFunc("POST /subscribe", f.exchange(f.subscribe))
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "http://%s\n", l.Addr()); err != nil {
		return err
	}
	s := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })() // nobody waits for answers any more
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newAPI returns pion as it comes, but for one cipher, so that all servers that are
// compared do the same work, and candidates on loopback.
func newAPI() (*webrtc.API, error) {
	var s webrtc.SettingEngine
	s.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM)
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(net.IP.IsLoopback)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	logs := logging.NewDefaultLoggerFactory()
	logs.DefaultLogLevel = logging.LogLevelDisabled
	s.LoggerFactory = logs
	m := new(webrtc.MediaEngine)
	if err := m.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(s)), nil
}

// A fan is one publisher and its subscribers.
type fan struct {
	api       *webrtc.API
	published chan struct{} // closed when there is a track
	once      sync.Once

	// Constant once published is closed.
	track     *webrtc.TrackLocalStaticRTP
	publisher *webrtc.PeerConnection
	source    webrtc.SSRC // of the publisher
}

// exchange handles an offer with what sets a peer connection up.
func (f *fan) exchange(setUp func(context.Context, *webrtc.PeerConnection) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		offer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOffer))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer, err := f.answer(r.Context(), string(offer), setUp)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/sdp")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, answer) // who has gone needs none
	}
}

// answer makes a peer connection of an offer, with all candidates in its answer.
func (f *fan) answer(ctx context.Context, offer string, setUp func(context.Context, *webrtc.PeerConnection) error) (string, error) {
	pc, err := f.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", err
	}
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateFailed {
			_ = pc.Close() // it has failed
		}
	})
	text, err := negotiate(ctx, pc, offer, setUp)
	if err != nil {
		return "", errors.Join(err, pc.Close())
	}
	return text, nil
}

func negotiate(ctx context.Context, pc *webrtc.PeerConnection, offer string, setUp func(context.Context, *webrtc.PeerConnection) error) (string, error) {
	if err := setUp(ctx, pc); err != nil {
		return "", err
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	select {
	case <-gathered:
		return pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// publish takes the first video track and forwards it as long as it lasts.
func (f *fan) publish(_ context.Context, pc *webrtc.PeerConnection) error {
	pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		first := false
		f.once.Do(func() { first = true })
		if !first {
			return
		}
		track, err := webrtc.NewTrackLocalStaticRTP(remote.Codec().RTPCodecCapability, "video", "fan")
		if err != nil {
			return
		}
		f.track, f.publisher, f.source = track, pc, remote.SSRC()
		close(f.published)
		b := make([]byte, maxPacket)
		for {
			n, _, err := remote.Read(b)
			if err != nil {
				return
			}
			_, _ = track.Write(b[:n]) // what cannot be sent to one is sent to the others
		}
	})
	return nil
}

// subscribe adds the track and hands key frame requests on.
func (f *fan) subscribe(ctx context.Context, pc *webrtc.PeerConnection) error {
	ctx, cancel := context.WithTimeout(ctx, waitTracks)
	defer cancel()
	select {
	case <-f.published:
	case <-ctx.Done():
		return errors.New("nothing is published")
	}
	sender, err := pc.AddTrack(f.track)
	if err != nil {
		return err
	}
	go f.feedback(sender) // ends with the peer connection
	return nil
}

// feedback reads RTCP of a subscriber, which pion's interceptors need too.
func (f *fan) feedback(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			switch p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				_ = f.publisher.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(f.source)}}) // the next one asks again
			}
		}
	}
}
