package audit

import (
	"bytes"
	"crypto/sha256"

	"conclave/core/keytrans"
	"conclave/directory/prefixmap"
)

// mutation is the size of an entry of a mutation file: label and commitment.
const mutation = 2 * keytrans.HashSize

// noMutations is the hash of the mutation file of an epoch that adds nothing.
var noMutations = mutationsHash(nil)

func mutationsHash(file []byte) keytrans.Hash { return sha256.Sum256(file) }

// parseMutations reads a mutation file: (label || commitment)*, labels rising.
func parseMutations(file []byte, epoch uint32) (entries []prefixmap.Entry, ok bool) {
	if len(file)%mutation != 0 {
		return nil, false
	}
	entries = make([]prefixmap.Entry, len(file)/mutation)
	for i := range entries {
		e := &entries[i]
		copy(e.Label[:], file[i*mutation:])
		copy(e.Commitment[:], file[i*mutation+keytrans.HashSize:])
		e.Epoch = epoch
		if i > 0 && bytes.Compare(entries[i-1].Label[:], e.Label[:]) >= 0 {
			return nil, false
		}
	}
	return entries, true
}
