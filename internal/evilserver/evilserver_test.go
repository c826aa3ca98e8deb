package evilserver

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"conclave/server"
)

// get asks a front and returns the body.
func get(t *testing.T, f *Front, path string) (int, []byte) {
	t.Helper()
	q, err := http.NewRequestWithContext(context.Background(), http.MethodGet, f.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, b
}

// TestWorlds checks that a fork has the keys of the world it came from, that a
// front shows one of them, and that hooks change what comes out.
func TestWorlds(t *testing.T) {
	s := New(t, server.Config{})
	honest := s.World()
	fork := honest.Fork()
	if honest.URL() == fork.URL() || honest.Data() == fork.Data() {
		t.Fatal("the fork is the same server")
	}
	f := s.Front(honest)
	status, own := get(t, f, "/api/v1/directory/config")
	if status != http.StatusOK || !bytes.Contains(own, []byte(Origin)) {
		t.Fatalf("config: %d %s", status, own)
	}
	f.Show(fork)
	if _, other := get(t, f, "/api/v1/directory/config"); !bytes.Equal(own, other) {
		t.Errorf("the fork has other keys: %s, %s", own, other)
	}
	f.Lie("GET /api/v1/directory/config", Change(func([]byte) []byte { return []byte("lie") }))
	if _, b := get(t, f, "/api/v1/directory/config"); string(b) != "lie" {
		t.Errorf("hook left %q", b)
	}
	f.Lie("GET /api/v1/directory/config", nil)
	fork.Stop()
	if status, _ := get(t, f, "/api/v1/directory/config"); status != http.StatusBadGateway {
		t.Errorf("a stopped world answers %d", status)
	}
	if n := len(f.Asked()); n != 4 {
		t.Errorf("%d requests seen", n)
	}
}
