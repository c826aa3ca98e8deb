package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"conclave/internal/testkit"
)

// What a page may have to load for core/mls, in bytes. A program in Go that does
// nothing is 1.3 MB.
const (
	maxRaw    = 4_500_000
	maxBrotli = 1_100_000
)

// compress prints the size of standard input after brotli at its strongest.
const compress = `
const { brotliCompressSync, constants: c } = require("node:zlib");
const input = require("node:fs").readFileSync(0);
const params = { [c.BROTLI_PARAM_QUALITY]: 11, [c.BROTLI_PARAM_LGWIN]: 24, [c.BROTLI_PARAM_SIZE_HINT]: input.length };
console.log(brotliCompressSync(input, { params }).length);`

func TestRuns(t *testing.T) {
	if err := live(); err != nil {
		t.Errorf("live() = %v", err)
	}
}

func TestSize(t *testing.T) {
	if runtime.GOOS == "js" {
		t.Skip("building needs the go command")
	}
	raw := build(t, "auto")
	if len(raw) > maxRaw {
		t.Errorf("the program is %d bytes, over the limit of %d", len(raw), maxRaw)
	}
	brotli := brotliSize(t, raw)
	if brotli > maxBrotli {
		t.Errorf("the program is %d bytes after brotli, over the limit of %d", brotli, maxBrotli)
	}
	t.Logf("%d bytes, %d after brotli", len(raw), brotli)
}

// The profile counts lines of the standard library: after a change of Go it may
// say nothing any more. See pgo.
func TestProfileInlines(t *testing.T) {
	if runtime.GOOS == "js" {
		t.Skip("building needs the go command")
	}
	with, without := len(build(t, "auto")), len(build(t, "off"))
	if with < without+4096 {
		t.Errorf("the program is %d bytes with default.pgo and %d without: nothing was inlined; record it anew", with, without)
	}
}

// build compiles the program as releases are compiled, with a profile for the
// compiler: "auto" is default.pgo.
func build(t *testing.T, profile string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mls.wasm")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-pgo="+profile, "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", path, ".")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func brotliSize(t *testing.T, raw []byte) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "-e", compress)
	cmd.Stdin = bytes.NewReader(raw)
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		testkit.Missing(t, "node, which measures the compressed size")
	}
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatalf("node printed %q", out)
	}
	return n
}
