// Package negotiate reads and writes the session descriptions (RFC 8866) by
// which clients and this server agree on media, as browsers make them (JSEP,
// RFC 8829).
//
// Clients offer what they publish: [ReadOffer] and [Offer.Answer]. The server
// offers what it sends: [WriteOffer] and [ReadAnswer]. All m-lines of a connection
// share one transport (BUNDLE, RFC 9143); the server is always the ICE-lite and
// the DTLS server side, and knows all of its candidates beforehand.
//
// The package has no state, socket, clock or log. What it reads is bounded, and
// its errors say which line's meaning is missing without quoting it: lines hold
// addresses and passwords.
package negotiate

import (
	"errors"
	"fmt"

	"conclave/sfu/ice"
)

// ErrDescription is wrapped by every error about a session description.
var ErrDescription = errors.New("session description")

// Bounds of what a session description may hold.
const (
	maxOffer    = 64 << 10 // bytes
	maxAnswer   = 16 << 10 // bytes, and for each slot:
	maxAnswered = 8 << 10
	maxFormats  = 64 // codecs of one m-line; browsers offer up to 40
	maxRIDLines = 16 // of one m-line, used or not
	maxName     = 32 // characters of a mid; of a rid 16, which one-byte header extensions hold
	maxFmtp     = 256
)

// Local is this server's side of a connection's transport.
type Local struct {
	Ufrag, Password string // of ICE (RFC 8839, Section 5.4)
	Fingerprint     string // of the DTLS certificate: "sha-256 AB:CD…" (RFC 8122, Section 5)
	Candidates      []ice.Candidate
	// Session and Version are those of the o= line (RFC 8866, Section 5.2).
	// Session stays the same for a connection; Version goes up by one with each
	// description that the server sends on it.
	Session, Version uint64
}

// Remote is the client's side of a connection's transport.
type Remote struct {
	Ufrag, Password string
	// Fingerprints are those of the DTLS certificate in the form of
	// Local.Fingerprint, by hash functions that prove something: the hash in small
	// letters, the digits in capitals. At least one.
	Fingerprints []string
}

// errMissing is about what an m-line does not have, or not in this form. ReadOffer
// and ReadAnswer say which m-line, and wrap ErrDescription.
func errMissing(what string) error { return errors.New("no " + what) }

// errTooMany is about what an m-line has too many of.
func errTooMany(what string, limit int) error { return fmt.Errorf("more than %d %s", limit, what) }
