package room

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"slices"

	"conclave/api"
)

const (
	// admissionLabel is what an admission is over, before the meeting id and the
	// hash of the announcement: docs/protocol.md, Section 6.
	admissionLabel = "Conclave 1.0 admission"
	// meetingLabel is hashed with an admission key to the id of its meeting:
	// docs/protocol.md, Section 1.
	meetingLabel = "Conclave 1.0 meeting id"
)

// meetingEncoding is base32 in lower case without padding.
var meetingEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// checkAdmission refuses a Join of a device that has not shown that it holds the
// meeting's link: before anything is looked up, so that who does not hold it
// learns nothing, and without anything kept, so that nobody can take the id of a
// meeting that is not theirs.
func checkAdmission(j *api.Join) error {
	key := ed25519.PublicKey(j.GetAdmissionKey())
	switch {
	// ed25519 panics on a key of another length.
	case len(key) != ed25519.PublicKeySize:
		return notAdmitted("admission key is not 32 bytes")
	case len(j.GetAdmission()) != ed25519.SignatureSize:
		return notAdmitted("admission is not 64 bytes")
	case j.GetMeeting() != meetingOf(key):
		return notAdmitted("admission key is of another meeting")
	case !isAdmitted(key, j):
		return notAdmitted("admission is not by the meeting's key")
	}
	return nil
}

// meetingOf returns the id of the meeting that key admits to.
func meetingOf(key ed25519.PublicKey) string {
	hash := sha256.Sum256(slices.Concat([]byte(meetingLabel), key))
	return meetingEncoding.EncodeToString(hash[:meetingIDLen*5/8])
}

// isAdmitted reports whether the holder of key admits this announcement to this
// meeting. The caller has checked the lengths and the form of the meeting id.
func isAdmitted(key ed25519.PublicKey, j *api.Join) bool {
	hash := sha256.Sum256(j.GetAnnouncement())
	signed := make([]byte, 0, len(admissionLabel)+1+meetingIDLen+len(hash))
	signed = append(signed, admissionLabel...)
	signed = append(signed, meetingIDLen) // the length of a short vector is one byte
	signed = append(signed, j.GetMeeting()...)
	signed = append(signed, hash[:]...)
	return ed25519.Verify(key, signed, j.GetAdmission())
}

func notAdmitted(message string) *Error {
	return &Error{Code: api.ErrorCode_ERROR_CODE_NOT_ADMITTED, Message: message}
}
