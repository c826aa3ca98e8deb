package account

import "conclave/core/identity"

// An Invite is what an invite link carries after its #, which browsers do not
// send to the server: the keys that the server must have, and who invites.
type Invite struct {
	Host       string // host and port of the link
	Origin     string
	LogKey     string // note vkey
	VRFKey     [32]byte
	Policy     string // C2SP tlog-policy
	Inviter    identity.UserID
	InviterKey [32]byte // identity key
	Size       uint64   // checkpoint of the inviter
	Root       [32]byte
}

// Link returns https://HOST/i#v1.… or ErrMalformed if a field is too long.
func (i *Invite) Link() (string, error) { panic("account: unfinished") }

// ParseInvite reads a link, or returns ErrMalformed.
func ParseInvite(link string) (*Invite, error) { panic("account: unfinished") }
