package native

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// writeFile replaces a file: after a crash or with a full disk it has the old
// content or the new one.
func writeFile(path string, content []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, tempPrefix+"*") // 0600
	if err != nil {
		return fmt.Errorf("vault: writing: %w", err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("vault: writing: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return syncFolder(dir)
}
