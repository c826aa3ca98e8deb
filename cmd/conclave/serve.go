package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"conclave/server"
)

type serveCommand struct {
	Listen string `help:"TCP address for the web client and its connections." default:"127.0.0.1:8080" env:"CONCLAVE_LISTEN"`
	Data   string `help:"Folder for what must survive a restart. Default: conclave in the user's data folder." type:"path" env:"CONCLAVE_DATA"`

	TLSCert       string `name:"tls-cert" help:"Certificate file (PEM)." type:"existingfile" env:"CONCLAVE_TLS_CERT"`
	TLSKey        string `name:"tls-key" help:"Key file (PEM)." type:"existingfile" env:"CONCLAVE_TLS_KEY"`
	TLSSelfSigned bool   `name:"tls-self-signed" help:"Make a certificate and print its fingerprint."`

	MediaListen  string       `help:"UDP address for all media. Default: the port of --listen on every address." env:"CONCLAVE_MEDIA_LISTEN"`
	MediaAddress []netip.Addr `help:"Address that clients are told for media, instead of this machine's own. Repeatable." env:"CONCLAVE_MEDIA_ADDRESS"`

	MediaTCP bool `name:"media-tcp" help:"Take media on the TCP port of --listen too, for networks without UDP." default:"true" negatable:"" env:"CONCLAVE_MEDIA_TCP"`

	TURNUDP  string `name:"turn-udp" help:"UDP address of a TURN relay in this server, such as :3478. Default: none." env:"CONCLAVE_TURN_UDP"`
	TURNTCP  string `name:"turn-tcp" help:"TCP address of the relay." env:"CONCLAVE_TURN_TCP"`
	TURNTLS  string `name:"turn-tls" help:"TLS address of the relay, such as :5349." env:"CONCLAVE_TURN_TLS"`
	TURNHost string `name:"turn-host" help:"Name or address of the relay that clients are told. Default: the first one for media." env:"CONCLAVE_TURN_HOST"`

	MaxParticipants int           `help:"Most participants of a meeting." default:"50"`
	MeetingTTL      time.Duration `name:"meeting-ttl" help:"How long a meeting is known after the last one left." default:"24h"`
	AudioAll        int           `help:"Forward every microphone up to this many, and above it only the loudest." default:"10"`
	AllowOrigin     []string      `help:"Further host whose pages may connect, such as localhost:5173. Repeatable."`

	accountFlags

	JSON bool `name:"json" help:"Print the address as one JSON object."`
	logFlags
}

// Run serves until it is interrupted.
func (c *serveCommand) Run(e *env) error {
	data, err := c.dataFolder()
	if err != nil {
		return err
	}
	accounts, err := c.accountFlags.config()
	if err != nil {
		return err
	}
	s, err := server.Listen(server.Config{
		Listen:          c.Listen,
		Data:            data,
		TLSCert:         c.TLSCert,
		TLSKey:          c.TLSKey,
		TLSSelfSigned:   c.TLSSelfSigned,
		MediaListen:     c.MediaListen,
		MediaAddresses:  c.MediaAddress,
		NoMediaTCP:      !c.MediaTCP,
		Relay:           server.RelayConfig{UDP: c.TURNUDP, TCP: c.TURNTCP, TLS: c.TURNTLS, Host: c.TURNHost},
		MaxParticipants: c.MaxParticipants,
		MeetingTTL:      c.MeetingTTL,
		AudioAll:        c.AudioAll,
		AllowOrigins:    c.AllowOrigin,
		Accounts:        accounts,
		Log:             c.logger(e),
	})
	if err != nil {
		return err
	}
	c.announce(e, s)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	return s.Run(e.ctx)
}

// gcPercent is how much the heap grows between two collections. Forwarding
// allocates nothing, so collections are rare anyway, and memory is what limits
// how many a small machine serves.
const gcPercent = 50

// announce prints where the server is. A closed standard output does not end it.
func (c *serveCommand) announce(e *env, s *server.Server) {
	if c.JSON {
		_ = json.NewEncoder(e.stdout).Encode(struct {
			URL         string `json:"url"`
			Fingerprint string `json:"fingerprint,omitempty"`
		}{s.URL(), s.Fingerprint()})
		return
	}
	_, _ = fmt.Fprintf(e.stdout, "Conclave is at %s\n", s.URL())
	if f := s.Fingerprint(); f != "" {
		_, _ = fmt.Fprintf(e.stdout, "Certificate SHA-256 %s\n", f)
	}
}

// dataFolder returns the folder that was given, or the usual one.
func (c *serveCommand) dataFolder() (string, error) {
	if c.Data != "" {
		return c.Data, nil
	}
	if d := os.Getenv("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "conclave"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no data folder: %v; give one with --data", err)
	}
	return filepath.Join(home, ".local", "share", "conclave"), nil
}
