package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxTyped is the most bytes of a line that a person types or a script pipes.
const maxTyped = 4096

var (
	errTwice = errors.New("the two were not the same; try again")
	errInput = errors.New("the input ended; type an answer, or use the flags that answer in advance")
)

// A terminal is where a person types. Prompts go to standard error, so that
// results stay apart.
type terminal struct {
	in     *os.File
	out    io.Writer
	reader *bufio.Reader
}

// terminal returns the terminal that standard input is, or nil if it is none:
// then nobody is asked anything.
func (e *env) terminal() *terminal {
	if e.typed != nil {
		return e.typed
	}
	in := e.stdin
	if in == nil {
		in = os.Stdin
	}
	if !isTerminal(in) {
		return nil
	}
	e.typed = &terminal{in: in, out: e.stderr, reader: bufio.NewReader(in)}
	return e.typed
}

// line asks for a line.
func (t *terminal) line(prompt string) (string, error) {
	_, _ = fmt.Fprintf(t.out, "%s: ", prompt)
	s, err := t.reader.ReadString('\n')
	if errors.Is(err, io.EOF) && s == "" {
		return "", errInput
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the terminal: %w", err)
	}
	return strings.TrimSpace(s), nil
}

// secret asks for a line that is not shown.
func (t *terminal) secret(prompt string) (string, error) {
	show, err := hideTyping(t.in)
	if err != nil {
		return "", fmt.Errorf("hiding what is typed: %w", err)
	}
	s, err := t.line(prompt)
	_, _ = fmt.Fprintln(t.out)
	return s, errors.Join(err, show())
}

// newSecret asks for a secret twice.
func (t *terminal) newSecret(prompt, again string) (string, error) {
	first, err := t.secret(prompt)
	if err != nil {
		return "", err
	}
	second, err := t.secret(again)
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errTwice
	}
	return first, nil
}

// yes asks a question until it is answered by y or n.
func (t *terminal) yes(question string) (bool, error) {
	for {
		s, err := t.line(question + " [y/n]")
		if err != nil {
			return false, err
		}
		switch strings.ToLower(s) {
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
	}
}

// readPiped reads standard input as one line, for secrets that scripts hand over.
func (e *env) readPiped() (string, error) {
	var in io.Reader = os.Stdin
	if e.stdin != nil {
		in = e.stdin
	}
	b, err := io.ReadAll(io.LimitReader(in, maxTyped))
	if err != nil {
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}
