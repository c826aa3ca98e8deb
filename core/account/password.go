package account

import "conclave/core/secret"

// A Cost is the cost of Argon2id, RFC 9106.
type Cost struct {
	Time    uint32 // passes
	Memory  uint32 // KiB
	Threads uint8
}

// The costs for passwords at sign-in and for passphrases of backups.
var (
	PasswordCost   = Cost{Time: 3, Memory: 64 << 10, Threads: 1}
	PassphraseCost = Cost{Time: 3, Memory: 256 << 10, Threads: 1}
)

// PasswordParams are what a server says before a sign-in.
type PasswordParams struct {
	Salt []byte // 16 to 64 bytes
	Cost Cost
}

// PasswordKeys are the two halves of a stretched password.
type PasswordKeys struct {
	Auth secret.Value // 32 bytes, sent to the server
	Wrap secret.Value // 32 bytes, never sent
}

// SplitPassword stretches a password for the account handle at the server origin.
// It returns ErrCost where the server asks for less than least or more than any
// device should do.
func SplitPassword(password, origin, handle string, p PasswordParams, least Cost) (*PasswordKeys, error) {
	panic("account: unfinished")
}
