// Package conversation is what the members of a conversation have agreed on: who
// is in it in which role, its name and its rules. It is an extension of the MLS
// GroupContext, so that all members see the same, and each member checks with
// Allowed, before merging a commit, whether its sender may do what it does.
//
// The package does no I/O and reads no clock.
package conversation

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"conclave/core/mlswire"
	"conclave/core/tlsenc"
)

// ExtensionType is conclave_conversation, from the range for private use.
const ExtensionType mlswire.ExtensionType = 0xF0C1

const (
	format   = 1
	userSize = 16
	// MaxName is the most bytes of a name.
	MaxName = 128
	// MaxUsers is the most users of a conversation.
	MaxUsers = 2000
	roleSize = userSize + 1
	// MaxState is the most bytes of an encoded State.
	MaxState = 2 + 1 + 2 + MaxName + 4 + MaxUsers*roleSize + 3 + 4
)

var (
	// ErrState says that bytes are no state, or that a state breaks a rule: the
	// commit or Welcome that brings it is refused.
	ErrState = errors.New("conversation: invalid state")
	// ErrFormat says that a state is of a format of a later version.
	ErrFormat = errors.New("conversation: state of a later version; update to take part")
)

// A User is the id of an account.
type User [userSize]byte

// Kind says what a conversation is for. It never changes.
type Kind uint8

// The kinds.
const (
	Direct Kind = iota + 1 // two users for ever, or one: notes
	Group
)

// Role is what a user may do; the lower, the more.
type Role uint8

// The roles.
const (
	Owner  Role = iota + 1
	Admin       // all but roles above member
	Member      // what the policy says
	Reader      // reads only
)

// History says what a new member is given of the time before.
type History uint8

// The choices for history.
const (
	NoHistory     History = iota + 1
	SealedHistory         // a member hands over a sealed archive
)

// An Entry is one user and the role of that user.
type Entry struct {
	User User
	Role Role
}

// Policy is the rules that a conversation chose. Add and Rename are the least
// roles that may; at most Member.
type Policy struct {
	Add     Role
	Rename  Role
	History History
	// Disappearing is after how many seconds messages disappear; 0: never.
	Disappearing uint32
}

// A State is all that the members agreed on. It may be read concurrently.
type State struct {
	Kind   Kind
	Name   string  // empty: none; a Direct has none
	Roles  []Entry // ascending by user
	Policy Policy
}

// Role returns the role of a user; false: not in the conversation.
func (s *State) Role(u User) (Role, bool) {
	for _, e := range s.Roles {
		if e.User == u {
			return e.Role, true
		}
	}
	return 0, false
}

// Encode returns the data of the extension, in the TLS presentation language
// (RFC 8446, Section 3; vectors as in RFC 9420, Section 2.1.2), or ErrState:
//
//	struct { opaque user[16]; uint8 role; } Entry;
//	struct {
//	    uint16 format = 1;
//	    uint8 kind;
//	    opaque name<V>;
//	    Entry roles<V>;
//	    uint8 add;
//	    uint8 rename;
//	    uint8 history;
//	    uint32 disappearing;
//	} Conversation;
func (s *State) Encode() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	w := tlsenc.NewWriter(64 + len(s.Name) + len(s.Roles)*roleSize)
	w.Uint16(format)
	w.Uint8(uint8(s.Kind))
	w.Vector([]byte(s.Name))
	w.Nested(func(w *tlsenc.Writer) {
		for _, e := range s.Roles {
			w.Fixed(e.User[:])
			w.Uint8(uint8(e.Role))
		}
	})
	w.Uint8(uint8(s.Policy.Add))
	w.Uint8(uint8(s.Policy.Rename))
	w.Uint8(uint8(s.Policy.History))
	w.Uint32(s.Policy.Disappearing)
	return w.Bytes(), nil
}

// Parse reads what Encode wrote. Errors wrap ErrState or ErrFormat.
func Parse(b []byte) (*State, error) {
	r := tlsenc.NewReader(b)
	if version := r.Uint16(); r.Err() == nil && version != format {
		return nil, ErrFormat
	}
	s := State{Kind: Kind(r.Uint8()), Name: string(r.Vector(MaxName))}
	roles := tlsenc.NewReader(r.Vector(MaxUsers * roleSize))
	for roles.Len() > 0 && roles.Err() == nil {
		var e Entry
		copy(e.User[:], roles.Fixed(userSize))
		e.Role = Role(roles.Uint8())
		s.Roles = append(s.Roles, e)
	}
	s.Policy = Policy{Add: Role(r.Uint8()), Rename: Role(r.Uint8()), History: History(r.Uint8()), Disappearing: r.Uint32()}
	if err := errors.Join(r.Done(), roles.Done()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return &s, nil
}

// check checks what holds of every state.
func (s *State) check() error {
	if s.Kind != Direct && s.Kind != Group {
		return fmt.Errorf("%w: unknown kind", ErrState)
	}
	if !nameable(s.Name) {
		return fmt.Errorf("%w: name", ErrState)
	}
	p := s.Policy
	if p.Add < Owner || p.Add > Member || p.Rename < Owner || p.Rename > Member || p.History < NoHistory || p.History > SealedHistory {
		return fmt.Errorf("%w: policy", ErrState)
	}
	if len(s.Roles) == 0 || len(s.Roles) > MaxUsers {
		return fmt.Errorf("%w: no users or too many", ErrState)
	}
	owners := 0
	for i, e := range s.Roles {
		if e.Role < Owner || e.Role > Reader || e.User == (User{}) {
			return fmt.Errorf("%w: unknown role or no user", ErrState)
		}
		if i > 0 && bytes.Compare(s.Roles[i-1].User[:], e.User[:]) >= 0 {
			return fmt.Errorf("%w: users are not in order", ErrState)
		}
		if e.Role == Owner {
			owners++
		}
	}
	if owners == 0 {
		return fmt.Errorf("%w: no owner", ErrState)
	}
	if s.Kind == Direct && (len(s.Roles) > 2 || owners != len(s.Roles) || s.Name != "") {
		return fmt.Errorf("%w: not between two equals", ErrState)
	}
	return nil
}

// nameable reports whether s can be shown as the name of a conversation.
func nameable(s string) bool {
	if len(s) > MaxName || !utf8.ValidString(s) || strings.TrimSpace(s) != s {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool {
		return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029'
	})
}

// Required returns the required_capabilities of every conversation (RFC 9420,
// Section 11.1): a device that does not know the extension cannot be added.
func Required() mlswire.RequiredCapabilities {
	return mlswire.RequiredCapabilities{
		ExtensionTypes:  []mlswire.ExtensionType{ExtensionType},
		CredentialTypes: []mlswire.CredentialType{mlswire.CredentialTypeBasic},
	}
}

// ErrSuite says that a group's cipher suite is below what a user accepts: the
// secure version was not offered, and the group is neither made nor joined.
var ErrSuite = errors.New("conversation: cipher suite below what a member accepts")

// CheckSuite returns ErrSuite if a group's suite is below the least of one of its
// users, from their verified records.
func CheckSuite(suite mlswire.CipherSuite, least ...uint16) error {
	for _, l := range least {
		if uint16(suite) < l {
			return ErrSuite
		}
	}
	return nil
}
