package schedule

import (
	"conclave/core/secret"
	"conclave/core/suite"
)

// WelcomeSecret is the secret that welcomeKeys derives from, for the vectors.
func (m Member) WelcomeSecret() secret.Value { return m.suite.DeriveSecret(m.secret, "welcome") }

// Encode is what Seal encrypts, for the vectors and the fuzzer.
func (g *GroupSecrets) Encode() []byte { return g.encode().Expose() }

// WithSuite sets the suite of an Epoch that a vector gives one secret of.
func (e *Epoch) WithSuite(s *suite.Suite) *Epoch {
	e.suite = s
	return e
}
