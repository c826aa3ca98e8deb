// Package testkit finds what the tests need outside the source tree: the
// project's root and the official test vectors. Only tests import it.
package testkit

import (
	"os"
	"path/filepath"
	"testing"
)

// Root returns the folder that holds go.mod, searching upwards from the
// package under test.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("finding the project root: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("finding the project root: no go.mod above the package")
		}
		dir = parent
	}
}

// Vectors returns the file of official test vectors named name, such as
// "sframe/test-vectors.json". It looks in $CONCLAVE_VECTORS, and by default in
// shared/vectors beside the project. Without the vectors the test is skipped;
// under CI=true it fails.
func Vectors(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(vectorPath(t, name))
	if os.IsNotExist(err) {
		Missing(t, "test vectors %s are not here; set CONCLAVE_VECTORS to their folder", name)
	}
	if err != nil {
		t.Fatalf("reading test vectors: %v", err)
	}
	return b
}

// VectorFiles returns the paths of all files in a folder of official test
// vectors, such as "mls", and like Vectors skips or fails without it.
func VectorFiles(t testing.TB, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(vectorPath(t, folder))
	if os.IsNotExist(err) {
		Missing(t, "test vectors %s are not here; set CONCLAVE_VECTORS to their folder", folder)
	}
	if err != nil {
		t.Fatalf("reading test vectors: %v", err)
	}
	files := make([]string, 0, len(entries))
	for _, e := range entries {
		files = append(files, filepath.Join(vectorPath(t, folder), e.Name()))
	}
	return files
}

// vectorPath returns where a file or folder of test vectors is.
func vectorPath(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("CONCLAVE_VECTORS")
	if dir == "" {
		dir = filepath.Join(filepath.Dir(Root(t)), "shared", "vectors")
	}
	return filepath.Join(dir, filepath.FromSlash(name))
}

// Missing ends a test that lacks a part of its surroundings and says which. It
// skips on a developer's machine and fails under CI=true, which must have all.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI must not skip this: "+format, args...)
	}
	t.Skipf("SKIPPED: "+format, args...)
}
