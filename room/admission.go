package room

import (
	"crypto/ed25519"
	"crypto/sha256"

	"conclave/api"
)

// admissionLabel is what an admission is over, before the meeting id and the hash
// of the announcement: docs/protocol.md, Section 6.
const admissionLabel = "Conclave 1.0 admission"

// checkAdmission refuses a Join whose admission cannot be right, before anything
// is looked up or computed. ed25519 panics on a key of another length.
func checkAdmission(j *api.Join) error {
	switch {
	case len(j.GetAdmission()) != ed25519.SignatureSize:
		return notAdmitted("admission is not 64 bytes")
	case j.GetCreate() && len(j.GetAdmissionKey()) != ed25519.PublicKeySize:
		return notAdmitted("admission key is not 32 bytes")
	}
	return nil
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
