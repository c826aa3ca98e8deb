package load

import "math/rand/v2"

// chance returns a random number from 0 to below n. Nothing that this package
// draws is secret.
func chance(n int) int { return rand.IntN(n) } //nolint:gosec // see above

// chance32 returns 32 random bits.
func chance32() uint32 { return rand.Uint32() } //nolint:gosec // see above
