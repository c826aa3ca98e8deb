//go:build !race

package srtp

// raceDetector: with it a sync.Pool loses what it holds at random.
const raceDetector = false
