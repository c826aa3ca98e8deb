package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"conclave/internal/testkit"
)

// mlsFolders are the packages whose names docs/mls-conformance.md uses.
var mlsFolders = map[string]string{
	"secret":     "core/secret",
	"tlsenc":     "core/tlsenc",
	"mlswire":    "core/mlswire",
	"suite":      "core/suite",
	"nist":       "core/suite/nist",
	"mls":        "core/mls",
	"tree":       "core/mls/internal/tree",
	"schedule":   "core/mls/internal/schedule",
	"secrettree": "core/mls/internal/secrettree",
	"framing":    "core/mls/internal/framing",
}

// elsewhere are the words that a row may begin with when no function of the
// library holds its requirement.
var elsewhere = []string{"application:", "delivery service:", "authentication service:", "IANA:", "not implemented:"}

var code = regexp.MustCompile("`([^`]+)`")

// TestConformanceNames checks that docs/mls-conformance.md names functions and
// tests that are there, so that the document cannot rot unseen.
func TestConformanceNames(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", "mls-conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := declarations{make(map[string]bool), make(map[string]string)}
	for name, folder := range mlsFolders {
		declared(t, filepath.Join(testkit.Root(t), filepath.FromSlash(folder)), name, known)
	}
	for _, n := range code.FindAllStringSubmatch(string(b), -1) {
		if pkg, _, ok := strings.Cut(n[1], "."); ok && mlsFolders[pkg] != "" {
			known.check(t, n[1])
		}
	}
	seen := make(map[string]bool)
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 || strings.HasPrefix(strings.TrimSpace(cells[0]), "-") || strings.TrimSpace(cells[0]) == "§" {
			continue
		}
		checkRow(t, cells, seen)
	}
	if len(seen) == 0 {
		t.Fatal("no rows found; has the table changed?")
	}
}

// declarations are what there is to name.
type declarations struct {
	names map[string]bool   // package.Name
	tests map[string]string // by package: the text of its test files
}

// check checks that a name is declared, and for a test with a case, that it is
// written in a test file of the package.
func (d declarations) check(t *testing.T, name string) {
	t.Helper()
	name, sub, _ := strings.Cut(name, "/")
	if !d.names[name] {
		t.Errorf("there is no %s", name)
	}
	if pkg, _, _ := strings.Cut(name, "."); sub != "" && !strings.Contains(d.tests[pkg], `"`+sub+`"`) {
		t.Errorf("%s has no case %q", name, sub)
	}
}

// checkRow checks one row: section, requirement, function, test.
func checkRow(t *testing.T, cells []string, seen map[string]bool) {
	t.Helper()
	id := strings.TrimSpace(cells[0])
	if seen[id] {
		t.Errorf("%s: two rows", id)
	}
	seen[id] = true
	function, test := strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])
	for _, word := range elsewhere {
		if strings.HasPrefix(function, word) {
			return
		}
	}
	for _, cell := range []string{function, test} {
		names := code.FindAllStringSubmatch(cell, -1)
		if len(names) == 0 {
			t.Errorf("%s: %q names nothing", id, cell)
		}
		for _, n := range names {
			if pkg, _, _ := strings.Cut(n[1], "."); mlsFolders[pkg] == "" {
				t.Errorf("%s: %s is of no package here", id, n[1])
			}
		}
	}
	if !strings.Contains(test, ".Test") {
		t.Errorf("%s: %q is no test", id, test)
	}
}

// declared adds to known what the Go files of folder declare: package.Func,
// package.Type, package.Type.Method and package.name of variables.
func declared(t *testing.T, folder, name string, known declarations) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no Go files in %s: %v", folder, err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, "_test.go") {
			known.tests[name] += string(text)
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				known.names[name+"."+receiver(d)+d.Name.Name] = true
			case *ast.GenDecl:
				for _, s := range d.Specs {
					addSpec(s, name, known)
				}
			}
		}
	}
}

// receiver returns "Type." for a method and "" for a function.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	x := d.Recv.List[0].Type
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	if id, ok := x.(*ast.Ident); ok {
		return id.Name + "."
	}
	return ""
}

// addSpec adds the name of a type, constant or variable, and a type's fields.
func addSpec(s ast.Spec, name string, known declarations) {
	switch s := s.(type) {
	case *ast.TypeSpec:
		known.names[name+"."+s.Name.Name] = true
		if st, ok := s.Type.(*ast.StructType); ok {
			for _, field := range st.Fields.List {
				for _, id := range field.Names {
					known.names[name+"."+s.Name.Name+"."+id.Name] = true
				}
			}
		}
	case *ast.ValueSpec:
		for _, id := range s.Names {
			known.names[name+"."+id.Name] = true
		}
	}
}
