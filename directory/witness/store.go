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

// A Store keeps the state of each log durably. Its methods are called at the same
// time for different logs, and one after the other for one.
type Store interface {
	// Load returns the state of a log; the zero State if there is none. A state that
	// is there and cannot be read is an error: a witness that forgets can be made to
	// cosign two histories.
	Load(ctx context.Context, origin string) (State, error)
	// Save replaces the state of a log. It is on the disk when Save returns nil.
	Save(ctx context.Context, origin string, s State) error
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

func (s *fileStore) Load(_ context.Context, origin string) (State, error) {
	b, err := os.ReadFile(s.path(origin)) //nolint:gosec // the name is a hash
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) != 4 || lines[0] != origin || lines[3] != "" {
		return State{}, fmt.Errorf("%w: the file of %s is damaged; restore it", ErrState, origin)
	}
	size, err := parseSize(lines[1])
	if err != nil {
		return State{}, fmt.Errorf("%w: the file of %s is damaged; restore it", ErrState, origin)
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return State{}, fmt.Errorf("%w: the file of %s is damaged; restore it", ErrState, origin)
	}
	return State{size, root}, nil
}

func (s *fileStore) Save(_ context.Context, origin string, state State) error {
	text := fmt.Appendf(nil, "%s\n%d\n%s\n", origin, state.Size, base64.StdEncoding.EncodeToString(state.Root[:]))
	if err := replace(s.path(origin), text); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
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
