package secrettree_test

import (
	"bytes"
	"testing"

	"conclave/core/mls/internal/secrettree"
	"conclave/core/secret"
	"conclave/core/suite"
)

func newTreeLimits(tb testing.TB, leaves uint32, limits secrettree.Limits) *secrettree.Tree {
	tb.Helper()
	s := lookup(tb, suite.Default)
	return secrettree.New(s, secret.Own(bytes.Repeat([]byte{7}, s.HashSize())), leaves, limits)
}
