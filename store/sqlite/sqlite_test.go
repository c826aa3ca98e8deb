package sqlite

import (
	"log/slog"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"conclave/store/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
