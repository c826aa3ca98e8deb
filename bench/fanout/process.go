package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// errMissing means that a program that is to be measured is not there.
var errMissing = errors.New("not installed")

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 5 * time.Second
	ticks        = 100 // a second, of /proc/PID/stat on every Linux
)

// A process is a server that is being measured, fresh for each run.
type process struct {
	cmd   *exec.Cmd
	lines chan string // of standard output; closed when it ends
	done  chan struct{}
	err   error // once done is closed
}

// start starts a program, with what it logs in a file of dir.
func start(ctx context.Context, dir, program string, args ...string) (*process, error) {
	if _, err := exec.LookPath(program); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(program), errMissing)
	}
	log, err := os.Create(filepath.Join(dir, filepath.Base(program)+".log")) //nolint:gosec // a folder of our own
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own
	p := &process{lines: make(chan string, 1), done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, program, args...) //nolint:gosec // the programs of this repository
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGINT) }
	p.cmd.WaitDelay = stopTimeout
	p.cmd.Stderr = log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process
		defer close(p.done)
		s := bufio.NewScanner(out)
		for s.Scan() {
			select {
			case p.lines <- s.Text():
			default: // nobody reads more than the first
			}
		}
		p.err = p.cmd.Wait()
		close(p.lines)
	}()
	return p, nil
}

// line returns the first line that the process writes.
func (p *process) line(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case s, ok := <-p.lines:
		if !ok {
			return "", fmt.Errorf("it ended at once: %v", p.err)
		}
		return s, nil
	case <-ctx.Done():
		return "", errors.New("it does not say that it is ready")
	}
}

// stop ends the process and waits for its end.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGINT) // it may have ended
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// A usage is what a process has used.
type usage struct {
	CPU      time.Duration // by the scheduler's own clock, of threads that live
	Ticks    time.Duration // the same in steps of 10 ms, of threads that ended too
	Resident int64         // bytes
}

// since returns the time used since an earlier usage. The scheduler's clock is
// finer, but forgets threads that end.
func (u usage) since(e usage) time.Duration {
	exact, coarse := u.CPU-e.CPU, u.Ticks-e.Ticks
	if coarse-exact > 50*time.Millisecond {
		return coarse
	}
	return exact
}

// usage reads what the process has used from /proc.
func (p *process) usage() (usage, error) {
	dir := filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid))
	var u usage
	b, err := os.ReadFile(filepath.Join(dir, "stat")) //nolint:gosec // of our own child
	if err != nil {
		return u, err
	}
	// Fields 14 and 15; the second, in brackets, may hold spaces.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	const user, system = 14 - 3, 15 - 3
	if len(fields) <= system {
		return u, errors.New("/proc/PID/stat is too short")
	}
	for _, f := range []string{fields[user], fields[system]} {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return u, err
		}
		u.Ticks += time.Duration(n) * time.Second / ticks
	}
	threads, err := filepath.Glob(filepath.Join(dir, "task", "*", "schedstat"))
	if err != nil {
		return u, err
	}
	for _, t := range threads {
		b, err := os.ReadFile(t) //nolint:gosec // of our own child
		if err != nil {
			continue // the thread has ended
		}
		ran, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return u, err
		}
		u.CPU += time.Duration(n)
	}
	u.Resident, err = resident(filepath.Join(dir, "smaps_rollup"))
	return u, err
}

// resident reads the memory in use, in bytes. It walks the page table: the
// counter of /proc/PID/status is kept for each core and added up late, so that
// on a machine of many cores a small process seems to use next to nothing.
func resident(name string) (int64, error) {
	b, err := os.ReadFile(name) //nolint:gosec // of our own child
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Rss:" {
			kB, err := strconv.ParseInt(f[1], 10, 64)
			return kB << 10, err
		}
	}
	return 0, errors.New("/proc/PID/smaps_rollup says nothing of memory")
}
