package directory_test

// runChild does what the environment asks of a child process of the kill test.
func runChild() bool { return false }
