// Command evilserver is what a browser takes for a Conclave server: it hands
// everything on to a real one, until it is told to lie.
//
//	evilserver --server http://127.0.0.1:8080 --listen 127.0.0.1:0
//
// prints its own address. POST /evil?lie=swap makes it show everybody an identity
// key of its own for whoever is looked up; POST /evil?lie=none ends that.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"conclave/internal/evilserver"
)

const lookups = "POST /api/v1/directory/lookup"

func main() {
	base := flag.String("server", "", "address of the real server")
	listen := flag.String("listen", "127.0.0.1:0", "TCP address")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *base, *listen); err != nil {
		fmt.Fprintf(os.Stderr, "evilserver: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, base, listen string) error {
	if base == "" {
		return errors.New("say which server by --server")
	}
	swap, err := evilserver.SwapKey()
	if err != nil {
		return err
	}
	front := evilserver.NewFront(base)
	mux := http.NewServeMux()
	mux.Handle("/", front)
	mux.HandleFunc("POST /evil", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("lie") {
		case "swap":
			front.Lie(lookups, swap)
		case "none":
			front.Lie(lookups, nil)
		default:
			http.Error(w, "lie is swap or none", http.StatusBadRequest)
		}
	})
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(os.Stdout, "http://localhost:%s\n", port); err != nil {
		return err
	}
	s := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { // ends with the program
		<-ctx.Done()
		_ = s.Close() // clients are tests
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
