package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "conclave/"

// A rule names dependencies that the packages of a prefix must never have,
// directly or not, and why.
type rule struct {
	pkg    string // prefix below module; with $ at the end, that package alone
	goos   string // "" is the host; "js" checks the wasm build
	banned string // prefix of an import path
	why    string
}

// public is what a server may use of core: formats and proofs that anybody may
// check, and none of it can hold a secret. See TestPublicCore.
var public = []string{"core/displayname", "core/identity", "core/keytrans", "core/mlswire", "core/tlsenc"}

// servers are the prefixes of what a server with accounts is made of.
var servers = []string{"server", "httpapi", "directory", "auth", "store", "delivery"}

// laterServers are like servers, but need not be there yet.
var laterServers = []string{"blob", "bus"}

var rules = []rule{
	{"core", "", "net", "the core does no I/O"},
	{"core", "js", "net", "the core does no I/O"},
	{"core", "", "log", "the core returns errors; callers log"},
	{"core", "", module + "client", "imports point downwards"},
	{"core", "", module + "api", "the core knows no transport"},
	{"client/meeting", "js", "net", "the state machine does no I/O"},
	{"client/meeting", "", "net", "the state machine does no I/O"},
	{"sfu", "", module + "core", "the SFU forwards ciphertext it cannot open"},
	{"room", "", module + "core", "the meeting registry keeps what it cannot open"},
	{"client/remote$", "", "net", "a Doer brings what it asks for"},
	{"client/remote$", "js", "net", "a Doer brings what it asks for"},
	{"client/directory", "", "net", "what judges answers does not fetch them"},
	{"client/directory", "js", "net", "what judges answers does not fetch them"},
	{"client/account", "", "net", "what judges answers does not fetch them"},
	{"client/account", "js", "net", "what judges answers does not fetch them"},
	{"client/keypackages", "", "net", "what judges answers does not fetch them"},
	{"client/keypackages", "js", "net", "what judges answers does not fetch them"},
	{"delivery", "", module + "auth", "who is signed in is known before a message is delivered"},
	{"delivery", "", module + "store", "delivery says what it keeps, not where"},
	{"delivery", "", module + "httpapi", "imports point downwards"},
	{"core", "", "encoding/json", "what is hashed or signed has one encoding"},
	{"sfu/dd", "", "net", "the pure packages have no socket"},
	{"sfu/codec", "", "net", "the pure packages have no socket"},
	{"sfu/seqmap", "", "net", "the pure packages have no socket"},
	{"sfu/rtpbuf", "", "net", "the pure packages have no socket"},
	{"sfu/layer", "", "net", "the pure packages have no socket"},
	{"sfu/bwe", "", "net", "the pure packages have no socket"},
	{"sfu/share", "", "net", "the pure packages have no socket"},
	{"sfu/rtp", "", "net", "the pure packages have no socket"},
	{"sfu/srtp", "", "net", "the pure packages have no socket"},
	{"sfu/ice", "", "net", "the pure packages have no socket"},
	{"sfu/feedback", "", "net", "the pure packages have no socket"},
	{"sfu/pacer", "", "net", "the pure packages have no socket"},
	{"sfu/room", "", "net", "a room decides; sfu/udp sends"},
	{"sfu/negotiate", "", "net", "descriptions are text"},
	{"sfu/rtp", "", "log", "the packet path counts; it does not log"},
	{"sfu/srtp", "", "log", "the packet path counts; it does not log"},
	{"sfu/ice", "", "log", "what strangers send is not logged"},
	{"sfu/feedback", "", "log", "the packet path counts; it does not log"},
	{"sfu/room", "", "log", "the packet path counts; it does not log"},
	{"sfu/negotiate", "", "log", "descriptions hold addresses and passwords"},
	{"sfu/udp", "", module + "sfu/room", "the transport knows nothing of rooms"},
	{"sfu/room", "", module + "sfu/udp", "rooms know nothing of the transport"},
	{"sfu", "", "github.com/pion/webrtc", "media is carried by sfu/udp; tests compare with others"},
	{"sfu", "", "github.com/pion/interceptor", "media is carried by sfu/udp; tests compare with others"},
	{"server", "", "github.com/pion/webrtc", "media is carried by sfu/udp; tests compare with others"},
	{"server", "", "github.com/pion/interceptor", "media is carried by sfu/udp; tests compare with others"},
	{"room", "", "github.com/pion", "a meeting's media is behind an interface"},
	{"httpapi", "", "github.com/pion", "a meeting's media is behind an interface"},
	{"api", "", module + "core", "imports point downwards"},
	{"directory", "", module + "auth", "who is signed in does not change what the log says"},
	{"directory", "", module + "store", "the directory says what it keeps, not where"},
	{"auth", "", module + "store", "accounts say what they keep, not where"},
	{"delivery", "", module + "store", "delivery says what it keeps, not where"},
	{"delivery", "", module + "auth", "who is signed in is not asked here"},
	{"delivery", "", "net", "messages come in and go out through httpapi"},
	{"client/keypackages", "", "net", "what judges answers does not fetch them"},
	{"client/keypackages", "js", "net", "what judges answers does not fetch them"},
	{"client/history", "", "net", "what is kept here is sent by nobody"},
	{"client/messenger", "", "net", "what judges messages does not fetch them"},
	{"client/messenger", "js", "net", "what judges messages does not fetch them"},
	{"client/courier$", "", "net", "a socket is brought to it"},
	{"client/courier$", "js", "net", "a socket is brought to it"},
	{"auth", "", module + "httpapi", "imports point downwards"},
	{"auth", "", module + "server", "imports point downwards"},
	{"core/keytrans", "", module + "directory", "a verifier shares no code with what it judges"},
	{"client/directory", "", module + "directory", "a verifier shares no code with what it judges"},
	{"core/mlswire", "", module + "core/suite", "what anyone may parse needs no key"},
	{"core/mlswire", "", module + "core/mls", "what anyone may parse needs no secret"},
	{"core/mlswire", "", module + "core/secret", "what anyone may parse holds no secret"},
	{"core/mls", "js", "crypto/ecdsa", "a browser with the default suite does not download the NIST suites"},
	{"core/mls", "js", "crypto/x509", "the authentication service judges certificates, not the group"},
	{"core/mls", "js", "encoding/json", "it would cost a browser more than all of MLS"},
	{"core/mls", "", module + "core/session", "MLS stands on its own"},
}

