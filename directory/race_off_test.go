//go:build !race

package directory_test

// kills is how often a directory is killed.
const kills = 200
