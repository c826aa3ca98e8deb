package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a request, in bytes: a Welcome for a thousand members of the
// largest suite is 6 MB in base64.
const maxLine = 32 << 20

var (
	errLineTooLong = errors.New("request is too long")
	errRequest     = errors.New("malformed request")
)

// serve answers the requests of in, one after another, until it ends.
func serve(in io.Reader, out io.Writer, p *program) error {
	reader := bufio.NewReaderSize(in, 1<<16)
	for {
		line, err := readLine(reader)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, errLineTooLong) {
			return fmt.Errorf("reading a request: %w", err)
		}
		if err == nil && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		answer, err := json.Marshal(p.answer(line, err))
		if err != nil {
			return fmt.Errorf("encoding an answer: %w", err)
		}
		if _, err := out.Write(append(answer, '\n')); err != nil {
			return fmt.Errorf("writing an answer: %w", err)
		}
	}
}

// readLine returns the next line, without its end. A line that is too long is
// skipped as a whole.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	tooLong := false
	for {
		part, err := r.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > maxLine; !tooLong {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(part) == 0 && len(line) == 0 && !tooLong:
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case tooLong:
			return nil, errLineTooLong
		}
		return bytes.TrimRight(line, "\r\n"), nil
	}
}
