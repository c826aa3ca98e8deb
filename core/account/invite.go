package account

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"conclave/core/identity"
	"conclave/core/tlsenc"
)

// Bounds of an invite, in bytes.
const (
	maxHost    = 261 // a DNS name and a port
	maxOrigin  = 255
	maxLogKey  = 4 << 10 // post-quantum keys are long
	maxPolicy  = 4 << 10
	maxInvite  = maxOrigin + maxLogKey + maxPolicy + 256
	maxLink    = 16 << 10
	invitePath = "/i#v1."
)

// inviteEncoding is base64url without padding, RFC 4648, Section 5; bits left
// over must be zero.
var inviteEncoding = base64.RawURLEncoding.Strict()

// An Invite is what an invite link carries after its #, which browsers do not
// send to the server: the keys that the server must have, and who invites.
type Invite struct {
	Host       string // host and port of the link
	Origin     string // of the log
	LogKey     string // note vkey of the log
	VRFKey     [32]byte
	Policy     string // C2SP tlog-policy; empty: no witnesses
	Inviter    identity.UserID
	InviterKey [32]byte // identity key of the inviter
	Size       uint64   // checkpoint that the inviter accepted; 0: none
	Root       [32]byte
}

// Checkpoint returns the inviter's checkpoint.
func (i *Invite) Checkpoint() Checkpoint {
	return Checkpoint{Origin: OriginHash(i.Origin), Size: i.Size, Root: i.Root}
}

// Link returns https://HOST/i#v1.… or ErrMalformed if a field is out of bounds.
func (i *Invite) Link() (string, error) {
	if err := i.check(); err != nil {
		return "", err
	}
	w := tlsenc.NewWriter(maxInvite)
	w.Vector([]byte(i.Origin))
	w.Vector([]byte(i.LogKey))
	w.Fixed(i.VRFKey[:])
	w.Vector([]byte(i.Policy))
	w.Fixed(i.Inviter[:])
	w.Fixed(i.InviterKey[:])
	w.Uint64(i.Size)
	w.Fixed(i.Root[:])
	return "https://" + i.Host + invitePath + inviteEncoding.EncodeToString(w.Bytes()), nil
}

// ParseInvite reads a link, or returns ErrMalformed (link-wrong). It accepts
// https, and plain http where the host is this machine. Whether the server at
// Host has the keys is for who connects to it to check (link-server).
func ParseInvite(link string) (*Invite, error) {
	if len(link) > maxLink {
		return nil, fmt.Errorf("%w: the link is too long", ErrMalformed)
	}
	before, text, ok := strings.Cut(strings.TrimSpace(link), invitePath)
	if !ok {
		return nil, fmt.Errorf("%w: this is no invite link, or its part after # is missing", ErrMalformed)
	}
	var i Invite
	if host, ok := strings.CutPrefix(before, "https://"); ok {
		i.Host = host
	} else if host, ok := strings.CutPrefix(before, "http://"); ok && isLoopback(host) {
		i.Host = host
	}
	b, err := inviteEncoding.DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("%w: the part of the link after # was changed", ErrMalformed)
	}
	r := tlsenc.NewReader(b)
	i.Origin = string(r.Vector(maxOrigin))
	i.LogKey = string(r.Vector(maxLogKey))
	copy(i.VRFKey[:], r.Fixed(len(i.VRFKey)))
	i.Policy = string(r.Vector(maxPolicy))
	copy(i.Inviter[:], r.Fixed(len(i.Inviter)))
	copy(i.InviterKey[:], r.Fixed(len(i.InviterKey)))
	i.Size = r.Uint64()
	copy(i.Root[:], r.Fixed(len(i.Root)))
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: invite: %w", ErrMalformed, err)
	}
	if err := i.check(); err != nil {
		return nil, err
	}
	return &i, nil
}

func (i *Invite) check() error {
	switch {
	case !isHost(i.Host):
		return fmt.Errorf("%w: address of the server in an invite", ErrMalformed)
	case !isToken(i.Origin, maxOrigin):
		return fmt.Errorf("%w: origin of an invite", ErrMalformed)
	case !isToken(i.LogKey, maxLogKey):
		return fmt.Errorf("%w: log key of an invite", ErrMalformed)
	case len(i.Policy) > maxPolicy || !utf8.ValidString(i.Policy):
		return fmt.Errorf("%w: witness policy of an invite", ErrMalformed)
	case i.Inviter.IsZero() || !identity.ValidKey(i.InviterKey):
		return fmt.Errorf("%w: inviter of an invite", ErrMalformed)
	case i.Size == 0 && i.Root != [32]byte{}:
		return fmt.Errorf("%w: checkpoint of an invite", ErrMalformed)
	default:
		return nil
	}
}

// isToken reports whether s is 1 to most printable ASCII characters without
// space.
func isToken(s string, most int) bool {
	return s != "" && len(s) <= most && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// isHost reports whether s can be a host with a port: characters of names,
// addresses and ports only, so that nothing else of a URL hides in it.
func isHost(s string) bool {
	return s != "" && len(s) <= maxHost && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-:[]", r))
	}) < 0
}

func isLoopback(host string) bool {
	for _, name := range []string{"localhost", "127.0.0.1", "[::1]"} {
		if host == name || strings.HasPrefix(host, name+":") {
			return true
		}
	}
	return false
}
