package native

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // the driver

	"conclave/client/vault"
)

const (
	databaseName   = "messages.db"
	databaseMarker = "database" // key of the vault: there is a database, with what is stored here inside
	sealKey        = ".database"
	schema         = `CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID`
	readers        = 2 // connections for reading
)

// Database is a [vault.Database] in one SQLite file of the vault's folder. Each
// value is sealed with XChaCha20-Poly1305 under a key that is derived from the
// vault key, with its own key as associated data: an entry that was changed, or
// put under another key, is refused. Keys are in the clear. Who can write to the
// file can still take entries away, or put an older file back as a whole.
//
// What was applied is on the disk (WAL, synchronous FULL). What is removed is
// overwritten in the file; the log keeps it, sealed, until it is written anew.
type Database struct {
	write, read *sql.DB

	mu     sync.RWMutex // held to read by calls, to write by Close; guards what follows
	closed bool
	sealer *entrySealer
}

var _ vault.Database = (*Database)(nil)

// OpenDatabase opens the database of the vault, which is made if there was none.
// Errors wrap [vault.ErrDamaged] if it is gone, cut short or that of another
// vault. Open it once, and close it before the Store.
func (s *Store) OpenDatabase(ctx context.Context) (*Database, error) {
	return s.openDatabase(ctx)
}

// openDatabase does what [Store.OpenDatabase] says. The connection for writing
// has further settings.
func (s *Store) openDatabase(ctx context.Context, settings ...string) (*Database, error) {
	sealer, err := s.entrySealer()
	if err != nil {
		return nil, err
	}
	d, err := connect(ctx, filepath.Join(filepath.Dir(s.dir), databaseName), settings)
	if err != nil {
		sealer.key.Erase()
		return nil, err
	}
	d.sealer = sealer
	if err := d.mark(ctx, s); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// entrySealer returns the sealer of the database, with a key of its own.
func (s *Store) entrySealer() (*entrySealer, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, errClosed
	}
	return newEntrySealer(s.sealer.database), nil
}

func connect(ctx context.Context, path string, settings []string) (*Database, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("vault: finding its database: %w", err)
	}
	// SQLite gives the files beside it the mode of this one.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode) //nolint:gosec // the vault's own folder
	if err != nil {
		return nil, fmt.Errorf("vault: opening its database: %w", err)
	}
	if err := errors.Join(f.Chmod(fileMode), f.Close()); err != nil {
		return nil, fmt.Errorf("vault: closing its database to others: %w", err)
	}
	write, err := sql.Open("sqlite", dsn(path, append(settings, "journal_mode(WAL)", "synchronous(FULL)",
		"secure_delete(ON)", "journal_size_limit(16777216)")...))
	if err != nil {
		return nil, fmt.Errorf("vault: opening its database: %w", err)
	}
	write.SetMaxOpenConns(1)
	if _, err := write.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(trouble("opening its database", err), write.Close())
	}
	read, err := sql.Open("sqlite", dsn(path, "query_only(ON)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("vault: opening its database: %w", err), write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return &Database{write: write, read: read}, nil
}

// dsn returns the name of the file with what each connection sets. The path is
// absolute; on Windows its drive is a folder of the root.
func dsn(path string, pragmas ...string) string {
	q := url.Values{"_pragma": append(pragmas, "busy_timeout(10000)", "trusted_schema(OFF)", "temp_store(MEMORY)")}
	path = "/" + strings.TrimPrefix(filepath.ToSlash(path), "/")
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// mark tells a new database from one that was emptied or belongs to another
// vault: the vault knows that there is one, and the database has an entry that
// only its key opens.
func (d *Database) mark(ctx context.Context, s *Store) error {
	_, err := d.get(ctx, sealKey)
	switch {
	case err == nil:
	case !errors.Is(err, vault.ErrMissing):
		return err
	default:
		if _, err := s.Get(ctx, databaseMarker); !errors.Is(err, vault.ErrMissing) {
			return errors.Join(fmt.Errorf("%w: its database is gone or was emptied", vault.ErrDamaged), err)
		}
		if err := d.apply(ctx, []vault.Change{{Key: sealKey, Value: []byte{formatVersion}}}); err != nil {
			return err
		}
	}
	if _, err := s.Get(ctx, databaseMarker); !errors.Is(err, vault.ErrMissing) {
		return err
	}
	return s.Put(ctx, databaseMarker, []byte{formatVersion})
}

// Close erases the key from memory and closes the file. Later calls return an
// error wrapping [vault.ErrLocked].
func (d *Database) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	d.sealer.key.Erase()
	if err := errors.Join(d.read.Close(), d.write.Close()); err != nil {
		return trouble("closing its database", err)
	}
	return nil
}

// use lets call work while the database is open.
func (d *Database) use(call func() error) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return errClosed
	}
	return call()
}
