package account

import (
	"crypto/sha256"
	"fmt"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/secure/precis"

	"conclave/core/secret"
	"conclave/core/tlsenc"
)

// A Cost is the cost of Argon2id, RFC 9106, Section 3.1.
type Cost struct {
	Time    uint32 // passes
	Memory  uint32 // KiB
	Threads uint8
}

// The costs for passwords at sign-in and for passphrases of backups, and the most
// that a device computes because somebody else asks it to. RFC 9106, Section 4
// recommends 64 MiB and 3 passes where memory is scarce.
var (
	PasswordCost   = Cost{Time: 3, Memory: 64 << 10, Threads: 1}
	PassphraseCost = Cost{Time: 3, Memory: 256 << 10, Threads: 1}
	MaxCost        = Cost{Time: 10, Memory: 256 << 10, Threads: 4}
)

// Bounds of what Argon2id is given, in bytes.
const (
	minSalt     = 16
	maxSalt     = 64
	maxPassword = 1024
	minMemory   = 8 // KiB a thread, RFC 9106, Section 3.1
)

const (
	labelSplit     = "Conclave 1.0 password"
	labelSplitAuth = "Conclave 1.0 password auth"
	labelSplitWrap = "Conclave 1.0 password wrap"
)

// atLeast reports whether no part of c is below least. Fewer threads make an
// attacker's work no cheaper.
func (c Cost) atLeast(least Cost) bool { return c.Time >= least.Time && c.Memory >= least.Memory }

// valid reports whether c can be computed and is not above MaxCost.
func (c Cost) valid() bool {
	return c.Threads >= 1 && c.Threads <= MaxCost.Threads && c.Time >= 1 && c.Time <= MaxCost.Time &&
		c.Memory >= minMemory*uint32(c.Threads) && c.Memory <= MaxCost.Memory
}

// stretch returns 32 bytes of Argon2id over a password and a salt. The cost is
// valid.
func (c Cost) stretch(password, salt []byte) secret.Value {
	return secret.Own(argon2.IDKey(password, salt, c.Time, c.Memory, c.Threads, keySize))
}

// PasswordParams are what a server says before a sign-in.
type PasswordParams struct {
	Salt []byte // 16 to 64 bytes
	Cost Cost
}

// PasswordKeys are the two halves of a stretched password. The server sees Auth and
// can test guesses with it, so Wrap is worth as much as the password and must never
// wrap a backup; it is for what stays on the device.
type PasswordKeys struct {
	Auth secret.Value // 32 bytes, sent to the server
	Wrap secret.Value // 32 bytes, never sent
}

// Erase overwrites both keys.
func (k *PasswordKeys) Erase() {
	k.Auth.Erase()
	k.Wrap.Erase()
}

// SplitPassword stretches a password for the account handle (normalised) at the
// server origin and splits it by HKDF. Origin and handle are hashed into the salt:
// a server that hands out the salt of another gets nothing that works there. The
// password is first normalised as an OpaqueString, RFC 8265, Section 4.2.
//
// It returns ErrCost where the server asks for less than least (in earnest:
// PasswordCost) or more than MaxCost, and ErrMalformed for a password or salt that
// cannot be used.
func SplitPassword(password, origin, handle string, p PasswordParams, least Cost) (*PasswordKeys, error) {
	if !p.Cost.valid() || !p.Cost.atLeast(least) {
		return nil, ErrCost
	}
	if len(p.Salt) < minSalt || len(p.Salt) > maxSalt {
		return nil, fmt.Errorf("%w: salt of a password", ErrMalformed)
	}
	normal, err := normalPassword(password)
	if err != nil {
		return nil, err
	}
	defer normal.Erase()
	w := tlsenc.NewWriter(256)
	w.Fixed([]byte(labelSplit))
	w.Vector([]byte(origin))
	w.Vector([]byte(handle))
	w.Vector(p.Salt)
	salt := sha256.Sum256(w.Bytes())
	stretched := p.Cost.stretch(normal.Expose(), salt[:])
	defer stretched.Erase()
	return &PasswordKeys{
		Auth: derive(stretched, nil, labelSplitAuth, keySize),
		Wrap: derive(stretched, nil, labelSplitWrap, keySize),
	}, nil
}

// normalPassword returns a password as an OpaqueString of RFC 8265, Section 4.2.
func normalPassword(password string) (secret.Value, error) {
	if len(password) > maxPassword {
		return secret.Value{}, fmt.Errorf("%w: the password is longer than %d bytes", ErrMalformed, maxPassword)
	}
	normal, err := precis.OpaqueString.String(password)
	if err != nil || !utf8.ValidString(password) {
		return secret.Value{}, fmt.Errorf("%w: the password is empty or holds a control character", ErrMalformed)
	}
	return secret.New([]byte(normal)), nil
}
