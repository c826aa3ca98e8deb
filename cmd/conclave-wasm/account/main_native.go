//go:build !js

package main

import (
	"fmt"
	"os"
)

// main says that this program is for browsers.
func main() {
	fmt.Fprintln(os.Stderr, "this program runs in browsers: build it with GOOS=js GOARCH=wasm")
	os.Exit(2)
}
