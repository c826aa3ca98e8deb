package witness

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// A State is the newest checkpoint of a log that was cosigned.
type State struct {
	Size uint64
	Root tlog.Hash
}

// A Store keeps the state of each log durably.
type Store interface {
	// Update replaces the state of a log by what judge makes of it; the zero State is
	// one that was never cosigned. It is on the disk when Update returns nil, and
	// nothing changes if judge returns an error, which Update returns. No other Update
	// of the same log, of another process neither, comes between. A state that is
	// there and cannot be read is an error: a witness that forgets can be made to
	// cosign two histories.
	Update(ctx context.Context, origin string, judge func(State) (State, error)) error
}

// ErrState says that the state of a log cannot be read or written.
var ErrState = errors.New("witness: the state cannot be read or written")

// A fileStore keeps a file for each log: its origin, size and root, a line each.
type fileStore struct{ dir string }

// NewFileStore returns a Store of one small file a log in a folder, which it makes.
func NewFileStore(dir string) (Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	return &fileStore{dir}, nil
}

// path is the file of a log: an origin may hold anything.
func (s *fileStore) path(origin string) string {
	h := sha256.Sum256([]byte(origin))
	return filepath.Join(s.dir, hex.EncodeToString(h[:16]))
}

// Update implements [Store].
func (s *fileStore) Update(_ context.Context, origin string, judge func(State) (State, error)) (err error) {
	path := s.path(origin)
	unlock, err := lock(path + ".lock")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	before, err := load(path, origin)
	if err != nil {
		return err
	}
	after, err := judge(before)
	if err != nil || after == before {
		return err
	}
	text := fmt.Appendf(nil, "%s\n%d\n%s\n", origin, after.Size, base64.StdEncoding.EncodeToString(after.Root[:]))
	if err := replace(path, text); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}

func load(path, origin string) (State, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the name is a hash
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	damaged := fmt.Errorf("%w: the file of %s is damaged; restore it", ErrState, origin)
	lines := strings.Split(string(b), "\n")
	if len(lines) != 4 || lines[0] != origin || lines[3] != "" {
		return State{}, damaged
	}
	size, err := parseSize(lines[1])
	if err != nil {
		return State{}, damaged
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return State{}, damaged
	}
	return State{size, root}, nil
}

// replace writes a file, all or nothing, and durably.
func replace(path string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path) //nolint:gosec // the name is a hash
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name())) //nolint:gosec // the name is a hash
	}
	d, err := os.Open(filepath.Dir(path)) //nolint:gosec // the name is a hash
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
