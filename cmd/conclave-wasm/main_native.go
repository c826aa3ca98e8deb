//go:build !js

package main

import "os"

// main says that this program is for browsers.
func main() {
	os.Stderr.WriteString("conclave-wasm runs in browsers: build it with GOOS=js GOARCH=wasm\n")
	os.Exit(2)
}
