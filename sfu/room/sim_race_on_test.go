//go:build race

package room_test

// raced reports whether the race detector watches. A simulation has one goroutine
// and takes ten times as long under it.
const raced = true
