package account

import (
	"conclave/core/identity"
	"conclave/core/secret"
)

// A Party is one side of a verification.
type Party struct {
	User   identity.UserID
	Device identity.DeviceID
	// Fingerprint is what the other side shall be sure of: IdentityFingerprint,
	// or for a new device Request.Fingerprint.
	Fingerprint Fingerprint
}

// A Mode says what a verification is for.
type Mode uint8

// The modes.
const (
	ModeContact   Mode = 1 // two users
	ModeNewDevice Mode = 2 // a new device starts or shows; one that holds the identity key answers or scans
	ModeOldDevice Mode = 3 // one that holds the identity key shows, a new device scans (QR only)
)

// A SASConfig is what one side brings. What it says of Peer comes from the
// directory, not from the peer.
type SASConfig struct {
	Mode       Mode
	Own        Party
	Peer       Party // Device is filled in from the peer's message and may be zero
	Checkpoint Checkpoint
}

// A SASState is where a SAS stands.
type SASState uint8

// The states.
const (
	SASWaiting SASState = iota + 1 // for the peer's next message
	SASShowing                     // the symbols are there: ask the user
	SASMatched                     // the user said they match; waiting for the peer
	SASDone                        // both said so, and the fingerprints match
	SASFailed                      // see Err
)

// A SAS is one comparison of short authentication strings. It is not safe for
// concurrent use.
type SAS struct{}

// A SASRequest is what the first message says, before anything is proven.
type SASRequest struct {
	Mode       Mode
	From       identity.UserID
	Device     identity.DeviceID
	To         identity.UserID
	Checkpoint Checkpoint
	Txn        [16]byte
}

// A SASResult is what both sides have proven to each other.
type SASResult struct {
	Peer       Party      // as in the config, with the peer's device
	Checkpoint Checkpoint // the peer's
	// HandOver is a key that both sides share: see HandOver and Open.
	HandOver secret.Value
}

// StartSAS begins: it returns the first message for the peer.
func StartSAS(c SASConfig, now uint64) (*SAS, []byte, error) { panic("account: unfinished") }

// ParseSASRequest reads a first message, so that the receiver can look up who
// asks and then call AnswerSAS.
func ParseSASRequest(message []byte) (*SASRequest, error) { panic("account: unfinished") }

// AnswerSAS accepts a first message: it returns the second one.
func AnswerSAS(c SASConfig, request []byte, now uint64) (*SAS, []byte, error) {
	panic("account: unfinished")
}

// SASTxn returns the transaction that any message of a SAS belongs to.
func SASTxn(message []byte) (txn [16]byte, err error) { panic("account: unfinished") }

// Handle takes a message of the peer and returns the one to send, if any. After
// an error the SAS has failed, but for ErrSASOther and ErrSASReplay, which change
// nothing; a reply that comes with an error tells the peer.
func (s *SAS) Handle(message []byte, now uint64) (reply []byte, err error) {
	panic("account: unfinished")
}

// State returns where the SAS stands.
func (s *SAS) State() SASState { panic("account: unfinished") }

// Emoji returns the numbers of the seven symbols, in order: see EmojiNames. It
// returns false before SASShowing.
func (s *SAS) Emoji() ([7]int, bool) { panic("account: unfinished") }

// Decimal returns the same as three numbers of five digits.
func (s *SAS) Decimal() ([3]int, bool) { panic("account: unfinished") }

// Confirm takes the user's answer and returns the message to send. If the symbols
// differ the SAS has failed with ErrSASDiffer.
func (s *SAS) Confirm(match bool) (message []byte, err error) { panic("account: unfinished") }

// Cancel ends the SAS and returns the message that says so.
func (s *SAS) Cancel() []byte { panic("account: unfinished") }

// Err returns why the SAS failed, or nil.
func (s *SAS) Err() error { panic("account: unfinished") }

// Result returns what was proven, in SASDone.
func (s *SAS) Result() (*SASResult, error) { panic("account: unfinished") }
