package server

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
)

// TestSplit sends HTTP and media to one port: each arrives where it belongs,
// with all its bytes.
func TestSplit(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	media := make(chan string, 1)
	s := split(l, func(c net.Conn) {
		b, _ := io.ReadAll(c)
		_ = c.Close()
		media <- string(b)
	})
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "web") })}
	served := make(chan error, 1)
	go func() { served <- web.Serve(s) }()

	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	const sent = "\x00\x04STUN"
	if _, err := io.WriteString(c, sent); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if got := <-media; got != sent {
		t.Errorf("media got %q, want %q", got, sent)
	}
	if got := fetch(t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, "http://"+l.Addr().String()); got != "web" {
		t.Errorf("HTTP got %q", got)
	}

	// One that says nothing, and a media connection, do not keep Close waiting.
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if err := web.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve() = %v", err)
	}
	if _, err := s.Accept(); err == nil {
		t.Error("a closed splitter accepts")
	}
}
