// Package pgkit runs a PostgreSQL server of Debian for tests, in a temporary
// folder and as a user without rights. Only tests import it.
package pgkit

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"conclave/internal/testkit"
)

// starting is how long a server may take until it answers.
const starting = 30 * time.Second

// A Server listens on a socket in its folder, and on no address.
type Server struct {
	dir       string
	bin       string
	databases atomic.Int64
}

// Start starts a server, which the end of t stops. Without PostgreSQL the test is
// skipped; under CI=true it fails.
func Start(t testing.TB) *Server {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		testkit.Missing(t, "there is no PostgreSQL: apt-get install postgresql")
	}
	// Not t.TempDir: the path of a socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", "pg-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{dir: dir, bin: filepath.Dir(found[len(found)-1])}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing the database: %v", err)
		}
	})
	if err := s.start(t); err != nil {
		t.Fatalf("starting PostgreSQL: %v", err)
	}
	return s
}

// start makes the files of the server and runs it.
func (s *Server) start(t testing.TB) error {
	who, err := unprivileged(s.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	initdb := exec.CommandContext(t.Context(), filepath.Join(s.bin, "initdb"), "--pgdata="+data, //nolint:gosec // what Debian installed
		"--username=conclave", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = who, s.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %v\n%s", err, out)
	}
	// Tests end processes, not machines: what was given to the kernel stays, so it
	// need not wait for the disk. The shell ends the server when its input ends, and
	// so also when this process is killed.
	server := exec.Command("/bin/sh", "-c", `"$@" & cat; kill -INT $!; wait`, "sh", filepath.Join(s.bin, "postgres"), //nolint:gosec // what Debian installed
		"-D", data, "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "shared_buffers=32MB", "-c", "log_checkpoints=off")
	var log strings.Builder
	server.SysProcAttr, server.Dir, server.Stderr = who, s.dir, &log
	input, err := server.StdinPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = server.Wait() // the shell's, which says nothing
		if t.Failed() {
			t.Logf("PostgreSQL says:\n%s", log.String())
		}
	})
	return s.wait(t.Context())
}

// unprivileged returns how to start a process without the rights of root, to whom
// PostgreSQL refuses itself, and gives that user the folder; nil if this process has
// none either.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}},
		os.Chown(dir, int(uid), int(gid))
}

// wait returns once the server answers.
func (s *Server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, starting)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		ready := exec.CommandContext(ctx, filepath.Join(s.bin, "pg_isready"), "-q", "-h", s.dir, "-U", "conclave", "-d", "postgres") //nolint:gosec // what Debian installed
		if ready.Run() == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-again.C:
		}
	}
}

// Database returns the URL of an empty database: a schema of its own, which is made
// much faster.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := "test" + strconv.FormatInt(s.databases.Add(1), 10)
	s.SQL(t, "CREATE SCHEMA "+name)
	return s.URL("postgres") + "&search_path=" + name
}

// URL returns the URL of a database of the server.
func (s *Server) URL(name string) string {
	q := url.Values{"host": {s.dir}, "user": {"conclave"}}
	return "postgres:///" + name + "?" + q.Encode()
}

// SQL runs a statement.
func (s *Server) SQL(t testing.TB, statement string) {
	t.Helper()
	psql := exec.CommandContext(t.Context(), filepath.Join(s.bin, "psql"), //nolint:gosec // what Debian installed
		"-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", s.dir, "-U", "conclave", "-d", "postgres", "-c", statement)
	if out, err := psql.CombinedOutput(); err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
}
