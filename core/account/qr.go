package account

import (
	"conclave/core/identity"
	"conclave/core/secret"
)

// A QR is what one side shows as a QR code. It is a secret until it was scanned.
type QR struct {
	Mode       Mode
	User       identity.UserID
	Device     identity.DeviceID
	Own        Fingerprint // of who shows it
	Peer       Fingerprint // what the shower thinks of who shall scan; zero: nobody yet
	Checkpoint Checkpoint
	Secret     secret.Value // 16 random bytes
}

// NewQR returns a code to show, with a new secret.
func NewQR(mode Mode, own, peer Party, c Checkpoint) *QR { panic("account: unfinished") }

// ParseQR reads the text of a scanned code, or returns ErrMalformed.
func ParseQR(text string) (*QR, error) { panic("account: unfinished") }

// Text returns the code's text: capital letters, digits and a point, which QR
// codes hold best.
func (q *QR) Text() string { panic("account: unfinished") }

// Txn returns the transaction of the code; it says nothing of the secret.
func (q *QR) Txn() [16]byte { panic("account: unfinished") }

// Scanned is called by who scanned: it checks that the code shows what the
// scanner knows of the peer and of itself, and returns the message for the peer.
func (q *QR) Scanned(own, peer Party, c Checkpoint) (message []byte, result *SASResult, err error) {
	panic("account: unfinished")
}

// Answered is called by who shows the code, with the message of who scanned it.
func (q *QR) Answered(message []byte) (*SASResult, error) { panic("account: unfinished") }
