package main

import "slices"

// nameOf returns the name of the sentinel in err that says most: a rule of MLS
// before what a lower layer found, and what was checked before how it failed.
func nameOf(err error) string {
	for _, table := range [][]sentinel{mlsSentinels, lowerSentinels, ownSentinels} {
		if name, ok := search(err, table); ok {
			return name
		}
	}
	return "Error"
}

// search returns the first sentinel of a table in the tree of what err wraps,
// from the outside to the inside.
func search(err error, table []sentinel) (string, bool) {
	if i := slices.IndexFunc(table, func(s sentinel) bool { return s.err == err }); i >= 0 { //nolint:errorlint // looks at each level by itself
		return table[i].name, true
	}
	switch e := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return search(inner, table)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if name, ok := search(inner, table); ok {
				return name, true
			}
		}
	}
	return "", false
}

// A sentinel is an error and the name by which answers call it.
type sentinel struct {
	name string
	err  error
}

// ownSentinels are those of this program.
var ownSentinels = []sentinel{
	{"ErrRequest", errRequest},
	{"ErrLineTooLong", errLineTooLong},
	{"ErrUnknownOp", errUnknownOp},
	{"ErrUnknownKind", errUnknownKind},
	{"ErrUnknownGroup", errUnknownGroup},
	{"ErrUnknownHandle", errUnknownHandle},
	{"ErrState", errState},
}
