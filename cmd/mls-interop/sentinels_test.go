package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"conclave/internal/testkit"
)

var update = flag.Bool("update", false, "write sentinels_table.go anew")

// TestSentinelNames holds the tables complete: every sentinel of the library has
// a name here, which is its own.
func TestSentinelNames(t *testing.T) {
	want := tables(t)
	if *update {
		if err := os.WriteFile("sentinels_table.go", want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("sentinels_table.go")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("sentinels_table.go is not up to date; run go test ./cmd/mls-interop -run=TestSentinelNames -update\n%s", diff)
	}
}

// tables is what sentinels_table.go should be.
func tables(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprint(&b, `package main

import (
	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// This file is written by TestSentinelNames.

`)
	table := func(comment, name string, packages ...string) {
		fmt.Fprintf(&b, "// %s %s\nvar %s = []sentinel{\n", name, comment, name)
		for _, pkg := range packages {
			for _, sentinel := range sentinelsOf(t, pkg) {
				fmt.Fprintf(&b, "\t{%q, %s.%s},\n", sentinel, pkg, sentinel)
			}
		}
		fmt.Fprint(&b, "}\n")
	}
	table("are the rules of MLS.", "mlsSentinels", "mls")
	b.WriteByte('\n')
	table("are those of the packages below, for what is not a rule of its own.", "lowerSentinels", "mlswire", "suite", "tlsenc")
	return b.Bytes()
}

// sentinelsOf returns the sorted names of the variables of a package of core that
// are errors.
func sentinelsOf(t *testing.T, pkg string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testkit.Root(t), "core", pkg, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of core/%s: %v", pkg, err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				for _, n := range s.(*ast.ValueSpec).Names {
					if strings.HasPrefix(n.Name, "Err") {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	slices.Sort(names)
	return names
}
