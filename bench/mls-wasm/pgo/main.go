// Command pgo writes the profile that has the compiler inline the field
// arithmetic of Curve25519 in WebAssembly, where a call costs as much as the
// multiplication inside it: ../default.pgo, which go build takes up by itself for
// the program beside it and other programs for the browser take by -pgo. It
// makes X25519 and Ed25519 faster by a third.
//
// Run it in this folder, on amd64 or arm64, after a change of Go's version; the
// profile counts lines of the standard library's functions:
//
//	go run .
//
// The profile is recorded natively, with the arithmetic that WebAssembly has
// (the tag purego), and cut down to the calls that count, so that nothing else
// grows and nothing of the recording machine is in it.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// hot begins the names of the functions to inline.
const hot = "crypto/internal/fips140/edwards25519/field."

// An edge is a call that the profile saw.
type edge struct {
	caller, callee string
	line           uint64 // of the call, counted from the caller's first
	weight         uint64
}

func main() {
	if err := run(filepath.Join("..", "default.pgo")); err != nil {
		fmt.Fprintln(os.Stderr, "pgo:", err)
		os.Exit(1)
	}
}

func run(path string) error {
	folder, err := os.MkdirTemp("", "pgo")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	text, err := record(folder)
	if err != nil {
		return err
	}
	edges, err := parse(text)
	if err != nil {
		return err
	}
	if len(edges) == 0 {
		return errors.New("the recording has none of the calls")
	}
	return os.WriteFile(path, encode(edges), 0o644) //nolint:gosec // a source file
}

// record profiles the operations that groups do most and returns what the
// compiler makes of it: for each call three lines of text.
func record(folder string) (string, error) {
	profile := filepath.Join(folder, "cpu.out")
	//nolint:gosec // constants, and a folder of our own
	test := exec.Command("go", "test", "-tags", "purego", "-trimpath", "-run", "^$", "-benchtime", "2s",
		"-bench", "Suite/MLS_128_DHKEMX25519_AES128.*/(Generate|Encrypt|Verify|Sign)$",
		"-cpuprofile", profile, "-o", filepath.Join(folder, "suite.test"), "conclave/core/suite")
	test.Stdout, test.Stderr = os.Stderr, os.Stderr
	if err := test.Run(); err != nil {
		return "", fmt.Errorf("recording: %w", err)
	}
	out, err := exec.Command("go", "tool", "preprofile", "-i", profile).Output() //nolint:gosec // a file of our own
	if err != nil {
		return "", fmt.Errorf("reading the recording: %w", err)
	}
	return string(out), nil
}

// parse returns the hot calls of the text.
func parse(text string) ([]edge, error) {
	lines := bufio.NewScanner(strings.NewReader(text))
	if !lines.Scan() || lines.Text() != "GO PREPROFILE V1" {
		return nil, errors.New("the compiler has another form of profiles")
	}
	var edges []edge
	for lines.Scan() {
		e := edge{caller: lines.Text()}
		lines.Scan()
		e.callee = lines.Text()
		lines.Scan()
		line, weight, _ := strings.Cut(lines.Text(), " ")
		var errLine, errWeight error
		e.line, errLine = strconv.ParseUint(line, 10, 31)
		e.weight, errWeight = strconv.ParseUint(weight, 10, 63)
		if err := errors.Join(errLine, errWeight, lines.Err()); err != nil {
			return nil, err
		}
		if strings.HasPrefix(e.callee, hot) {
			edges = append(edges, e)
		}
	}
	return edges, lines.Err()
}

// The fields of profile.proto that are written, by message.
const (
	profileSampleType, profileSample, profileLocation, profileFunction, profileStrings = 1, 2, 4, 5, 6

	valueType, valueUnit                   = 1, 2
	sampleLocations, sampleValues          = 1, 2
	locationID, locationLine               = 1, 4
	lineFunction, lineLine                 = 1, 2
	functionID, functionName, functionLine = 1, 2, 5
)

// An encoder collects the parts of a profile, each name and function once.
type encoder struct {
	names     map[string]uint64
	functions map[string]uint64
	locations uint64
	out       []byte
	table     []byte
}

// encode returns a profile with one sample for each call: the callee at its
// first line, called from a line of the caller.
func encode(edges []edge) []byte {
	e := &encoder{names: make(map[string]uint64), functions: make(map[string]uint64)}
	e.name("") // the first must be empty
	e.message(profileSampleType, field(nil, valueType, e.name("samples")), field(nil, valueUnit, e.name("count")))
	for _, call := range edges {
		callee, caller := e.location(call.callee, 0), e.location(call.caller, call.line)
		e.message(profileSample,
			field(nil, sampleLocations, callee), field(nil, sampleLocations, caller), field(nil, sampleValues, call.weight))
	}
	return append(e.out, e.table...)
}

// location adds a line of a function. All functions begin at line 1: the
// compiler looks at differences.
func (e *encoder) location(function string, line uint64) uint64 {
	id, ok := e.functions[function]
	if !ok {
		id = uint64(len(e.functions) + 1)
		e.functions[function] = id
		e.message(profileFunction, field(nil, functionID, id), field(nil, functionName, e.name(function)), field(nil, functionLine, 1))
	}
	e.locations++
	at := field(field(nil, lineFunction, id), lineLine, 1+line)
	e.message(profileLocation, field(nil, locationID, e.locations),
		protowire.AppendBytes(protowire.AppendTag(nil, locationLine, protowire.BytesType), at))
	return e.locations
}

func (e *encoder) name(s string) uint64 {
	if id, ok := e.names[s]; ok {
		return id
	}
	id := uint64(len(e.names))
	e.names[s] = id
	e.table = protowire.AppendString(protowire.AppendTag(e.table, profileStrings, protowire.BytesType), s)
	return id
}

func (e *encoder) message(number protowire.Number, parts ...[]byte) {
	var size int
	for _, p := range parts {
		size += len(p)
	}
	e.out = protowire.AppendVarint(protowire.AppendTag(e.out, number, protowire.BytesType), uint64(size))
	for _, p := range parts {
		e.out = append(e.out, p...)
	}
}

func field(b []byte, number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
}
