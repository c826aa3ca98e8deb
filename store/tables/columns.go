package tables

import (
	"errors"
	"math"
)

// errColumn says that a row is not what was written.
var errColumn = errors.New("reading the database: a column has a wrong length: restore the database from a copy")

// fixed copies a column of fixed size.
func fixed(to, column []byte) error {
	if len(column) != len(to) {
		return errColumn
	}
	copy(to, column)
	return nil
}

// number returns how a truth is stored.
func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// some returns b, or bytes that are not NULL if it is nil. (Of an empty column one
// database makes nil, and the other does not.)
func some(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// orNull returns how text is stored that is unique unless it is empty.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// clip returns the nearest number that a database can hold, for bounds of queries.
func clip(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
