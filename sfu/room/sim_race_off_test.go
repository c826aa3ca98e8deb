//go:build !race

package room_test

// raced reports whether the race detector watches.
const raced = false
