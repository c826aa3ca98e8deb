package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"conclave/internal/testkit"
)

// TestSentinelNames holds the tables complete: every sentinel of the library has
// a name here, which is its own.
func TestSentinelNames(t *testing.T) {
	var lower []string
	for _, pkg := range []string{"mlswire", "suite", "tlsenc"} {
		lower = append(lower, sentinelsOf(t, pkg)...)
	}
	for _, c := range []struct {
		table []sentinel
		want  []string
	}{{mlsSentinels, sentinelsOf(t, "mls")}, {lowerSentinels, lower}} {
		var names []string
		for _, s := range c.table {
			names = append(names, s.name)
		}
		for _, name := range c.want {
			if !slices.Contains(names, name) {
				t.Errorf("%s has no name here", name)
			}
		}
		if len(names) != len(c.want) {
			t.Errorf("%d names for %d sentinels", len(names), len(c.want))
		}
	}
}

// sentinelsOf returns the names of the variables of a package of core that are
// errors.
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
	return names
}
