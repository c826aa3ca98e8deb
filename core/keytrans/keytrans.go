// Package keytrans judges what a key directory says. The directory of a server
// maps handles to users and users to identity records. The server is not
// trusted: every answer carries proofs, and a [Verifier] accepts it only if they
// hold for a checkpoint that the log and enough witnesses signed.
//
// The directory is a log of epochs (C2SP tlog-tiles). An [Epoch] commits to the
// root of a map, a binary trie that only grows. The label of a map entry is the
// output of a verifiable random function, so that the map shows nobody who is in
// it; the value is behind a commitment. That n is the greatest version of a user is proven by
// looking for it in a fixed order ([Ladder]): owner and contact then look at the
// same entries, whichever version each was told.
//
// [Verifier.Lookup] judges an answer to a [LookupRequest], [Verifier.Monitor] one
// to a [MonitorRequest]. Neither changes the [State] it is given: what was
// learned is in the result, and the caller applies and stores it. What a wrong
// answer proves about the server is in an [Evidence].
//
// The package is pure: no I/O, no clock, no log. Times are milliseconds since
// 1970. Decoders are strict and bounded: one encoding for each value, nothing
// allocated for a length that was not checked against the bytes present.
package keytrans

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"conclave/core/tlsenc"
)

// HashSize is the size of hashes, labels, commitments and openings, in bytes.
const HashSize = sha256.Size

// A Hash is a SHA-256 hash, a label of the map, a commitment or an opening.
type Hash [HashSize]byte

// String returns 64 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether all bits are 0.
func (h Hash) IsZero() bool { return h == Hash{} }

// EmptyHash is the hash of an empty subtree of the map: SHA-256(0x02).
var EmptyHash = Hash(sha256.Sum256([]byte{0x02}))

// LeafHash is the hash of a subtree of the map with one entry, at any depth:
// SHA-256(0x00 || label || commitment).
func LeafHash(label, commitment Hash) Hash { return hashPair(0, label, commitment) }

// NodeHash is the hash of a subtree of the map with two or more entries:
// SHA-256(0x01 || left || right).
func NodeHash(left, right Hash) Hash { return hashPair(1, left, right) }

func hashPair(kind byte, a, b Hash) Hash {
	var in [1 + 2*HashSize]byte
	in[0] = kind
	copy(in[1:], a[:])
	copy(in[1+HashSize:], b[:])
	return sha256.Sum256(in[:])
}

// A Namespace keeps labels of different things apart.
type Namespace uint8

const (
	// Handles are the labels of handles: name is the normalised handle, the version
	// is 0, the value is the user, 16 bytes.
	Handles Namespace = 1
	// Users are the labels of identity records: name is the user, 16 bytes, the
	// value is the record.
	Users Namespace = 2
)

const labelContext = "Conclave 1.0 label"

// LabelInput returns what the directory's random function is applied to for a
// label: "Conclave 1.0 label" || namespace || opaque name<V> || uint32 version.
// The label is the first 32 bytes of the function's output.
func LabelInput(ns Namespace, name []byte, version uint32) []byte {
	w := tlsenc.NewWriter(len(labelContext) + len(name) + 9)
	w.Fixed([]byte(labelContext))
	w.Uint8(uint8(ns))
	w.Vector(name)
	w.Uint32(version)
	return w.Bytes()
}

// Commitment returns what the map holds at label for value:
// HMAC-SHA256(opening, label || SHA-256(value)).
func Commitment(opening, label Hash, value []byte) Hash {
	digest := sha256.Sum256(value)
	mac := hmac.New(sha256.New, opening[:])
	mac.Write(label[:])
	mac.Write(digest[:])
	var out Hash
	mac.Sum(out[:0])
	return out
}

// bit returns the bit of a label that says left (0) or right (1) at a depth, the
// most significant bit first.
func (h *Hash) bit(depth int) int { return int(h[depth/8]>>(7-depth%8)) & 1 }
