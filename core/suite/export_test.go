package suite

import "conclave/core/secret"

// NewSuite makes a suite that is not in the table, for vectors whose algorithms
// are joined otherwise than in any suite.
var NewSuite = newSuite

// KEM returns the suite's KEM.
func (s *Suite) KEM() KEM { return s.row.KEM }

// HPKE are the numbers of the suite's HPKE algorithms.
func (s *Suite) HPKE() (kem, kdf, aead uint16) { return s.row.KEM.ID(), s.row.KDF, s.row.AEAD }

// A Context is the context of HPKE that DecryptWithLabel and ReceiveExport use.
type Context struct{ Key, BaseNonce, ExporterSecret secret.Value }

// KeySchedule is the key schedule of DecryptWithLabel and ReceiveExport. It
// overwrites the shared secret.
func (s *Suite) KeySchedule(shared, info []byte) Context {
	c := s.schedule.context(shared, s.schedule.infoHash(info))
	return Context{c.key, c.baseNonce, c.exporterSecret}
}

// ExportFrom is the export of SendExport and ReceiveExport.
func (s *Suite) ExportFrom(c Context, label string, length int) secret.Value {
	return s.schedule.export(hpkeContext{c.Key, c.BaseNonce, c.ExporterSecret}, label, length)
}

// SmallOrderX25519 and SmallOrderEd25519 are the encodings that are refused.
var (
	SmallOrderX25519  = smallOrderX25519
	SmallOrderEd25519 = smallOrderEd25519
)
