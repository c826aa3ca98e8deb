// Command netem runs a program behind an emulated network path:
//
//	netem run --name n1 --control 127.0.0.1:9101 --down 300kbit --up 2mbit --delay 20ms -- COMMAND ARGS...
//
// The program has the address 10.77.N.2 and reaches servers that listen on
// 10.77.N.1 (or on all addresses) outside, and nothing else. Both are in its
// environment as NETEM_INSIDE and NETEM_OUTSIDE. Descriptors beyond standard error
// are passed on, so that a browser driven through pipes works. netem exits
// with the program's code, and needs root.
//
// While it runs, the path is changed over HTTP:
//
//	curl -H 'Content-Type: application/json' -d '{"down_bps":300000}' http://127.0.0.1:9101/profile
//	curl http://127.0.0.1:9101/profile
//	curl http://127.0.0.1:9101/stats
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"conclave/internal/netem"
	"conclave/internal/netem/link"
)

func main() {
	code, err := run(os.Args[1:], os.Stderr)
	if err != nil {
		fmt.Fprintf(os.Stderr, "netem: %v\n", err)
	}
	os.Exit(code)
}

// errUsage says that the command line is wrong; it has been explained already.
var errUsage = errors.New("usage: netem run [flags] -- COMMAND [ARGS]")

// Exit codes that are not the program's.
const (
	exitUsage = 2
	exitNoRun = 125 // as env(1) and others: the program was not started
)

// options are the flags of run.
type options struct {
	name    string
	control string
	config  netem.Config
	command []string
}

// parse reads the command line.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var delay, jitter time.Duration
	var queue int
	flags := flag.NewFlagSet("netem run", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.name, "name", "netem", "what to call this path in messages")
	flags.StringVar(&o.control, "control", "", "loopback `address` to take control requests on, such as 127.0.0.1:9101")
	flags.IntVar(&o.config.Subnet, "subnet", 0, "`N` in 10.77.N.1 and 10.77.N.2; 0: the first free one")
	flags.Uint64Var(&o.config.Seed, "seed", 1, "seed of losses and jitter")
	flags.Var((*rate)(&o.config.Down.Rate), "down", "`rate` towards the program, such as 300kbit or 2mbit; 0: unlimited")
	flags.Var((*rate)(&o.config.Up.Rate), "up", "`rate` from the program")
	flags.DurationVar(&delay, "delay", 0, "delay each way")
	flags.DurationVar(&jitter, "jitter", 0, "jitter each way")
	flags.IntVar(&queue, "queue", link.DefaultQueue, "`bytes` that may wait each way")
	flags.Float64Var(&o.config.Down.Loss, "down-loss", 0, "fraction lost towards the program")
	flags.Float64Var(&o.config.Up.Loss, "up-loss", 0, "fraction lost from the program")
	if len(args) == 0 || args[0] != "run" {
		return o, errUsage
	}
	if err := flags.Parse(args[1:]); err != nil {
		return o, fmt.Errorf("%w: %w", errUsage, err)
	}
	o.command = flags.Args()
	if len(o.command) == 0 {
		return o, errUsage
	}
	for _, p := range []*link.Profile{&o.config.Down, &o.config.Up} {
		p.Delay, p.Jitter, p.Queue = delay, jitter, queue
	}
	return o, nil
}

// run does what the command line says and returns the exit code.
func run(args []string, stderr io.Writer) (int, error) {
	o, err := parse(args, stderr)
	if err != nil {
		return exitUsage, err
	}
	signals := make(chan os.Signal, 4) // a few in a row are not lost
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	path, err := netem.New(o.config)
	if err != nil {
		return exitNoRun, err
	}
	code, err := runIn(path, o, stderr, signals)
	return code, errors.Join(err, path.Close())
}

// runIn serves control requests and runs the program in path.
func runIn(path *netem.Emulator, o options, stderr io.Writer, signals <-chan os.Signal) (int, error) {
	if o.control != "" {
		stop, err := serve(path, o.control)
		if err != nil {
			return exitNoRun, err
		}
		defer stop()
	}
	_, _ = fmt.Fprintf(stderr, "netem: %s: inside %v, outside %v\n", o.name, path.Inside(), path.Outside())
	cmd := exec.Command(o.command[0], o.command[1:]...) //nolint:gosec // running it is what we are for
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "NETEM_INSIDE="+path.Inside().String(), "NETEM_OUTSIDE="+path.Outside().String())
	if err := path.Start(cmd); err != nil {
		return exitNoRun, err
	}
	done := make(chan struct{})
	forwarded := make(chan struct{})
	go func() {
		defer close(forwarded)
		for {
			select {
			case s := <-signals:
				_ = cmd.Process.Signal(s) // it may be gone
			case <-done:
				return
			}
		}
	}()
	err := cmd.Wait()
	close(done)
	<-forwarded
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return exitNoRun, err
	}
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code, nil
	}
	return exitNoRun, nil // ended by a signal
}

// serve takes control requests until the returned function is called.
func serve(path *netem.Emulator, addr string) (stop func(), err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening for control requests: %w", err)
	}
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("control address %v is not on loopback", l.Addr()), l.Close())
	}
	server := &http.Server{Handler: newControl(path), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l) // until Close
	}()
	return func() {
		_ = server.Close()
		<-served
	}, nil
}
