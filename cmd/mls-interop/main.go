// Command mls-interop drives package conclave/core/mls from outside, so that any
// other implementation of MLS ([RFC 9420]) can be run against it: one JSON
// object a line on standard input, one answer a line on standard output, in the
// same order. README.md has the table of requests.
//
// It is for tests. Every credential is accepted, and secrets are printed when
// they are asked for.
//
// [RFC 9420]: https://www.rfc-editor.org/rfc/rfc9420.html
package main

import (
	"fmt"
	"os"

	_ "conclave/core/suite/nist" // suites 2, 5, 7 and the 192-bit one
)

func main() {
	if err := serve(os.Stdin, os.Stdout, newProgram()); err != nil {
		fmt.Fprintln(os.Stderr, "mls-interop:", err)
		os.Exit(1)
	}
}
