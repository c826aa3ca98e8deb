package main

import (
	"context"
	"log/slog"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"conclave": func() { os.Exit(run(os.Args[1:])) }})
}

// TestScript runs the program as a user would. Besides the usual commands the
// scripts have
//
//	demo  starts a demo that ends with the script; its link is $LINK
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"demo": scriptDemo,
		},
	})
}

func scriptDemo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: demo")
	}
	d, err := startDemo(context.Background(), "127.0.0.1:0", slog.New(slog.DiscardHandler))
	ts.Check(err)
	ts.Defer(func() { ts.Check(d.stop()) })
	ts.Setenv("LINK", d.link)
}
