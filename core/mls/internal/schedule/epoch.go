package schedule

import (
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// An Epoch holds the secrets of one epoch, RFC 9420, Section 8, Table 4. All
// have the length of the suite's hash.
type Epoch struct {
	suite *suite.Suite

	// SenderData encrypts who sent a PrivateMessage (Section 6.3.2).
	SenderData secret.Value
	// Encryption is the root of the secret tree (Section 9). It is handed over
	// to secrettree.New, which erases it when it is consumed; Encode leaves it
	// out.
	Encryption secret.Value
	// Exporter is what [Epoch.Export] derives from (Section 8.5).
	Exporter secret.Value
	// External is what [Epoch.ExternalKeyPair] derives from (Section 8.3).
	External secret.Value
	// Confirmation is the confirmation_key (Section 6.1).
	Confirmation secret.Value
	// Membership is the membership_key (Section 6.2).
	Membership secret.Value
	// Resumption is the resumption_psk (Section 8.6).
	Resumption secret.Value
	// Authenticator is the epoch_authenticator (Section 8.7). Members may show
	// it to each other.
	Authenticator secret.Value
	// Init is the init_secret of the next epoch.
	Init secret.Value
}

// newEpoch derives the secrets of an epoch from its epoch_secret, RFC 9420,
// Section 8, Table 4.
func newEpoch(s *suite.Suite, epochSecret secret.Value) *Epoch {
	return &Epoch{
		suite:         s,
		SenderData:    s.DeriveSecret(epochSecret, "sender data"),
		Encryption:    s.DeriveSecret(epochSecret, "encryption"),
		Exporter:      s.DeriveSecret(epochSecret, "exporter"),
		External:      s.DeriveSecret(epochSecret, "external"),
		Confirmation:  s.DeriveSecret(epochSecret, "confirm"),
		Membership:    s.DeriveSecret(epochSecret, "membership"),
		Resumption:    s.DeriveSecret(epochSecret, "resumption"),
		Authenticator: s.DeriveSecret(epochSecret, "authentication"),
		Init:          s.DeriveSecret(epochSecret, "init"),
	}
}

// ConfirmationTag returns the confirmation_tag of the commit or GroupInfo that
// begins this epoch, RFC 9420, Section 6.1.
func (e *Epoch) ConfirmationTag(confirmedTranscriptHash []byte) []byte {
	return e.suite.MAC(e.Confirmation, confirmedTranscriptHash)
}

// VerifyConfirmationTag reports, in constant time, whether tag is the
// confirmation_tag of this epoch.
func (e *Epoch) VerifyConfirmationTag(confirmedTranscriptHash, tag []byte) bool {
	return e.suite.VerifyMAC(e.Confirmation, confirmedTranscriptHash, tag)
}

// Export returns a secret of length bytes for the application, bound to this
// epoch, label and context. It fails with ErrExportLength.
//
// It implements MLS-Exporter, RFC 9420, Section 8.5.
func (e *Epoch) Export(label string, context []byte, length int) (secret.Value, error) {
	// KDF.Expand derives at most 255 blocks, RFC 5869, Section 2.3.
	if length < 0 || length > 255*e.suite.HashSize() {
		return secret.Value{}, ErrExportLength
	}
	derived := e.suite.DeriveSecret(e.Exporter, label)
	defer derived.Erase()
	return e.suite.ExpandWithLabel(derived, "exported", e.suite.Hash(context), length), nil
}

// ExternalKeyPair derives the key pair that outsiders encrypt to when they join
// by an external commit, RFC 9420, Section 8. It costs a key derivation of the
// suite's KEM each time.
func (e *Epoch) ExternalKeyPair() suite.KeyPair {
	return e.suite.DeriveKeyPair(e.External)
}

// externalInitLabel names the secret of an external init, RFC 9420, Section 8.3.
const externalInitLabel = "MLS 1.0 external init secret"

// ExternalInit makes the init_secret with which an outsider begins a group's
// next epoch, and the kem_output that tells it to the members. externalPub is
// the external_pub of the GroupInfo; a malformed one is an error of package
// suite. It implements the joiner's side of RFC 9420, Section 8.3.
func ExternalInit(s *suite.Suite, externalPub []byte) (kemOutput []byte, initSecret secret.Value, err error) {
	return s.SendExport(externalPub, externalInitLabel, s.HashSize())
}

// OpenExternalInit returns the init_secret that belongs to the kem_output of an
// ExternalInit proposal. A malformed one is an error of package suite. It
// implements the members' side of RFC 9420, Section 8.3.
func (e *Epoch) OpenExternalInit(kemOutput []byte) (secret.Value, error) {
	pair := e.ExternalKeyPair()
	defer pair.Private.Erase()
	return e.suite.ReceiveExport(pair.Private, kemOutput, externalInitLabel, e.suite.HashSize())
}

// Retire erases what an epoch that has ended no longer needs: all but
// SenderData, for late messages, and Resumption (RFC 9420, Section 9.2).
// Encryption belongs to the secret tree, whose root it still is when nobody has
// sent anything yet.
func (e *Epoch) Retire() {
	for _, v := range []secret.Value{
		e.Exporter, e.External, e.Confirmation, e.Membership, e.Authenticator, e.Init,
	} {
		v.Erase()
	}
}

// Erase overwrites all secrets, Encryption among them. e, and a secret tree made
// of it, are of no use after it.
func (e *Epoch) Erase() {
	e.Retire()
	e.Encryption.Erase()
	e.SenderData.Erase()
	e.Resumption.Erase()
}

// kept lists what Encode writes, in its order.
func (e *Epoch) kept() []*secret.Value {
	return []*secret.Value{
		&e.SenderData, &e.Exporter, &e.External, &e.Confirmation,
		&e.Membership, &e.Resumption, &e.Authenticator, &e.Init,
	}
}

// Encode appends the secrets other than Encryption, which lives in the secret
// tree:
//
//	sender_data[Nh] exporter[Nh] external[Nh] confirmation[Nh]
//	membership[Nh] resumption[Nh] authenticator[Nh] init[Nh]
func (e *Epoch) Encode(w *tlsenc.Writer) {
	for _, v := range e.kept() {
		w.Fixed(v.Expose())
	}
}

// Decode reads what Encode wrote, under the same suite. The caller erases the
// input. Its error is that of the Reader.
func Decode(s *suite.Suite, r *tlsenc.Reader) (*Epoch, error) {
	e := &Epoch{suite: s}
	for _, v := range e.kept() {
		*v = secret.New(r.Fixed(s.HashSize()))
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return e, nil
}
