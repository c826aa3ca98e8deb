package schedule

import (
	"conclave/core/mlswire"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// ConfirmedTranscriptHash returns the confirmed_transcript_hash after commit,
// whose signature is set, from the interim_transcript_hash of the epoch it was
// sent in. The confirmation tag is no part of it.
//
// It hashes ConfirmedTranscriptHashInput, RFC 9420, Section 8.2:
//
//	WireFormat wire_format | FramedContent content | opaque signature<V>
func ConfirmedTranscriptHash(s *suite.Suite, interimBefore []byte, commit *mlswire.AuthenticatedContent) []byte {
	var w tlsenc.Writer
	w.Uint16(uint16(commit.WireFormat))
	commit.Content.Encode(&w)
	w.Vector(commit.Auth.Signature)
	return s.Hash(interimBefore, w.Bytes())
}

// InterimTranscriptHash returns the interim_transcript_hash of the epoch whose
// confirmed_transcript_hash and confirmation_tag are given, RFC 9420, Section
// 8.2. In epoch 0 the confirmed hash is empty (Section 11).
func InterimTranscriptHash(s *suite.Suite, confirmedTranscriptHash, confirmationTag []byte) []byte {
	w := tlsenc.NewWriter(len(confirmationTag) + 4)
	w.Vector(confirmationTag)
	return s.Hash(confirmedTranscriptHash, w.Bytes())
}
