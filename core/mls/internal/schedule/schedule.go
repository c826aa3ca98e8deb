// Package schedule is the key schedule of MLS, [RFC 9420, Section 8]: the
// secrets of an epoch, pre-shared keys, transcript hashes, the exporter,
// external initialization and what a Welcome carries.
//
// An epoch's secrets come from [Create] in a new group, and else by way of
// [Joiner], [NewMember] and [Member.Epoch]. Functions erase the intermediate
// secrets they derive; secrets that a caller hands in stay the caller's to
// erase. Nothing here changes after it was made, other than by Erase and
// Retire, so all of it may be read concurrently.
//
// [RFC 9420, Section 8]: https://www.rfc-editor.org/rfc/rfc9420.html#section-8
package schedule

import (
	"crypto/rand"
	"errors"

	"conclave/core/secret"
	"conclave/core/suite"
)

// Errors of this package. None of them holds a secret.
var (
	// ErrExportLength says that an exported secret would be longer than the
	// KDF can derive: 255 times its hash.
	ErrExportLength = errors.New("schedule: exported secret is too long")
	// ErrTooManyPSKs says that there are more than 65535 pre-shared keys, which
	// is what a PSKLabel can count.
	ErrTooManyPSKs = errors.New("schedule: too many pre-shared keys")
	// ErrGroupInfo says that a Welcome's GroupInfo cannot be decrypted.
	ErrGroupInfo = errors.New("schedule: cannot decrypt the group info")
	// ErrSecretLength says that a joiner secret or path secret does not have
	// the length of the suite's hash.
	ErrSecretLength = errors.New("schedule: secret of wrong length")
)

// Joiner returns the joiner_secret of the epoch that groupContext, an encoded
// GroupContext, describes, from the init_secret of the epoch before and the
// commit_secret. commitSecret is [Zero] for a commit without path.
//
// It implements the first half of the key schedule of RFC 9420, Section 8.
func Joiner(s *suite.Suite, initSecret, commitSecret secret.Value, groupContext []byte) secret.Value {
	extracted := s.Extract(initSecret, commitSecret)
	defer extracted.Erase()
	return s.ExpandWithLabel(extracted, "joiner", groupContext, s.HashSize())
}

// Zero returns the all-zero secret of KDF.Nh bytes that RFC 9420, Section 8
// writes as 0. It is the commit_secret of a commit without path and the
// psk_secret without pre-shared keys.
func Zero(s *suite.Suite) secret.Value {
	return secret.Own(make([]byte, s.HashSize()))
}

// A Member is the secret between joiner_secret and epoch_secret, RFC 9420,
// Section 8. RFC 9420 has no name for it; it is what every member of the new
// epoch can compute, before it knows the GroupContext.
type Member struct {
	suite  *suite.Suite
	secret secret.Value
}

// NewMember mixes the psk_secret (see [PSKSecret]) into the joiner_secret.
func NewMember(s *suite.Suite, joiner, psk secret.Value) Member {
	return Member{suite: s, secret: s.Extract(joiner, psk)}
}

// Epoch derives the secrets of the epoch that groupContext, an encoded
// GroupContext, describes.
func (m Member) Epoch(groupContext []byte) *Epoch {
	epochSecret := m.suite.ExpandWithLabel(m.secret, "epoch", groupContext, m.suite.HashSize())
	defer epochSecret.Erase()
	return newEpoch(m.suite, epochSecret)
}

// Erase overwrites the secret. m is of no use after it.
func (m Member) Erase() { m.secret.Erase() }

// Create returns the secrets of a new group's epoch 0, whose epoch_secret is
// random, RFC 9420, Section 11.
func Create(s *suite.Suite) *Epoch {
	b := make([]byte, s.HashSize())
	_, _ = rand.Read(b) // never fails: it crashes the program instead
	epochSecret := secret.Own(b)
	defer epochSecret.Erase()
	return newEpoch(s, epochSecret)
}
