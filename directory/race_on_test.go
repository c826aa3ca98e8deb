//go:build race

package directory_test

// kills is smaller where each child starts slowly; they are other processes, in
// which the race detector would see nothing that the other tests do not show.
const kills = 30
