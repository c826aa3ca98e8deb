package keytranstest

import "conclave/core/keytrans"

// The log's tree as RFC 6962, Section 2.1 defines it, without a thought for cost.

// half is the greatest power of two below n.
func half(n int) int {
	k := 1
	for 2*k < n {
		k *= 2
	}
	return k
}

// LogRoot is the root over leaves.
func LogRoot(leaves [][]byte) keytrans.Hash {
	switch len(leaves) {
	case 0:
		return hashOf()
	case 1:
		return hashOf([]byte{0}, leaves[0])
	}
	k := half(len(leaves))
	l, r := LogRoot(leaves[:k]), LogRoot(leaves[k:])
	return hashOf([]byte{1}, l[:], r[:])
}

// LogInclusion proves that leaf i is among leaves.
func LogInclusion(i int, leaves [][]byte) []keytrans.Hash {
	if len(leaves) == 1 {
		return nil
	}
	k := half(len(leaves))
	if i < k {
		return append(LogInclusion(i, leaves[:k]), LogRoot(leaves[k:]))
	}
	return append(LogInclusion(i-k, leaves[k:]), LogRoot(leaves[:k]))
}

// LogConsistency proves that leaves begin with the first from of them.
func LogConsistency(from int, leaves [][]byte) []keytrans.Hash { return subproof(from, leaves, true) }

func subproof(m int, leaves [][]byte, whole bool) []keytrans.Hash {
	if m == len(leaves) {
		if whole {
			return nil
		}
		return []keytrans.Hash{LogRoot(leaves)}
	}
	k := half(len(leaves))
	if m <= k {
		return append(subproof(m, leaves[:k], whole), LogRoot(leaves[k:]))
	}
	return append(subproof(m-k, leaves[k:], false), LogRoot(leaves[:k]))
}
