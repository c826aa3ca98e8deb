package mls

// These do what fmt.Errorf would: that package and what it needs would be a
// tenth of a browser's download.

// A failure is an error and what was being done.
type failure struct {
	doing string
	err   error
}

// doing says what was being done when err happened.
func doing(what string, err error) error { return &failure{what, err} }

func (f *failure) Error() string { return f.doing + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// A broken is the sentinel of a rule with what broke it.
type broken struct{ rule, cause error }

// because says why a rule is broken. Both errors are found by errors.Is.
func because(rule, cause error) error { return &broken{rule, cause} }

func (b *broken) Error() string   { return b.rule.Error() + ": " + b.cause.Error() }
func (b *broken) Unwrap() []error { return []error{b.rule, b.cause} }
