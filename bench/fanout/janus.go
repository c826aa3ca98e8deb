package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"conclave/client/load"
)

const (
	janusAddress = "127.0.0.2" // on a device that is not called loopback
	janusPort    = "8188"
	janusRoom    = 1234
	retryEvery   = 100 * time.Millisecond
)

// measureJanus measures Debian's Janus with its video room.
func measureJanus(ctx context.Context, o *options, w work, m *measurement) error {
	if !o.isolated {
		return fmt.Errorf("janus needs a network of its own: run as root: %w", errMissing)
	}
	dir, err := os.MkdirTemp("", "fanout")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays behind does no harm
	if err := configureJanus(dir); err != nil {
		return err
	}
	p, err := start(ctx, dir, "janus", "--configs-folder="+dir, "--disable-colors")
	if err != nil {
		return err
	}
	defer p.stop()
	room, err := openJanus(ctx, p)
	if err != nil {
		return err
	}
	defer room.close()
	peer := load.PeerConfig{Local: netip.MustParseAddr(janusAddress)}
	return drive(ctx, o, w, room, peer, p, m)
}

// installJanus installs Debian's package if there is no Janus. It says why if it
// cannot.
func installJanus(ctx context.Context, stderr io.Writer) error {
	if _, err := exec.LookPath("janus"); err == nil {
		return nil
	}
	cmd := exec.CommandContext(ctx, "apt-get", "install", "--yes", "--no-install-recommends", "janus")
	cmd.Stdout, cmd.Stderr = stderr, stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("installing Janus: %w; as root on Debian: apt-get install janus", err)
	}
	return nil
}

// Janus loads whatever lies in its folders unless it is told not to.
var (
	janusPlugins    = []string{"audiobridge", "duktape", "echotest", "lua", "nosip", "recordplay", "sip", "streaming", "textroom", "videocall", "voicemail"}
	janusTransports = []string{"http", "mqtt", "nanomsg", "pfunix", "rabbitmq"}
)

// configureJanus writes configuration files: one video room without limits or
// key frame requests of its own, everything else off.
func configureJanus(dir string) error {
	files := map[string]string{
		"janus.jcfg": `general: {
	debug_level = 3
	session_timeout = 0
	log_to_stdout = true
}
nat: {
	ice_enforce_list = "` + janusAddress + `"
}
plugins: { disable = "` + libraries("", janusPlugins) + `" }
transports: { disable = "` + libraries("", janusTransports) + `" }
events: { broadcast = false }
`,
		"janus.transport.websockets.jcfg": `general: {
	ws = true
	ws_ip = "127.0.0.1"
	ws_port = ` + janusPort + `
	wss = false
}
`,
		"janus.plugin.videoroom.jcfg": fmt.Sprintf(`room-%d: {
	description = "bench"
	publishers = 10
	bitrate = 0
	fir_freq = 0
	videocodec = "vp8"
	record = false
	notify_joining = false
}
`, janusRoom),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// libraries returns the file names of Janus's modules.
func libraries(prefix string, names []string) string {
	files := slices.Clone(names)
	for i, n := range files {
		files[i] = "libjanus_" + prefix + n + ".so"
	}
	return strings.Join(files, ",")
}

// publish implements meeting.
func (r *janusRoomConn) publish(ctx context.Context, p *load.Publisher) error {
	return p.Offer(ctx, func(ctx context.Context, offer string) (string, error) {
		handle, err := r.attach(ctx)
		if err != nil {
			return "", err
		}
		reply, err := r.message(ctx, handle, map[string]any{
			"request": "joinandconfigure", "room": janusRoom, "ptype": "publisher", "audio": false, "video": true,
		}, &janusDescription{Type: "offer", SDP: offer})
		if err != nil {
			return "", err
		}
		if reply.Description == nil {
			return "", errors.New("janus has no answer")
		}
		r.publisher = reply.Plugin.Data.ID
		return reply.Description.SDP, nil
	})
}

// subscribe implements meeting.
func (r *janusRoomConn) subscribe(ctx context.Context, s *load.Subscriber) error {
	handle, err := r.attach(ctx)
	if err != nil {
		return err
	}
	reply, err := r.message(ctx, handle, map[string]any{
		"request": "join", "room": janusRoom, "ptype": "subscriber", "streams": []map[string]any{{"feed": r.publisher}},
	}, nil)
	if err != nil {
		return err
	}
	if reply.Description == nil {
		return errors.New("janus has no offer")
	}
	answer, err := s.Answer(ctx, reply.Description.SDP)
	if err != nil {
		return err
	}
	_, err = r.message(ctx, handle, map[string]any{"request": "start"}, &janusDescription{Type: "answer", SDP: answer})
	return err
}
