package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"conclave/sfu/room"
)

// A Config says what to serve. Zero fields mean the default.
type Config struct {
	// Listen is the TCP address for HTTP and WebSocket; "127.0.0.1:8080". Port 0
	// takes a free one.
	Listen string
	// Data is a folder for what must survive a restart: the self-signed
	// certificate, accounts and the key directory. It is made if it is missing.
	// Required with TLSSelfSigned; without it, there are no accounts.
	Data string

	// TLSCert and TLSKey are PEM files; both or neither.
	TLSCert, TLSKey string
	// TLSSelfSigned makes a certificate of its own and keeps it in Data.
	TLSSelfSigned bool

	// MediaListen is the UDP address for all media. An empty host means every
	// address of this machine; an empty MediaListen the port of Listen on every
	// address, also if Listen is a loopback address: some browsers send no media
	// over loopback, even to a server on the same machine.
	MediaListen string
	// MediaAddresses are told to clients instead of the addresses of this
	// machine, for a server behind a port forwarding.
	MediaAddresses []netip.Addr
	// NoMediaTCP keeps media off the TCP port of Listen, which clients are told
	// for networks without UDP.
	NoMediaTCP bool

	// Relay is a TURN server in this process.
	Relay RelayConfig

	MaxParticipants int           // of a meeting; 50
	MeetingTTL      time.Duration // how long an empty meeting is known; 24 h
	Grace           time.Duration // how long the seat of a lost connection is kept; 10 s
	// AudioAll is the number of microphones up to which all are forwarded;
	// above it, the loudest; 10.
	AudioAll int
	// AllowOrigins are further hosts whose pages may connect.
	AllowOrigins []string

	// Accounts says how accounts and the key directory work.
	Accounts AccountsConfig

	// TestOnlyTap gets every RTP packet of every publisher. See engine.Config.Tap.
	TestOnlyTap func(room.TapPacket)

	Log *slog.Logger // discarded
}

// validate checks the combination and fills in defaults.
func (c Config) validate() (Config, error) {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8080"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return c, fmt.Errorf("listen address %q: %v", c.Listen, err)
	}
	if c.MediaListen != "" {
		if _, _, err := net.SplitHostPort(c.MediaListen); err != nil {
			return c, fmt.Errorf("media address %q: %v", c.MediaListen, err)
		}
	}
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return c, errors.New("certificate and key must be given together")
	case c.TLSSelfSigned && c.TLSCert != "":
		return c, errors.New("a self-signed certificate excludes one from a file")
	case c.TLSSelfSigned && c.Data == "":
		return c, errors.New("a self-signed certificate needs a data folder to stay the same")
	case c.Relay.TLS != "" && !c.usesTLS():
		return c, errors.New("the relay over TLS needs the certificate of the web: give one, or have one made")
	case c.Relay.Host != "" && !c.Relay.enabled():
		return c, errors.New("the relay has a host, but no address to listen on")
	case c.MaxParticipants < 0:
		return c, errors.New("the most participants must not be negative")
	case c.AudioAll < 0:
		return c, errors.New("the number of microphones must not be negative")
	case c.Accounts.Database != "" && c.Data == "":
		return c, errors.New("accounts need a data folder beside the database: the log and the keys are there")
	}
	return c, nil
}

// usesTLS reports whether clients connect by TLS.
func (c Config) usesTLS() bool { return c.TLSSelfSigned || c.TLSCert != "" }
