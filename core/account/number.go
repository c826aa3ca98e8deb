package account

import "conclave/core/identity"

// SafetyNumber returns the 60 digits that stand for two identities, the same on
// both sides: twelve groups of five, with spaces.
func SafetyNumber(a identity.UserID, aKey [32]byte, b identity.UserID, bKey [32]byte) string {
	panic("account: unfinished")
}
