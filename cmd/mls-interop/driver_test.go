package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"conclave/internal/testkit"
)

// folder is where binary puts the program, "" before it did.
var folder string

func TestMain(m *testing.M) {
	code := m.Run()
	if folder != "" {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}

// binary builds this program once, without the race detector: with it, the
// arithmetic of P-521 takes ten times as long, and there is one goroutine only.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "mls-interop-")
	if err != nil {
		return "", err
	}
	folder = dir
	path := filepath.Join(dir, "mls-interop")
	build := exec.Command("go", "build", "-race=false", "-o", path, ".")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building mls-interop: %w\n%s", err, out)
	}
	return path, nil
})

// fields are the fields of a request.
type fields map[string]any

// A reply has the fields of all answers.
type reply struct {
	ID      int    `json:"id"`
	Error   string `json:"error"`
	Message []byte `json:"message"` // of protect

	Suites      []int    `json:"suites"`
	Group       string   `json:"group"`
	Handle      string   `json:"handle"`
	Epoch       uint64   `json:"epoch"`
	Leaf        int      `json:"leaf"`
	KeyPackage  []byte   `json:"key_package"`
	Proposal    string   `json:"proposal"` // base64, or the kind of one that was handled
	Commit      []byte   `json:"commit"`
	Welcome     []byte   `json:"welcome"`
	GroupInfo   []byte   `json:"group_info"`
	RatchetTree []byte   `json:"ratchet_tree"`
	Kind        string   `json:"kind"`
	Sender      int      `json:"sender"`
	Plaintext   []byte   `json:"plaintext"`
	AAD         []byte   `json:"aad"`
	Ref         []byte   `json:"ref"`
	Removed     bool     `json:"removed"`
	Secret      []byte   `json:"secret"`
	Value       []byte   `json:"value"`
	State       []byte   `json:"state"`
	Members     []person `json:"members"`
}

// A person is one of the members that a reply lists.
type person struct {
	Leaf         int    `json:"leaf"`
	Identity     string `json:"identity"`
	SignatureKey []byte `json:"signature_key"`
}

// A refusal is the error of an answer.
type refusal struct{ op, name, why string }

func (r *refusal) Error() string { return fmt.Sprintf("%s: %s: %s", r.op, r.name, r.why) }

// refused returns the name of the error that a process answered with, or "".
func refused(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.name
	}
	return ""
}

// A process is a program that speaks the protocol. It is not for concurrent use.
type process struct {
	t     testing.TB
	in    io.WriteCloser
	out   *bufio.Reader
	calls int
}

// start runs a program until the test ends.
func start(t testing.TB, name string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // ends the program
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	return &process{t: t, in: in, out: bufio.NewReader(out)}
}

// startOurs runs this program.
func startOurs(t testing.TB) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return start(t, path)
}

// startPeer runs a peer by its folder below peers, if what it needs is here.
func startPeer(t testing.TB, folder string) *process {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		testkit.Missing(t, "no Node.js, which the interop peers run in")
	}
	dir := filepath.Join("peers", folder)
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		testkit.Missing(t, "the interop peer %s is not installed; run make peers", folder)
	}
	return start(t, node, filepath.Join(dir, "peer.mjs"))
}

// send writes one line and returns the line that answers it.
func (p *process) send(line string) string {
	p.t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.t.Fatalf("writing a request: %v", err)
	}
	answer, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatalf("reading an answer: %v", err)
	}
	return answer
}

// try makes a request; the error is a *refusal.
func (p *process) try(op string, f fields) (reply, error) {
	p.t.Helper()
	p.calls++
	request := fields{"id": p.calls, "op": op}
	maps.Copy(request, f)
	line, err := json.Marshal(request)
	if err != nil {
		p.t.Fatalf("encoding a request: %v", err)
	}
	return p.parse(op, p.send(string(line)))
}

func (p *process) parse(op, line string) (reply, error) {
	p.t.Helper()
	var problem struct {
		ID             int
		Error, Message string
	}
	if err := json.Unmarshal([]byte(line), &problem); err != nil {
		p.t.Fatalf("parsing the answer to %s: %v", op, err)
	}
	if problem.ID != p.calls {
		p.t.Fatalf("answer to %s has id %d, want %d", op, problem.ID, p.calls)
	}
	if problem.Error != "" {
		return reply{}, &refusal{op, problem.Error, problem.Message}
	}
	var r reply
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		p.t.Fatalf("parsing the answer to %s: %v", op, err)
	}
	return r, nil
}

// decode reads base64.
func decode(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// call makes a request that must succeed.
func (p *process) call(op string, f fields) reply {
	p.t.Helper()
	r, err := p.try(op, f)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}