// serverRules keeps all but the public part of core, and clients, away from
// servers. Packages of core that are made later are banned too.
func serverRules(deps map[string][]string) []rule {
	var all []rule
	for _, pkg := range presentServers(deps) {
		all = append(all, rule{pkg, "", module + "client", "the server is not a participant"})
		for banned := range deps {
			if under(banned, module+"core") && !slices.ContainsFunc(public, func(p string) bool { return under(banned, module+p) }) {
				all = append(all, rule{pkg, "", banned, "what conclave serve wires together cannot decrypt"})
			}
		}
	}
	return all
}

// presentServers returns servers, and those of laterServers that are there.
func presentServers(deps map[string][]string) []string {
	out := slices.Clone(servers)
	for _, pkg := range laterServers {
		if _, ok := deps[module+pkg]; ok {
			out = append(out, pkg)
		}
	}
	return out
}

// TestPublicCore checks that what servers may use of core reaches nothing else of
// it, and so none of the packages that hold secrets.
func TestPublicCore(t *testing.T) {
	deps := listDeps(t, "")
	for _, name := range public {
		if len(deps[module+name]) == 0 {
			t.Errorf("%s is not there; was it renamed?", name)
		}
		for _, dep := range deps[module+name] {
			if under(dep, module+"core") && !slices.ContainsFunc(public, func(p string) bool { return under(dep, module+p) }) {
				t.Errorf("%s depends on %s, which servers must not reach", name, dep)
			}
		}
	}
}

func TestImports(t *testing.T) {
	for _, goos := range []string{"", "js"} {
		deps := listDeps(t, goos)
		for _, r := range append(serverRules(deps), rules...) {
			if r.goos != goos {
				continue
			}
			matched := false
			for pkg, imports := range deps {
				if !r.about(pkg) {
					continue
				}
				matched = true
				for _, dep := range imports {
					if under(dep, r.banned) && dep != "net/netip" && dep != "net/url" { // values: no I/O
						t.Errorf("%s depends on %s: %s", pkg, dep, r.why)
					}
				}
			}
			if !matched {
				t.Errorf("rule for %q matches no package; was it renamed?", r.pkg)
			}
		}
	}
}

// about reports whether the rule is about a package.
func (r rule) about(pkg string) bool {
	if alone, ok := strings.CutSuffix(r.pkg, "$"); ok {
		return pkg == module+alone
	}
	return under(pkg, module+r.pkg)
}

// TestSyscallJS checks that only cmd/conclave-wasm talks to JavaScript, and what
// is measured in a browser.
func TestSyscallJS(t *testing.T) {
	out := goList(t, "js", `{{.ImportPath}} {{join .Imports " "}}`, module+"...")
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) == 0 || under(f[0], module+"cmd/conclave-wasm") || under(f[0], module+"bench") {
			continue
		}
		for _, dep := range f[1:] {
			if dep == "syscall/js" {
				t.Errorf("%s imports syscall/js; only cmd/conclave-wasm may", f[0])
			}
		}
	}
}

// TestPackageDocs checks that every package has one package comment.
func TestPackageDocs(t *testing.T) {
	out := goList(t, "", `{{.ImportPath}}	{{.Doc}}`, module+"...")
	for line := range strings.Lines(out) {
		path, doc, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		if doc == "" {
			t.Errorf("%s has no package comment", path)
		}
	}
}

// maxLines is where a hand-written file must have been split long before.
const maxLines = 1000

// TestFileSizes holds the size rule of CONTRIBUTING.md where a machine can.
func TestFileSizes(t *testing.T) {
	root := strings.TrimSpace(goList(t, "", "{{.Root}}", module+"internal/archtest"))
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "dist") {
			return filepath.SkipDir
		}
		if !handWritten(path) {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if n := strings.Count(string(b), "\n"); n > maxLines {
			t.Errorf("%s has %d lines, at most %d", path, n, maxLines)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func handWritten(path string) bool {
	if strings.HasSuffix(path, ".pb.go") {
		return false
	}
	switch filepath.Ext(path) {
	case ".go", ".ts", ".svelte":
		return true
	default:
		return false
	}
}

// under reports whether path is prefix or below it.
func under(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
}

// listDeps returns the transitive imports of every package in the module.
func listDeps(t *testing.T, goos string) map[string][]string {
	t.Helper()
	deps := make(map[string][]string)
	for line := range strings.Lines(goList(t, goos, `{{.ImportPath}} {{join .Deps " "}}`, module+"...")) {
		if f := strings.Fields(line); len(f) > 0 {
			deps[f[0]] = f[1:]
		}
	}
	return deps
}

func goList(t *testing.T, goos, format, pattern string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-f", format, pattern)
	cmd.Env = os.Environ()
	if goos == "js" {
		cmd.Env = append(cmd.Env, "GOOS=js", "GOARCH=wasm")
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return string(out)
}
