package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/api"
	"conclave/auth"
	"conclave/directory"
	"conclave/internal/testkit/pgkit"
	"conclave/store"
)

// cheap are accounts whose passwords cost nothing to check.
var cheap = AccountsConfig{Cost: auth.Cost{MemoryKiB: 64, Time: 1}}

// during runs a server for as long as f takes.
func during(t *testing.T, cfg Config, f func(*Server)) {
	t.Helper()
	cfg.Listen, cfg.MediaListen = "127.0.0.1:0", "127.0.0.1:0"
	s, err := Listen(cfg)
	if err != nil {
		t.Fatalf("Listen() = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	f(s)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run() = %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// call sends a JSON body, "" for a GET, and decodes the answer.
func call(t *testing.T, s *Server, path, body string, into any) int {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s answered %d %q: %v", path, resp.StatusCode, b, err)
	}
	return resp.StatusCode
}

// register makes an account with a password.
func register(t *testing.T, s *Server, handle string) (int, api.HTTPError) {
	t.Helper()
	body, err := json.Marshal(api.PasswordRegister{
		Handle: handle, AuthKey: make([]byte, 32), Name: "test",
		Params: api.PasswordParams{Salt: make([]byte, 16), MemoryKiB: 64 << 10, Time: 3, Threads: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	var refused api.HTTPError
	return call(t, s, "/api/v1/auth/password/register", string(body), &refused), refused
}

// checkpoint returns the first checkpoint, which is out a moment after the start.
func checkpoint(t *testing.T, s *Server) string {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		resp, err := http.DefaultClient.Get(s.URL() + "/checkpoint")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode == http.StatusOK {
			return string(b)
		}
		select {
		case <-again.C:
		case <-t.Context().Done():
			return ""
		}
	}
}

// TestNoAccounts starts a server without a data folder, and one that shall not
// have accounts: the routes say so.
func TestNoAccounts(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no data": {},
		"off":     {Data: t.TempDir(), Accounts: AccountsConfig{Off: true}},
	} {
		during(t, cfg, func(s *Server) {
			for _, path := range []string{"/api/v1/auth/methods", "/api/v1/directory/config", "/api/v1/account/sessions"} {
				var e api.HTTPError
				if status := call(t, s, path, "", &e); status != http.StatusNotFound || e.Code != api.CodeAccountsOff {
					t.Errorf("%s: %s answers %d %s, want %s", name, path, status, e.Code, api.CodeAccountsOff)
				}
			}
			if got := fetch(t, http.DefaultClient, s.URL()+"/metrics"); strings.Contains(got, "conclave_directory") {
				t.Errorf("%s: there are metrics of a directory", name)
			}
		})
	}
}

// TestAccountsStay registers, restarts and finds the account and the directory as
// they were, in either database.
func TestAccountsStay(t *testing.T) {
	for name, url := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": func(t *testing.T) string { return pgkit.Start(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Data: filepath.Join(t.TempDir(), "data"), Accounts: cheap}
			cfg.Accounts.Database = url(t)
			var before, after api.DirectoryConfig
			during(t, cfg, func(s *Server) {
				if status, e := register(t, s, "alice"); status != http.StatusOK {
					t.Errorf("registering = %d %v", status, e)
				}
				call(t, s, "/api/v1/directory/config", "", &before)
				if got := checkpoint(t, s); !strings.HasPrefix(got, "localhost\n") {
					t.Errorf("checkpoint %q", got)
				}
				got := fetch(t, http.DefaultClient, s.URL()+"/metrics")
				for _, want := range []string{"conclave_directory_running 1", "conclave_store_changes_total", "conclave_witness_cosigned_total 0"} {
					if !strings.Contains(got, want) {
						t.Errorf("there is no %q in the metrics", want)
					}
				}
				second := cfg
				second.Listen, second.MediaListen = "127.0.0.1:0", "127.0.0.1:0"
				if _, err := Listen(second); !errors.Is(err, store.ErrInUse) {
					t.Errorf("a second server with this data = %v, want %v", err, store.ErrInUse)
				}
			})
			during(t, cfg, func(s *Server) {
				if status, e := register(t, s, "alice"); e.Code != api.CodeHandleTaken {
					t.Errorf("registering again = %d %s, want %s", status, e.Code, api.CodeHandleTaken)
				}
				call(t, s, "/api/v1/directory/config", "", &after)
			})
			if before.Origin != "localhost" || before.LogKey != after.LogKey || string(before.VRFKey) != string(after.VRFKey) {
				t.Errorf("the directory was %+v, and is %+v after a restart", before, after)
			}
			other := cfg
			other.Accounts.Origin = "conclave.example"
			if _, err := Listen(other); !errors.Is(err, directory.ErrSecrets) {
				t.Errorf("Listen() with another origin = %v, want %v", err, directory.ErrSecrets)
			}
			if info, err := os.Stat(filepath.Join(cfg.Data, "keys")); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the folder of keys: %v, %v", info, err)
			}
		})
	}
}

// TestAccountsRefused starts servers that make no sense, and with files that were
// damaged: each says what is wrong and leaves nothing open.
func TestAccountsRefused(t *testing.T) {
	damaged := t.TempDir()
	if err := os.MkdirAll(filepath.Join(damaged, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(damaged, "keys", "accounts"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"a database without data", Config{Accounts: AccountsConfig{Database: "postgres://x"}}, "data folder"},
		{"public address", Config{Data: t.TempDir(), Accounts: AccountsConfig{Public: "conclave.example"}}, "https://conclave.example"},
		{"public path", Config{Data: t.TempDir(), Accounts: AccountsConfig{Public: "https://conclave.example/x"}}, "https://conclave.example"},
		{"origin", Config{Data: t.TempDir(), Accounts: AccountsConfig{Origin: "a b"}}, "origin"},
		{"registration", Config{Data: t.TempDir(), Accounts: AccountsConfig{Registration: "maybe"}}, "registration"},
		{"database", Config{Data: t.TempDir(), Accounts: AccountsConfig{Database: "nonsense://"}}, "URL of the database"},
		{"policy", Config{Data: t.TempDir(), Accounts: AccountsConfig{WitnessPolicy: "nonsense"}}, "policy"},
		{"witness", Config{Data: t.TempDir(), Accounts: AccountsConfig{WitnessFor: []string{"nonsense"}}}, "key"},
		{"secret", Config{Data: damaged}, "damaged"},
	} {
		test.cfg.Listen, test.cfg.MediaListen = "127.0.0.1:0", "127.0.0.1:0"
		if _, err := Listen(test.cfg); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Listen() = %v, want an error about %q", test.name, err, test.want)
		}
	}
}
