package keytrans

import (
	"errors"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"conclave/core/tlsenc"
)

var errTreeProof = errors.New("the consistency proof does not fit the sizes")

// VerifyConsistency checks that the log at to holds all that it held at from.
// Errors are *Error with the id split, and Have and Want the two sizes. It says
// nothing of who signed the checkpoints: see [Verifier.Gossip].
func VerifyConsistency(from, to Checkpoint, proof []Hash) error {
	if joined(from, to, proof) {
		return nil
	}
	err := refuse(ErrSplit, "MS-11", "no proof joins the log of %d epochs to that of %d", from.Size, to.Size)
	err.Have, err.Want = to.Size, from.Size
	return err
}

// joined reports whether proof shows that to continues from.
func joined(from, to Checkpoint, proof []Hash) bool {
	switch {
	case from.Size > to.Size || to.Size > maxSize:
		return false
	case from.Size == to.Size:
		return from.Root == to.Root && len(proof) == 0
	case from.Size == 0:
		return len(proof) == 0
	}
	return tlog.CheckTree(treeHashes(proof), int64(to.Size), tlog.Hash(to.Root), int64(from.Size), tlog.Hash(from.Root)) == nil
}

func treeHashes(proof []Hash) []tlog.Hash {
	out := make([]tlog.Hash, len(proof))
	for i := range proof {
		out[i] = tlog.Hash(proof[i])
	}
	return out
}

// included reports whether entry is in the log at index.
func included(c Checkpoint, index uint64, entry []byte, proof []Hash) bool {
	if index >= c.Size || c.Size > maxSize {
		return false
	}
	return tlog.CheckRecord(treeHashes(proof), int64(c.Size), tlog.Hash(c.Root), int64(index), tlog.RecordHash(entry)) == nil
}

// treeRoots returns both roots that a consistency proof leads to, for from <
// to: RFC 9162, Section 2.1.4.2. A proof that leads to the signed root of
// to but to another root of from than the signed one shows, without asking
// anybody, that the log forked. For a from that is a power of two the proof
// begins at that root itself and shows nothing.
func treeRoots(from, to Checkpoint, proof []Hash) (first, second Hash, err error) {
	if from.Size < 1 || from.Size >= to.Size || to.Size > maxSize {
		return Hash{}, Hash{}, errTreeProof
	}
	if bits.OnesCount64(from.Size) == 1 {
		proof = append([]Hash{from.Root}, proof...)
	}
	if len(proof) == 0 {
		return Hash{}, Hash{}, errTreeProof
	}
	fn, sn := from.Size-1, to.Size-1
	for fn&1 == 1 {
		fn, sn = fn>>1, sn>>1
	}
	first, second = proof[0], proof[0]
	for _, c := range proof[1:] {
		if sn == 0 {
			return Hash{}, Hash{}, errTreeProof
		}
		if fn&1 == 1 || fn == sn {
			first, second = NodeHash(c, first), NodeHash(c, second)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			second = NodeHash(second, c)
		}
		fn, sn = fn>>1, sn>>1
	}
	if sn != 0 {
		return Hash{}, Hash{}, errTreeProof
	}
	return first, second, nil
}

// EncodeHashes returns Hash<V>: the body of an answer with a consistency proof.
func EncodeHashes(proof []Hash) []byte {
	w := tlsenc.NewWriter(4 + HashSize*len(proof))
	writeHashes(w, proof)
	return w.Bytes()
}

// ParseHashes reads Hash<V> of at most 128 hashes. Errors wrap ErrFormat.
func ParseHashes(b []byte) ([]Hash, error) {
	r := tlsenc.NewReader(b)
	hashes, err := readHashes(&r, maxTreeProof)
	if err := done("hashes", &r, err); err != nil {
		return nil, err
	}
	return hashes, nil
}
