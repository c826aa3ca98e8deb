package postgres

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"conclave/internal/testkit/pgkit"
	"conclave/store/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// databases returns how to make empty databases on a server that runs for the test.
func databases(t *testing.T) func(testing.TB) contract.Open {
	server := pgkit.Start(t)
	return func(t testing.TB) contract.Open {
		url := server.Database(t)
		return func() contract.Database {
			db, err := Open(t.Context(), url, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatalf("Open() = %v", err)
			}
			return db
		}
	}
}

func TestContract(t *testing.T)   { contract.Run(t, databases(t)) }
func TestConcurrent(t *testing.T) { contract.Concurrent(t, databases(t)) }
