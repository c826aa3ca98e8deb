package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// isolate runs the whole program once more in a network of its own, which has
// nothing but loopback, so that no packet can leave the machine and no port is
// taken. Janus refuses loopback interfaces, so an ifb device has an address of
// loopback too. done reports whether that was done; without the rights it is not.
func isolate(ctx context.Context, args []string, stdout, stderr io.Writer) (code int, done bool, err error) {
	if os.Geteuid() != 0 {
		return 0, false, errors.New("run it as root for a network of its own")
	}
	const setUp = `set -e
ip link set lo up
ip link add ifb0 type ifb 2>/dev/null || true
ip addr add ` + janusAddress + `/8 dev ifb0
ip link set ifb0 up
exec "$@"`
	self, err := os.Executable()
	if err != nil {
		return 0, false, err
	}
	shell := append([]string{"-c", setUp, "fanout", self, "-isolated"}, args...)
	cmd := exec.CommandContext(ctx, "/bin/sh", shell...) //nolint:gosec // this program with its own arguments
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = startTimeout
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		return 0, false, fmt.Errorf("making a network: %w", err)
	}
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), true, nil
	}
	return 0, true, err
}
