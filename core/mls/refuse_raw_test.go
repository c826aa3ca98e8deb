package mls

import (
	"bytes"
	"encoding/hex"
	"testing"

	"conclave/core/mlswire"
)

// rawProposal is a commit whose one proposal has an encoding that begins with
// the given bytes, which this package cannot make. It is signed and
// authenticated with another proposal of the same length in that place: what
// cannot be decoded is refused before any of it is looked at.
func rawProposal(prefix string) func(*testing.T, *scene) []byte {
	return func(t *testing.T, s *scene) []byte {
		t.Helper()
		p := psk(nil)
		message := withoutPath(p)(t, s)
		at := bytes.Index(message, mlswire.Marshal(&mlswire.ProposalOrRef{Proposal: p})[1:])
		if at < 0 {
			t.Fatal("the proposal is not in the message")
		}
		raw, err := hex.DecodeString(prefix)
		if err != nil {
			t.Fatal(err)
		}
		copy(message[at:], raw)
		return message
	}
}
