// Package contract tests that a database keeps what directory.Store and auth.Store
// promise. store/sqlite and store/postgres both run it; only tests import it.
package contract

import (
	"testing"

	"conclave/auth"
	"conclave/delivery"
	"conclave/directory"
)

// A Database is an open one.
type Database interface {
	Directory() directory.Store
	Auth() auth.Store
	KeyPackages() delivery.KeyPackageStore
	Delivery() delivery.Store
	Close() error
}

// An Open opens the same database each time, and fails the test if it cannot.
type Open func() Database

// Run runs all tests but those of [Concurrent]. fresh makes an empty database.
func Run(t *testing.T, fresh func(testing.TB) Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"Epochs", testEpochs},
		{"Entries", testEntries},
		{"Leaves", testLeaves},
		{"CommitConflicts", testCommitConflicts},
		{"ManyEntries", testManyEntries},
		{"Accounts", testAccounts},
		{"Handles", testHandles},
		{"DeleteUnclaimed", testDeleteUnclaimed},
		{"Logins", testLogins},
		{"Sessions", testSessions},
		{"DeleteExpired", testDeleteExpired},
		{"Backups", testBackups},
		{"Tries", testTries},
		{"KeyPackages", testKeyPackages},
		{"Log", testLog},
		{"Members", testMembers},
		{"Inbox", testInbox},
		{"Appends", testAppends},
		{"Commits", testCommits},
		{"Sweep", testSweep},
		{"AnyBytes", testAnyBytes},
		{"Reopen", testReopen},
		{"Closed", testClosed},
		{"GivenUp", testGivenUp},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, fresh(t)) })
	}
}

// Concurrent runs the tests of what happens at the same time. They are apart so
// that they alone can run with the race detector.
func Concurrent(t *testing.T, fresh func(testing.TB) Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"OneHandle", testOneHandle},
		{"OneEpoch", testOneEpoch},
		{"OneUpdate", testOneUpdate},
		{"Tries", testConcurrentTries},
		{"Groups", testGroups},
		{"KeyPackageOnce", testKeyPackageOnce},
		{"ReadYourWrites", testReadYourWrites},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, fresh(t)) })
	}
}

// opened opens a database that the end of the test closes.
func opened(t testing.TB, open Open) Database {
	t.Helper()
	db := open()
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return db
}

// id returns the id number n, of 16 bytes.
func id(n int) (b [16]byte) {
	b[0], b[14], b[15] = 0xff, byte(n>>8), byte(n)
	return b
}

// hash returns the hash number n, of 32 bytes.
func hash(n int) (b [32]byte) {
	b[0], b[1], b[2], b[31] = byte(n>>16), byte(n>>8), byte(n), 0xff
	return b
}
