//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
)

// maxReceivers bounds the sink's sockets.
const maxReceivers = 1000

// sink has a socket and a reading goroutine for each receiver. It writes their
// ports in one line; then, for each line that it reads, how many packets it has
// received. It ends with its input.
func sink(receivers int, in io.Reader, out io.Writer) error {
	var received atomic.Int64
	ports := make([]int, receivers)
	for i := range ports {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return err
		}
		a, ok := c.LocalAddr().(*net.UDPAddr)
		if !ok {
			return errors.New("a UDP socket without a UDP address")
		}
		ports[i] = a.Port
		_ = c.SetReadBuffer(1 << 20) // less is no failure: packets are counted
		go func() {                  // ends with the process
			b := make([]byte, 2048)
			for {
				if _, err := c.Read(b); err != nil {
					return
				}
				received.Add(1)
			}
		}()
	}
	if _, err := fmt.Fprintln(out, join(ports)); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if _, err := fmt.Fprintln(out, received.Load()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// A sinkProcess is a sink that runs as a process of its own, so that its CPU time
// is not counted.
type sinkProcess struct {
	ports  []int
	cmd    *exec.Cmd
	ask    io.WriteCloser
	answer *bufio.Scanner
}

// startSink starts this program again as a sink.
func startSink(ctx context.Context, receivers int) (*sinkProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &sinkProcess{cmd: exec.CommandContext(ctx, self, "-sink", "-receivers", strconv.Itoa(receivers))} //nolint:gosec // this program
	p.cmd.Stderr = os.Stderr
	if p.ask, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.answer = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := p.line()
	if err != nil {
		return nil, err
	}
	for f := range strings.FieldsSeq(line) {
		port, err := strconv.Atoi(f)
		if err != nil {
			return nil, err
		}
		p.ports = append(p.ports, port)
	}
	return p, nil
}

// count asks how many packets were received since the start.
func (p *sinkProcess) count() (int, error) {
	if _, err := io.WriteString(p.ask, "\n"); err != nil {
		return 0, err
	}
	line, err := p.line()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(line)
}

func (p *sinkProcess) line() (string, error) {
	if !p.answer.Scan() {
		return "", errors.Join(errors.New("the sink has ended"), p.answer.Err())
	}
	return p.answer.Text(), nil
}

// stop ends the sink and waits for its end.
func (p *sinkProcess) stop() {
	_ = p.ask.Close() // it ends by that
	_ = p.cmd.Wait()  // what it says of its end does not matter
}
