package account

import (
	"conclave/core/identity"
	"conclave/core/secret"
)

// RecoveryWords is how many words a recovery code has.
const RecoveryWords = 12

// A RecoveryCode is 128 random bits that open the backup.
type RecoveryCode struct{ entropy secret.Value }

// NewRecoveryCode returns a new random code.
func NewRecoveryCode() RecoveryCode { panic("account: unfinished") }

// ParseRecoveryCode reads 12 words in any case with any white space; four letters
// are enough of each. Errors wrap ErrWords: see WordError.
func ParseRecoveryCode(words string) (RecoveryCode, error) { panic("account: unfinished") }

// A WordError says which word, from 1, is not in the list.
type WordError struct{ Number int }

func (e *WordError) Error() string { panic("account: unfinished") }

// Unwrap returns ErrWords.
func (e *WordError) Unwrap() error { return ErrWords }

// Words returns the code as 12 words.
func (c RecoveryCode) Words() []string { panic("account: unfinished") }

// Commitment returns what a record names as Recovery: the hash of the public half
// of the key that user derives from the code.
func (c RecoveryCode) Commitment(user identity.UserID) [32]byte { panic("account: unfinished") }

// AuthKey returns what the server asks for before it gives out the backup. It
// says nothing of what opens it.
func (c RecoveryCode) AuthKey(user identity.UserID) secret.Value { panic("account: unfinished") }

// Erase overwrites the code.
func (c RecoveryCode) Erase() { c.entropy.Erase() }
