package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"conclave": func() { os.Exit(run(os.Args[1:])) }})
}

// TestScript runs the program as a user would. Besides the usual commands the
// scripts have
//
//	demo           starts a demo that ends with the script; its link is $LINK
//	freeport NAME  sets NAME to a TCP port of loopback that nobody listens on
//	waitfor ADDR   waits until somebody listens on the TCP address ADDR
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"demo":     scriptDemo,
			"freeport": scriptFreePort,
			"waitfor":  scriptWaitFor,
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

func scriptFreePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv(args[0], port)
}

func scriptWaitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitfor ADDR")
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for range 3000 {
		if c, err := net.Dial("tcp", args[0]); err == nil {
			ts.Check(c.Close())
			return
		}
		<-again.C
	}
	ts.Fatalf("nobody listens on %s", args[0])
}
