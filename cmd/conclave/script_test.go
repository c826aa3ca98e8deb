package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"conclave": func() {
		testOnlyCheap = true
		os.Exit(run(os.Args[1:]))
	}})
}

// TestScript runs the program as a user would. Besides the usual commands the
// scripts have
//
//	demo           starts a demo that ends with the script; its link is $LINK
//	freeport NAME  sets NAME to a TCP port of loopback that nobody listens on
//	waitfor ADDR   waits until somebody listens on the TCP address ADDR
//	awaitdirectory ADDR  waits until the server at ADDR has a key directory
//	awaitrequest HOME  waits until a device asks the account of HOME to be added
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"demo":     scriptDemo,
			"freeport": scriptFreePort,
			"waitfor":  scriptWaitFor,

			"awaitdirectory": scriptAwaitDirectory,
			"awaitrequest":   scriptAwaitRequest,
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

func scriptAwaitRequest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: awaitrequest HOME")
	}
	for range 200 {
		if ts.Exec("conclave", "devices", "--home", args[0], "--json") == nil && !strings.Contains(ts.ReadFile("stdout"), `"requests":[]`) {
			return
		}
	}
	ts.Fatalf("no device asks to be added to %s", args[0])
}

func scriptAwaitDirectory(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: awaitdirectory ADDR")
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for range 3000 {
		if res, err := http.Get("http://" + args[0] + "/checkpoint"); err == nil {
			ts.Check(res.Body.Close())
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		<-again.C
	}
	ts.Fatalf("the server at %s has no directory", args[0])
}
