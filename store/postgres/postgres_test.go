package postgres

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"conclave/directory"
	"conclave/internal/testkit/pgkit"
	"conclave/store"
	"conclave/store/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// discard is a log that nobody reads.
var discard = slog.New(slog.DiscardHandler)

// databases returns how to make empty databases on a server.
func databases(server *pgkit.Server) func(testing.TB) contract.Open {
	return func(t testing.TB) contract.Open {
		url := server.Database(t)
		return func() contract.Database {
			db, err := Open(t.Context(), url, discard)
			if err != nil {
				t.Fatalf("Open() = %v", err)
			}
			return db
		}
	}
}

// TestContract also runs what is at the same time: a server takes a second to
// start, so it is started once.
func TestContract(t *testing.T) {
	server := pgkit.Start(t)
	contract.Run(t, databases(server))
	t.Run("Concurrent", func(t *testing.T) { contract.Concurrent(t, databases(server)) })
	t.Run("Lost", func(t *testing.T) { testLost(t, server) })
	t.Run("InUse", func(t *testing.T) { testInUse(t, server) })
}

// testLost ends all connections between two changes.
func testLost(t *testing.T, server *pgkit.Server) {
	db, err := Open(t.Context(), server.Database(t), discard)
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(3) {
		if err := db.Directory().Commit(t.Context(), directory.StoredEpoch{Number: n, Leaf: []byte{1}}, nil); err != nil {
			t.Errorf("Commit(%d) = %v", n, err)
		}
		if got, err := db.Directory().Count(t.Context()); got != n+1 || err != nil {
			t.Errorf("Count() = %d, %v; want %d", got, err, n+1)
		}
		server.SQL(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
	}
	_ = db.Close() // says that the connections were lost, if it notices
}

// testInUse lets two servers use one database, and one address that nobody
// answers at.
func testInUse(t *testing.T, server *pgkit.Server) {
	url := server.Database(t)
	db, err := Open(t.Context(), url, discard)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), url, discard); !errors.Is(err, store.ErrInUse) {
		t.Errorf("Open() again = %v, want %v", err, store.ErrInUse)
	}
	if err := db.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	db, err = Open(t.Context(), url, discard)
	if err != nil {
		t.Fatalf("Open() after Close() = %v", err)
	}
	if err := db.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	for _, bad := range []string{
		"postgres://conclave:hunter2@127.0.0.1:1/none", "postgres://a:hunter2@[::", "hunter2://",
		server.URL("none") + "&password=hunter2",
	} {
		if _, err := Open(t.Context(), bad, discard); err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("Open(%q) = %v; want an error without the password or address", bad, err)
		}
	}
}

func BenchmarkStore(b *testing.B) { contract.Bench(b, databases(pgkit.Start(b))) }
