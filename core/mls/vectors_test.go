package mls_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"conclave/core/suite"
	_ "conclave/core/suite/nist"
	"conclave/internal/testkit"
	"conclave/internal/testkit/mlskit"
)

// vectorFiles are the official test vectors of MLS by the beginning of their
// file names, with what runs one case.
var vectorFiles = map[string]func(t *testing.T, file []byte){
	"crypto-basics":      each(testCryptoBasics),
	"deserialization":    each(testDeserialization),
	"key-schedule":       each(testKeySchedule),
	"message-protection": each(testMessageProtection),
	"messages":           each(testMessages),
	"passive-client":     each(testPassiveClient),
	"psk_secret":         each(testPSKSecret),
	"secret-tree":        each(testSecretTree),
	"transcript-hashes":  each(testTranscriptHashes),
	"tree-math":          each(testTreeMath),
	"tree-operations":    each(testTreeOperations),
	"tree-validation":    each(testTreeValidation),
	"treekem":            each(testTreeKEM),
	"welcome":            each(testWelcome),
}

// official are the files that must be there; others of the same kinds are run too.
var official = []string{
	"crypto-basics", "deserialization", "key-schedule", "message-protection", "messages",
	"passive-client-handling-commit", "passive-client-welcome", "psk_secret", "secret-tree",
	"transcript-hashes", "tree-math", "tree-operations", "tree-validation", "treekem", "welcome",
}

// TestVectors runs every file of the folder mls of the test vectors through the
// production code. A file, field or case that is not known is a failure.
func TestVectors(t *testing.T) {
	found := make(map[string]bool)
	for _, path := range testkit.VectorFiles(t, "mls") {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		found[name] = true
		t.Run(name, func(t *testing.T) {
			run := vectorFiles[kindOf(name)]
			if run == nil {
				t.Fatalf("%s is no known file of test vectors", filepath.Base(path))
			}
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("reading test vectors: %v", err)
			}
			run(t, file)
		})
	}
	for _, name := range official {
		if !found[name] {
			t.Errorf("%s.json is missing", name)
		}
	}
}

// kindOf returns the longest known name that a file name begins or ends with.
func kindOf(name string) string {
	var best string
	for kind := range vectorFiles {
		if (strings.HasPrefix(name, kind) || strings.HasSuffix(name, kind)) && len(kind) > len(best) {
			best = kind
		}
	}
	return best
}

// each runs a test on each case of a file; a field that T lacks is a failure.
func each[T any](run func(t *testing.T, v T)) func(t *testing.T, file []byte) {
	return func(t *testing.T, file []byte) {
		for _, v := range testkit.Cases[T](t, file) {
			t.Run("", func(t *testing.T) { run(t, v) })
		}
	}
}

// vectorSuite returns the suite of a vector; in wasm it skips the slowest.
func vectorSuite(t *testing.T, id suite.ID) *suite.Suite {
	t.Helper()
	if id == 5 && runtime.GOARCH == "wasm" {
		t.Skip("SKIPPED: P-521 takes minutes in wasm; it runs natively")
	}
	return mlskit.Suite(t, id)
}

type hexBytes = testkit.Hex

// equal fails the test unless two byte strings are the same.
func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s = %x, want %x", what, got, want)
	}
}
