package tables

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"

	"conclave/store"
)

// Migrate brings the tables up to date with the migrations in files. A database
// that a later version has changed is store.ErrNewer.
func Migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, files fs.FS, log *slog.Logger) error {
	p, err := goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true), goose.WithSlog(log))
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	version, latest, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("reading the version of the database: %w", err)
	}
	if version > latest {
		return fmt.Errorf("%w: its version is %d, known are %d", store.ErrNewer, version, latest)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bringing the database up to date: %w", err)
	}
	return nil
}
