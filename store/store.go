// Package store names the failures that both databases of a server share.
// store/sqlite and store/postgres open one, store/tables holds the queries, and
// store/contract tests that both keep what directory.Store and auth.Store promise.
package store

import "errors"

// Errors of a database, wrapped.
var (
	// ErrFull says that the disk of the database is full, or a quota. What was to be
	// written is not; everything before is, and can be read.
	ErrFull = errors.New("the disk of the database is full: make room and try again")
	// ErrInUse says that another server writes to this database. Two would make
	// two histories of one directory.
	ErrInUse = errors.New("another server uses this database: stop it, or give this one another")
	// ErrNewer says that the database was last used by a later version of Conclave.
	ErrNewer = errors.New("the database was made by a later version: run that, or a copy from before")
	// ErrClosed says that the database was closed.
	ErrClosed = errors.New("the database is closed")
)
