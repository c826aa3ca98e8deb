// Command conclave is the whole system in one program: the server and the
// native participants. `conclave --help` lists the commands; each has a file of
// its own here.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/willabides/kongplete"
)

// Exit codes. A command may define others from 3 on in its own file.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// cli is the command line: one field for each command.
type cli struct {
	Register registerCommand `cmd:"" help:"Make an account, its keys and its recovery code."`
	Login    loginCommand    `cmd:"" help:"Sign in on this device."`
	Logout   logoutCommand   `cmd:"" help:"Sign out on this device."`
	Whoami   whoamiCommand   `cmd:"" help:"Say who is signed in here."`
	Devices  devicesCommand  `cmd:"" help:"Your devices: list, add, approve, refuse, revoke."`
	Recover  recoverCommand  `cmd:"" help:"Bring your keys back by the recovery code, or begin anew."`
	Contacts contactsCommand `cmd:"" help:"People: list, add, invite, accept."`
	Lookup   lookupCommand   `cmd:"" help:"Look somebody up in the key directory, with proof."`
	Verify   verifyCommand   `cmd:"" help:"Make sure that somebody's keys are theirs."`
	Alarms   alarmsCommand   `cmd:"" help:"What the server did and must not do: list, dismiss, evidence."`

	Serve      serveCommand                 `cmd:"" help:"Run the server."`
	Witness    witnessCommand               `cmd:"" help:"Cosign the key directories of other servers."`
	Audit      auditCommand                 `cmd:"" help:"Replay the whole history of a key directory."`
	Demo       demoCommand                  `cmd:"" help:"Run a server, a meeting with a robot in it, and show how to join."`
	Call       callCommand                  `cmd:"" help:"Take part in a meeting without a browser."`
	Load       loadCommand                  `cmd:"" help:"Measure how much a server carries."`
	Version    versionCommand               `cmd:"" help:"Print the version."`
	Completion kongplete.InstallCompletions `cmd:"" help:"Print or install shell completions."`
}

// env is what every command gets.
type env struct {
	ctx    context.Context // ends with the first interrupt
	stdout io.Writer       // results
	stderr io.Writer       // logs and errors
	stdin  *os.File        // nil: os.Stdin
	typed  *terminal       // see terminal
}

// exitError makes run return a code of a command's own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func main() { os.Exit(run(os.Args[1:])) }

// run does what args ask and returns the exit code.
func run(args []string) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return runWith(&env{ctx: ctx, stdout: os.Stdout, stderr: os.Stderr}, args)
}

// runWith is run with the streams of a test.
func runWith(e *env, args []string) (code int) {
	type exit int // thrown by kong to end after --help
	defer func() {
		switch p := recover().(type) {
		case nil:
		case exit:
			code = int(p)
		default:
			panic(p)
		}
	}()
	parser, err := kong.New(new(cli),
		kong.Name("conclave"),
		kong.Description("Calls and meetings that no server can read, hear or change."),
		kong.Writers(e.stdout, e.stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"version": version},
		kong.Bind(e),
	)
	if err != nil {
		panic("conclave: internal error: command line: " + err.Error())
	}
	kongplete.Complete(parser) // ends the program when a shell asked for completions
	c, err := parser.Parse(args)
	if err != nil {
		_, _ = fmt.Fprintf(e.stderr, "conclave: %v\nTry conclave --help.\n", err)
		return exitUsage
	}
	if err := c.Run(); err != nil {
		_, _ = fmt.Fprintf(e.stderr, "conclave: %v\n", err)
		if x := new(exitError); errors.As(err, &x) {
			return x.code
		}
		return exitFailed
	}
	return exitOK
}
