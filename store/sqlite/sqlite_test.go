package sqlite

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"conclave/store/contract"
)

// testContext is for the process that a test starts, which has no test.
var testContext = context.Background()

func TestMain(m *testing.M) {
	if os.Getenv(jobVariable) != "" {
		if err := job(); err != nil {
			panic(err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// fresh makes an empty database in a folder with a name that URLs must escape.
func fresh(t testing.TB) contract.Open {
	path := filepath.Join(t.TempDir(), "a b?c%20#.db")
	return func() contract.Database {
		db, err := Open(t.Context(), path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatalf("Open() = %v", err)
		}
		return db
	}
}

func TestContract(t *testing.T)   { contract.Run(t, fresh) }
func TestConcurrent(t *testing.T) { contract.Concurrent(t, fresh) }

func BenchmarkStore(b *testing.B) { contract.Bench(b, fresh) }
