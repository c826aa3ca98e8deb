package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestConfigRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"listen":          {Listen: "nonsense"},
		"media":           {MediaListen: "nonsense"},
		"cert alone":      {TLSCert: "x"},
		"two ways of TLS": {TLSCert: "x", TLSKey: "y", TLSSelfSigned: true, Data: "d"},
		"no data folder":  {TLSSelfSigned: true},
		"participants":    {MaxParticipants: -1},
		"many":            {MaxParticipants: 5000},
		"microphones":     {AudioAll: -1},
		"relay TLS":       {Relay: RelayConfig{TLS: "127.0.0.1:0"}},
		"relay host":      {Relay: RelayConfig{Host: "relay.example.org"}},
	} {
		if cfg.Listen == "" {
			cfg.Listen = "127.0.0.1:0"
		}
		if s, err := Listen(cfg); err == nil {
			t.Errorf("%s: Listen() = %v, nil", name, s)
		}
	}
}

func fetch(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	r, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v", url, r.StatusCode, err)
	}
	return string(b)
}

func TestMetricsAndHealth(t *testing.T) {
	s := start(t, Config{})
	newPeer(t, s).join(newMeeting())
	got := fetch(t, http.DefaultClient, s.URL()+"/metrics")
	for _, want := range []string{
		"process_cpu_seconds_total ", "conclave_sfu_rtp_packets_sent_total 0", "conclave_sfu_rtp_packets_received_total 0",
		"conclave_seats 1", "conclave_meetings 1", "conclave_joins_total 1",
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("metrics lack %q", want)
		}
	}
	for line := range strings.Lines(got) {
		if strings.HasPrefix(line, "conclave_") && strings.Contains(line, "{") {
			t.Errorf("a metric has a label: %s", line)
		}
	}
	fetch(t, http.DefaultClient, s.URL()+"/healthz")
}

func TestSelfSigned(t *testing.T) {
	data := t.TempDir()
	first := start(t, Config{TLSSelfSigned: true, Data: data, Accounts: AccountsConfig{Off: true}})
	b, err := os.ReadFile(filepath.Join(data, "tls", "self-signed.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		t.Fatal("the file holds no certificate")
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}}
	defer c.CloseIdleConnections()
	fetch(t, c, first.URL()+"/healthz")
	if _, err := hex.DecodeString(first.Fingerprint()); err != nil || len(first.Fingerprint()) != 64 {
		t.Errorf("fingerprint = %q", first.Fingerprint())
	}
	if info, err := os.Stat(filepath.Join(data, "tls", "self-signed.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, want 0600", info.Mode())
	}
	second := start(t, Config{TLSSelfSigned: true, Data: data, Accounts: AccountsConfig{Off: true}})
	if second.Fingerprint() != first.Fingerprint() {
		t.Error("the certificate is another after a restart")
	}
	cfg := Config{Listen: "127.0.0.1:0", TLSSelfSigned: true, Data: data}
	late, err := cfg.certificate(time.Now().Add(selfSignedFor))
	if err != nil || fingerprint(late) == first.Fingerprint() {
		t.Errorf("an expired certificate is kept: %v", err)
	}
}

func TestSelfSignedFileIsDamaged(t *testing.T) {
	data := t.TempDir()
	if err := os.MkdirAll(filepath.Join(data, "tls"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "tls", "self-signed.pem"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(Config{Listen: "127.0.0.1:0", TLSSelfSigned: true, Data: data}); err == nil {
		t.Error("Listen() with a damaged certificate = nil error")
	}
}
