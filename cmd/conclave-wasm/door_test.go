package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"conclave/internal/testkit"
)

// maxWasm bounds what a browser has to load: 10 MB are about 1.8 MB compressed.
const maxWasm = 10 << 20

// TestDoor builds the wasm as `make build` does and lets a script use it as a
// page would: two participants meet through a small relay.
func TestDoor(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		testkit.Missing(t, "node is not installed; the door is not tested")
	}
	wasm := filepath.Join(t.TempDir(), "conclave.wasm")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", wasm, ".")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	info, err := os.Stat(wasm)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("conclave.wasm has %d bytes", info.Size())
	if info.Size() > maxWasm {
		t.Errorf("conclave.wasm has %d bytes, want at most %d", info.Size(), maxWasm)
	}
	script := exec.Command(node, "testdata/door.mjs", filepath.Join(goRoot(t), "lib", "wasm", "wasm_exec.js"), wasm)
	out, err := script.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "door: ok") {
		t.Errorf("door.mjs: %v\n%s", err, out)
	}
}

func goRoot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatalf("go env GOROOT: %v", err)
	}
	return strings.TrimSpace(string(out))
}
