package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"conclave/internal/testkit"
)

// maxWasm bounds what a browser has to load: 14 MB are about 2.9 MB compressed.
const maxWasm = 14 << 20

// TestDoor builds the wasm and lets a script use it as the account worker would.
func TestDoor(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		testkit.Missing(t, "node is not installed; the door is not tested")
	}
	wasm := filepath.Join(t.TempDir(), "conclave-account.wasm")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", wasm, ".")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	info, err := os.Stat(wasm)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("conclave-account.wasm has %d bytes", info.Size())
	if info.Size() > maxWasm {
		t.Errorf("conclave-account.wasm has %d bytes, want at most %d", info.Size(), maxWasm)
	}
	goRoot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatalf("go env GOROOT: %v", err)
	}
	loader := filepath.Join(strings.TrimSpace(string(goRoot)), "lib", "wasm", "wasm_exec.js")
	out, err := exec.Command(node, "testdata/door.mjs", loader, wasm).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "door: ok") {
		t.Errorf("door.mjs: %v\n%s", err, out)
	}
}
