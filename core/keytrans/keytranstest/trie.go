package keytranstest

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"conclave/core/keytrans"
)

// An entry of a map.
type entry struct{ label, commitment keytrans.Hash }

func sorted(m map[keytrans.Hash]keytrans.Hash) []entry {
	list := make([]entry, 0, len(m))
	for label, commitment := range m {
		list = append(list, entry{label, commitment})
	}
	slices.SortFunc(list, func(a, b entry) int { return bytes.Compare(a.label[:], b.label[:]) })
	return list
}

func hashOf(parts ...[]byte) keytrans.Hash { return sha256.Sum256(slices.Concat(parts...)) }

// split cuts a sorted list at the first label with bit depth set.
func split(list []entry, depth int) (left, right []entry) {
	for i := range list {
		if list[i].label[depth/8]&(0x80>>(depth%8)) != 0 {
			return list[:i], list[i:]
		}
	}
	return list, nil
}

// mapRoot hashes a map as the package comment of keytrans says.
func mapRoot(list []entry, depth int) keytrans.Hash {
	switch len(list) {
	case 0:
		return hashOf([]byte{2})
	case 1:
		return hashOf([]byte{0}, list[0].label[:], list[0].commitment[:])
	}
	left, right := split(list, depth)
	l, r := mapRoot(left, depth+1), mapRoot(right, depth+1)
	return hashOf([]byte{1}, l[:], r[:])
}

// mapPath finds the path of a label.
func mapPath(list []entry, label keytrans.Hash) keytrans.MapProof {
	var p keytrans.MapProof
	for depth := 0; len(list) > 1; depth++ {
		left, right := split(list, depth)
		if label[depth/8]&(0x80>>(depth%8)) != 0 {
			left, right = right, left
		}
		p.Siblings = append(p.Siblings, mapRoot(right, depth+1))
		list = left
	}
	if len(list) == 1 {
		p.Leaf, p.Label, p.Commitment = true, list[0].label, list[0].commitment
	}
	return p
}
