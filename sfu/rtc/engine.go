package rtc

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// A Config says how media is carried. Zero fields mean the default.
type Config struct {
	// Listen is the UDP address; an empty host means every address of this
	// machine, port 0 a free one. Default ":0".
	Listen string
	// Addresses are told to clients instead of this machine's own.
	Addresses []netip.Addr
	// AudioAll is the number of microphones of a meeting up to which all are
	// forwarded; above it the loudest. Default 10.
	AudioAll int
	// Tap, for tests only, gets every RTP packet of every publisher as it comes
	// out of SRTP, before anything else looks at it. It is called on the
	// packet path and must not keep the packet.
	Tap func(TapPacket)
	// Log; default: discarded.
	Log *slog.Logger
}

// An Engine owns the UDP sockets that all meetings share. Its methods may be
// called concurrently.
type Engine struct {
	// Constant after NewEngine.
	cfg     Config
	log     *slog.Logger
	sockets []net.PacketConn
	mux     ice.UDPMux
	running sync.WaitGroup // goroutines of all rooms
	stats   Stats
}

const defaultAudioAll = 10

// NewEngine binds the UDP sockets.
func NewEngine(cfg Config) (*Engine, error) {
	if cfg.Listen == "" {
		cfg.Listen = ":0"
	}
	if cfg.AudioAll == 0 {
		cfg.AudioAll = defaultAudioAll
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.AudioAll < 0 {
		return nil, errors.New("the number of microphones must not be negative")
	}
	e := &Engine{cfg: cfg, log: cfg.Log}
	var err error
	if e.sockets, err = bind(cfg.Listen, len(cfg.Addresses) > 0); err != nil {
		return nil, fmt.Errorf("binding the media port: %w", err)
	}
	muxes := make([]ice.UDPMux, 0, len(e.sockets))
	for _, c := range e.sockets {
		muxes = append(muxes, ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: c, Logger: quiet{}}))
	}
	e.mux = muxes[0]
	if len(muxes) > 1 {
		e.mux = ice.NewMultiUDPMuxDefault(muxes...)
	}
	return e, nil
}

// Addrs returns the UDP addresses that are listened on.
func (e *Engine) Addrs() []net.Addr {
	addrs := make([]net.Addr, 0, len(e.sockets))
	for _, c := range e.sockets {
		addrs = append(addrs, c.LocalAddr())
	}
	return addrs
}

// Stats returns the counters.
func (e *Engine) Stats() *Stats { return &e.stats }

// Close waits for the goroutines of all rooms, which must have been closed, and
// closes the sockets.
func (e *Engine) Close() error {
	e.running.Wait()
	return e.mux.Close()
}

// settings returns what all peer connections have in common.
func (e *Engine) settings() (webrtc.SettingEngine, error) {
	var s webrtc.SettingEngine
	s.LoggerFactory = quietFactory{}
	s.SetICEUDPMux(e.mux)
	s.SetLite(true) // clients check and nominate; the server only answers
	s.SetIncludeLoopbackCandidate(true)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.DisableActiveTCP(true)
	// GCM costs a quarter of AES-CM with HMAC-SHA1; the latter is for clients
	// that have nothing else.
	s.SetSRTPProtectionProfiles(
		dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80,
	)
	if err := s.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return s, err
	}
	if len(e.cfg.Addresses) > 0 {
		rule := webrtc.ICEAddressRewriteRule{
			AsCandidateType: webrtc.ICECandidateTypeHost,
			Mode:            webrtc.ICEAddressRewriteReplace,
		}
		for _, a := range e.cfg.Addresses {
			rule.External = append(rule.External, a.String())
		}
		if err := s.SetICEAddressRewriteRules(rule); err != nil {
			return s, err
		}
	}
	return s, nil
}
