package server

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a goroutine of the server outlives its tests.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}
