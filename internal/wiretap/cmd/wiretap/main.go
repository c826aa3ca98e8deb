// Command wiretap starts a server on loopback with a tap that is a member of a
// fresh meeting, for browser tests. It prints its address; /tap tells the link of
// the meeting, /tap/report what was seen.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"conclave/api"
	"conclave/client/conn"
	"conclave/client/meeting"
	"conclave/core/session"
	"conclave/core/sframe"
	"conclave/internal/wiretap"
	"conclave/server"
	"conclave/sfu/room"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "wiretap:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	tap := wiretap.New()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s, err := server.Listen(server.Config{
		Listen:      "127.0.0.1:0",
		TestOnlyTap: func(p room.TapPacket) { tap.Add(packet(p)) },
		Log:         log,
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1) // the one error of the server
	go func() { ended <- s.Run(ctx) }()

	link, err := session.GenerateLink(rand.Reader)
	if err != nil {
		return err
	}
	member, err := join(ctx, link.URL(s.URL()), tap)
	if err != nil {
		return err
	}
	if err := serve(ctx, link.URL(s.URL()), tap); err != nil {
		return errors.Join(err, member.Close())
	}
	return errors.Join(<-ended, member.Close())
}

// packet is a packet of the server as the tap takes it.
func packet(p room.TapPacket) wiretap.Packet {
	return wiretap.Packet{
		SSRC: p.SSRC, Mid: p.Mid, RID: p.RID, Kind: kinds[p.Kind], Codec: p.Codec,
		Sequence: p.Sequence, Marker: p.Marker, Payload: p.Payload,
	}
}

var kinds = map[api.StreamKind]string{
	api.StreamKind_STREAM_KIND_MICROPHONE:   "microphone",
	api.StreamKind_STREAM_KIND_CAMERA:       "camera",
	api.StreamKind_STREAM_KIND_SCREEN:       "screen",
	api.StreamKind_STREAM_KIND_SCREEN_AUDIO: "screen-audio",
}

// join makes the tap a member and returns when it has the first keys.
func join(ctx context.Context, link string, tap *wiretap.Tap) (*conn.Conn, error) {
	c, err := conn.Dial(ctx, link, conn.Config{Name: "Wiretap", Class: meeting.Robot, Create: true})
	if err != nil {
		return nil, err
	}
	ready := make(chan error, 1)
	go func() {
		tell := ready
		for out := range c.Events() {
			keys, ok := out.(meeting.Keys)
			if !ok {
				continue
			}
			err := add(tap, keys)
			if err != nil {
				fmt.Fprintln(os.Stderr, "wiretap: keys:", err)
			}
			if tell != nil {
				tell <- err
				tell = nil
			}
		}
	}()
	select {
	case err := <-ready:
		return c, err
	case <-time.After(10 * time.Second):
		return nil, errors.Join(errors.New("no key within 10 s"), c.Close())
	}
}

// add gives the tap the keys of an epoch.
func add(tap *wiretap.Tap, keys meeting.Keys) error {
	var errs []error
	for _, k := range keys.Receive {
		errs = append(errs, tap.AddKey(sframe.Epoch(keys.Epoch), sframe.KeyMaterial{
			Suite: sframe.AES256GCMSHA512, KID: sframe.KID(k.KID), Key: k.Key, Salt: k.Salt,
		}))
	}
	return errors.Join(errs...)
}

// serve answers /tap and /tap/report on an address of its own.
func serve(ctx context.Context, link string, tap *wiretap.Tap) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			fmt.Fprintln(os.Stderr, "wiretap:", err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /tap", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]string{"link": link}) })
	mux.HandleFunc("GET /tap/report", func(w http.ResponseWriter, _ *http.Request) { answer(w, tap.Report()) })
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = s.Close() }) // the tests are over: nothing is owed to anybody
	go func() { _ = s.Serve(l) }()                   // ends with Close
	fmt.Printf("Wiretap is at http://%s\n", l.Addr())
	return nil
}
